/* One configuration of a benchmark: a model loaded one way, and the tests run on it. For bench.c. */
#pragma once
#include "cli/bench_subject.h"

typedef struct {
    bench_loading how;
    bool          warm_up, progress;
    bool          profile;              /* each test runs once more, profiled, when its times are taken: the result's steps */
    int           repetitions;
} bench_setting;

/* Runs the tests and hands each result to `receive`; it is borrowed for that call. */
typedef void bench_receive(void *user, const bench_result *r);
int bench_setting_run(const bench_setting *setting, const bench_test *tests, size_t n_tests, bench_receive *receive, void *user, error *err);
