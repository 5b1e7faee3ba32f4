/* One configuration of a benchmark: a model loaded one way, and the tests run on it. For bench.c. */
#pragma once
#include "perf/bench_result.h"

typedef struct {
    const char *path;
    int         threads, batch, micro_batch;
    const char *isa, *fuse;             /* isa NULL: the best */
    bool        precise, pack, warm_up, progress;
    bool        profile;                /* each test runs once more, profiled, when its times are taken: the result's steps */
    int         repetitions;
} bench_setting;

/* Tokens of a prompt, generated, and in the session before; prompt or gen may be 0, not both. */
typedef struct { int prompt, gen, depth; } bench_test;

/* Runs the tests and hands each result to `receive`; it is borrowed for that call. */
typedef void bench_receive(void *user, const bench_result *r);
int bench_setting_run(const bench_setting *setting, const bench_test *tests, size_t n_tests, bench_receive *receive, void *user, error *err);
