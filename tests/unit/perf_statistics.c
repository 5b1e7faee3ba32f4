/* perf/statistics: answers that are known. */
#include "test.h"
#include <math.h>
#include "perf/statistics.h"

static void simple_ones(void **state) {
    (void)state;
    const double v[] = { 4, 1, 3, 2, 10 };
    assert_true(statistics_mean(v, 5) == 4);
    assert_float_equal(statistics_sd(v, 5), sqrt(50.0 / 4), 1e-6);
    assert_true(statistics_sd(v, 1) == 0);
    assert_true(statistics_least(v, 5) == 1 && statistics_most(v, 5) == 10);
    assert_true(statistics_median(v, 5) == 3 && statistics_median(v, 4) == 2.5 && statistics_median(v, 1) == 4);
    assert_true(statistics_quantile(v, 5, 0) == 1 && statistics_quantile(v, 5, 1) == 10 && statistics_quantile(v, 5, 0.25) == 2);
    assert_float_equal(statistics_quantile(v, 5, 0.875), 7, 1e-9);
    assert_true(v[0] == 4 && v[4] == 10);
}

/* The exact distribution of the resampled median of 3 values: the least value is it with 7/27, so both ends of 95 % are the extremes. */
static void intervals_of_few(void **state) {
    (void)state;
    const double three[] = { 2, 1, 3 }, one[] = { 5 };
    interval i = statistics_median_interval(three, 3);
    assert_true(i.low == 1 && i.high == 3);
    i = statistics_median_interval(one, 1);
    assert_true(i.low == 5 && i.high == 5);
}

/* 101 values 0..100: the median of a resample is near normal with sd about 1/(2 f sqrt n) = 5.0, so the interval is near 40..60. */
static void intervals_of_many(void **state) {
    (void)state;
    double v[101];
    for (int i = 0; i < 101; i++) v[i] = (i * 37) % 101;
    const interval i = statistics_median_interval(v, 101), again = statistics_median_interval(v, 101);
    assert_true(i.low > 36 && i.low < 44 && i.high > 56 && i.high < 64);
    assert_true(i.low == again.low && i.high == again.high);
}

/* What slows both of a pair leaves the ratio alone. */
static void pairs_cancel_drift(void **state) {
    (void)state;
    double a[20], b[20];
    for (int i = 0; i < 20; i++) { b[i] = 100 / (1.0 + i % 7); a[i] = 0.9 * b[i] + (i % 2 ? 1e-3 : -1e-3); }
    const paired_ratio r = statistics_paired_ratio(a, b, 20);
    assert_float_equal(r.median, 0.9, 1e-4);
    assert_true(r.range.low <= r.median && r.median <= r.range.high && r.range.high - r.range.low < 1e-3);
}

static void tests_of_pairs(void **state) {
    (void)state;
    double a[8], b[8];
    for (int i = 0; i < 8; i++) { b[i] = 10 + i; a[i] = 1.05 * b[i]; }
    assert_float_equal(statistics_permutation_test(a, b, 8), 2.0 / 256, 1e-9);      /* all one way: only the two extreme flips */
    assert_float_equal(statistics_permutation_test(b, a, 8), 2.0 / 256, 1e-9);
    assert_float_equal(statistics_sign_test(a, b, 8), 2.0 / 256, 1e-9);
    assert_float_equal(statistics_permutation_test(b, b, 8), 1, 1e-9);
    assert_float_equal(statistics_sign_test(b, b, 8), 1, 1e-9);
    const double x[] = { 2, 1, 1 }, y[] = { 1, 2, 2 };                               /* log ratios +1 -1 -1: |sum| >= 1 always */
    assert_float_equal(statistics_permutation_test(x, y, 3), 1, 1e-9);
    for (int i = 0; i < 8; i++) a[i] = i == 3 ? b[i] * 0.5 : b[i] * 1.01;            /* 7 of 8: 2 * (1 + 8) / 256 */
    assert_float_equal(statistics_sign_test(a, b, 8), 18.0 / 256, 1e-9);
    assert_true(statistics_permutation_test(a, b, 8) > 0.2);
}

/* Under no difference, a test at 5 % cries wolf about 5 % of the time; a loss of 3 % under 2 % of noise is seen almost always. */
static void tests_keep_their_level(void **state) {
    (void)state;
    uint32_t seed = 12345;
    int false_alarms = 0, found = 0;
    enum { RUNS = 400, PAIRS = 10 };
    for (int run = 0; run < RUNS; run++) {
        double a[PAIRS], b[PAIRS], slower[PAIRS];
        for (int i = 0; i < PAIRS; i++) {
            double noise[2];
            for (int k = 0; k < 2; k++) {
                noise[k] = 0;
                for (int j = 0; j < 12; j++) { seed = seed * 1664525u + 1013904223u; noise[k] += seed / 4294967296.0; }
                noise[k] = 1 + 0.02 * (noise[k] - 6);
            }
            a[i] = noise[0];
            b[i] = noise[1];
            slower[i] = 0.97 * noise[0];
        }
        false_alarms += statistics_permutation_test(a, b, PAIRS) < 0.05;
        found += statistics_permutation_test(slower, b, PAIRS) < 0.05;
    }
    assert_true(false_alarms > RUNS / 100 && false_alarms < RUNS / 10);
    assert_true(found > RUNS * 3 / 4);
}

static void many_pairs_are_sampled(void **state) {
    (void)state;
    double a[100], b[100];
    for (int i = 0; i < 100; i++) { b[i] = 1; a[i] = i % 2 ? 1.1 : 1 / 1.1; }
    assert_true(statistics_permutation_test(a, b, 100) > 0.9);
    for (int i = 0; i < 100; i++) a[i] = i % 10 ? 1.1 : 1 / 1.1;
    assert_true(statistics_permutation_test(a, b, 100) < 1e-3);
    assert_true(statistics_sign_test(a, b, 100) < 1e-10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_ones),
        cmocka_unit_test(intervals_of_few),
        cmocka_unit_test(intervals_of_many),
        cmocka_unit_test(pairs_cancel_drift),
        cmocka_unit_test(tests_of_pairs),
        cmocka_unit_test(tests_keep_their_level),
        cmocka_unit_test(many_pairs_are_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
