/* Measuring for `ridge profile`, `ridge why` and `ridge run --profile`: a model that runs a test, with a profile and without one. */
#pragma once
#include "cli/model_flags.h"
#include "perf/profile_report.h"

/* A prompt of so many tokens, or so many generated ones; behind `depth` others. */
typedef struct { bool decodes; int tokens, depth; } profile_test;

/* What a command line says. */
typedef struct {
    model_arguments       model;
    const char           *shape, *type;         /* random weights in a known shape, instead of model.model */
    ridge_sampler_options sampling;
    int prompt, gen, depth, repetitions;        /* prompt or gen may be 0 */
} profile_arguments;

#define PROFILE_ARGUMENTS_DEFAULT \
    { .model = MODEL_ARGUMENTS_DEFAULT, .type = "q8_0", .sampling = ridge_sampler_options_default(), .prompt = 512, .gen = 64, .repetitions = 3 }

#define PROFILE_MODEL_FLAGS(a)                                                                                                          \
    MODEL_FLAG((a).model),                                                                                                              \
    { "--shape", "NAME", "random weights in the shape of a known model: qwen2.5-0.5b, ...", .text = &(a).shape },                       \
    { "--type", "NAME", "of --shape's weights (default: q8_0)", .text = &(a).type }

#define PROFILE_TEST_FLAGS(a)                                                                                                           \
    { "-p --n-prompt", "N", "process a prompt of so many tokens (512); 0: no such test", .number = &(a).prompt, .least = 0, .most = 1 << 20 }, \
    { "-n --n-gen", "N", "generate so many tokens (64); 0: no such test", .number = &(a).gen, .least = 0, .most = 1 << 20 },            \
    { "-d --n-depth", "N", "behind so many tokens (0)", .number = &(a).depth, .least = 0, .most = 1 << 20 },                            \
    { "-r --repetitions", "N", "of each test, with and without profiling (3)", .number = &(a).repetitions, .least = 1, .most = 100 },   \
    { "--temp --temperature", "T", "of sampling; 0: always the most likely token (0.8)", .real = &(a).sampling.temperature, .least = 0, .most = 1e6 }, \
    { "--top-k", "K", "of sampling; 0: off (40)", .number = &(a).sampling.top_k }

/* The tests that a command line asks for, [2] at most; RIDGE_E_BAD_ARGUMENT where there is none. */
int profile_tests(const profile_arguments *a, profile_test tests[2], size_t *n, error *err);

/* An open model with what a test needs. */
typedef struct {
    ridge_model   *model;
    ridge_session *session;
    ridge_sampler *sampler;
    int32_t       *ids;                         /* the token at each position, whatever the test */
    int            threads;
} profile_subject;

int  profile_subject_open(profile_subject *s, const profile_arguments *a, error *err);
void profile_subject_close(profile_subject *s);

/* Runs the test once; *seconds is its time. profile: collects from it alone; may be NULL. */
int profile_subject_run(profile_subject *s, const profile_test *t, ridge_profile *profile, double *seconds, error *err);

/* A test with and without profiling, in turn, and the limits probed in between. */
typedef struct {
    double         plain[100], profiled[100];   /* seconds of each repetition */
    int            n;
    ridge_profile *profile;
    profile_report report;                      /* borrows from profile */
} profile_measurement;

int  profile_measure(profile_measurement *m, profile_subject *s, const profile_test *t, int repetitions, size_t trace_runs, bool by_layer, error *err);
void profile_measurement_free(profile_measurement *m);

/* Opens probes of what limits this model's steps. */
int profile_limits_open(limits_probe *l, const ridge_model *m, const ridge_profile *p, int threads, error *err);

/* "prompt: 512 tokens behind 0". */
void profile_test_name(const profile_test *t, char *text, size_t room);
