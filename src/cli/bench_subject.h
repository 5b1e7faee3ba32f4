/* A model loaded in one way, and tests of its speed run on it one repetition at a time: what `ridge bench` and `ridge ladder` measure with. */
#pragma once
#include "perf/bench_result.h"

/* How a model is loaded. Texts are borrowed. Of the options, load, context_tokens and chunk_tokens are set from what is measured. */
typedef struct {
    const char         *path;
    ridge_model_options model;
    int                 batch, micro_batch;     /* the smaller one counts */
} bench_loading;

/* Tokens of a prompt, generated, and in the session before; prompt or gen may be 0, not both. */
typedef struct { int prompt, gen, depth; } bench_test;
/* Positions that a session needs for the test. */
int bench_test_positions(const bench_test *t);

/* "qwen2 494M Q8_0". */
void bench_model_name(const ridge_model *m, char *text, size_t room);

typedef struct bench_subject bench_subject;

/* positions: of the longest test. *out is NULL after a failure. */
int  bench_subject_open(bench_subject **out, const bench_loading *how, int positions, error *err);
void bench_subject_close(bench_subject *b);                         /* NULL is fine */

/* Opens probes of what limits the subject. threads: of the machine's limit; 0: as many as the subject has. */
int  bench_subject_probes(const bench_subject *b, int threads, pairing *p, error *err);

/* Fills in what is run and what that has to do; no sample yet. Texts of *r belong to the subject; `peak` is left for the caller. */
int  bench_subject_describe(const bench_subject *b, const bench_test *t, bench_result *r, error *err);

/* Brings the session to the test's depth: what bench_subject_run does first, outside its time. */
int  bench_subject_prepare(bench_subject *b, const bench_test *t, error *err);

/* Runs the test once. */
int  bench_subject_run(bench_subject *b, const bench_test *t, double *seconds, error *err);

/* Runs the test once and adds the sample to r, paired with the mean of the probes before it (*before) and behind it, which become *before. */
int  bench_subject_sample(bench_subject *b, const bench_test *t, const pairing *p, pairing_probe *before, bench_result *r, error *err);

/* Runs the test once more, profiled: the result's steps. *profile owns what they are called; free it with ridge_profile_free, also after a failure. */
int  bench_subject_profile(bench_subject *b, const bench_test *t, ridge_profile **profile, bench_result *r, error *err);
