/* Statistics of timings: see statistics.h. */
#include "perf/statistics.h"
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "perf/random.h"

enum { RESAMPLES = 2000, EXACT_FLIPS_MOST = 14, RANDOM_FLIPS = 20000 };

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(double *v, size_t n) { qsort(v, n, sizeof *v, ascending); }

/* v ascending. */
static double sorted_quantile(const double *v, size_t n, double q) {
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;
    return i + 1 < n ? v[i] + (at - (double)i) * (v[i + 1] - v[i]) : v[n - 1];
}

double statistics_mean(const double *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += v[i];
    return sum / (double)n;
}

double statistics_sd(const double *v, size_t n) {
    if (n < 2) return 0;
    const double mean = statistics_mean(v, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (v[i] - mean) * (v[i] - mean);
    return sqrt(sum / (double)(n - 1));
}

double statistics_least(const double *v, size_t n) {
    double least = v[0];
    for (size_t i = 1; i < n; i++) least = v[i] < least ? v[i] : least;
    return least;
}

double statistics_most(const double *v, size_t n) {
    double most = v[0];
    for (size_t i = 1; i < n; i++) most = v[i] > most ? v[i] : most;
    return most;
}

double statistics_quantile(const double *v, size_t n, double q) {
    assert(n >= 1 && n <= STATISTICS_MAX && q >= 0 && q <= 1);
    double sorted[STATISTICS_MAX];
    memcpy(sorted, v, n * sizeof *v);
    sort(sorted, n);
    return sorted_quantile(sorted, n, q);
}

double statistics_median(const double *v, size_t n) { return statistics_quantile(v, n, 0.5); }

interval statistics_median_interval(const double *v, size_t n) {
    assert(n >= 1 && n <= STATISTICS_MAX);
    double median[RESAMPLES], drawn[STATISTICS_MAX];
    uint64_t seed = 1;
    for (size_t r = 0; r < RESAMPLES; r++) {
        for (size_t i = 0; i < n; i++) drawn[i] = v[random_below(&seed, (uint32_t)n)];
        sort(drawn, n);
        median[r] = sorted_quantile(drawn, n, 0.5);
    }
    sort(median, RESAMPLES);
    return (interval){ sorted_quantile(median, RESAMPLES, 0.025), sorted_quantile(median, RESAMPLES, 0.975) };
}

paired_ratio statistics_paired_ratio(const double *a, const double *b, size_t n) {
    assert(n >= 1 && n <= STATISTICS_MAX);
    double ratio[STATISTICS_MAX];
    for (size_t i = 0; i < n; i++) ratio[i] = a[i] / b[i];
    return (paired_ratio){ statistics_median(ratio, n), statistics_median_interval(ratio, n) };
}

/* |sum of d, each with the sign of its bit|. */
static double flipped_sum(const double *d, size_t n, const uint64_t *signs) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += signs[i / 64] >> i % 64 & 1 ? -d[i] : d[i];
    return fabs(sum);
}

double statistics_permutation_test(const double *a, const double *b, size_t n) {
    assert(n >= 1 && n <= STATISTICS_MAX);
    double d[STATISTICS_MAX];
    for (size_t i = 0; i < n; i++) d[i] = log(a[i] / b[i]);
    uint64_t signs[STATISTICS_MAX / 64 + 1] = {0}, seed = 1;
    const double observed = flipped_sum(d, n, signs) * (1 - 1e-12);      /* rounding must not make it differ from itself */
    const bool exact = n <= EXACT_FLIPS_MOST;
    const size_t flips = exact ? (size_t)1 << n : RANDOM_FLIPS;
    size_t as_large = 0;
    for (size_t f = 0; f < flips; f++) {
        if (exact) signs[0] = f;
        else for (size_t i = 0; i <= n / 64; i++) signs[i] = random_next(&seed);
        as_large += flipped_sum(d, n, signs) >= observed;
    }
    return exact ? (double)as_large / (double)flips : (double)(as_large + 1) / (double)(flips + 1);     /* the observed one is one of them */
}

double statistics_sign_test(const double *a, const double *b, size_t n) {
    size_t above = 0, below = 0;
    for (size_t i = 0; i < n; i++) { above += a[i] > b[i]; below += a[i] < b[i]; }
    const size_t m = above + below, fewer = above < below ? above : below;
    double tail = 0;
    for (size_t k = 0; k <= fewer; k++)
        tail += exp(lgamma((double)m + 1) - lgamma((double)k + 1) - lgamma((double)(m - k) + 1) - (double)m * log(2));
    return tail >= 0.5 ? 1 : 2 * tail;
}
