/* Comparing measurements: see compare.h. Methods as in Hollander and Wolfe, Nonparametric Statistical Methods, chapters 3 and 4. */
#include "perf/compare.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "perf/random.h"

enum { EXACT_FLIPS_MOST = 14, PERMUTATIONS = 20000, LEAST_PAIRS = 8 };

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* rank[i] of v[i] among v [n], from 1; equal values share their mean rank. */
static void find_ranks(const double *v, size_t n, double *rank) {
    double sorted[2 * STATISTICS_MAX];
    memcpy(sorted, v, n * sizeof *v);
    qsort(sorted, n, sizeof *sorted, ascending);
    for (size_t i = 0; i < n; i++) {
        size_t low = 0, high = n;
        for (size_t step = n; step; step /= 2) {        /* the first not below v[i], the first above */
            while (low + step <= n && sorted[low + step - 1] < v[i]) low += step;
            while (high >= step && sorted[high - step] > v[i]) high -= step;
        }
        rank[i] = (double)(low + 1 + high) / 2;
    }
}

/* The median of v [n] and the interval that leaves out `outside` values at each end. Sorts v. */
static void estimate(comparison *out, double *v, size_t n, double outside) {
    qsort(v, n, sizeof *v, ascending);
    const size_t cut = outside < 0 ? 0 : outside > (double)(n - 1) / 2 ? (n - 1) / 2 : (size_t)outside;
    out->ratio = exp((v[(n - 1) / 2] + v[n / 2]) / 2);
    out->range = (interval){ exp(v[cut]), exp(v[n - 1 - cut]) };
}

static void judge(comparison *out, bool enough, double threshold) {
    out->verdict = COMPARE_SAME;
    if (!enough) out->verdict = COMPARE_TOO_FEW;
    else if (out->p < COMPARE_P && out->ratio < 1 - threshold) out->verdict = COMPARE_SLOWER;
    else if (out->p < COMPARE_P && out->ratio > 1 / (1 - threshold)) out->verdict = COMPARE_FASTER;
}

/* ---- separate runs ---- */

/* How often a random choice of n of the ranks [all] has a sum as far from what is expected as that of the first n. */
static double rank_sum_p(double *rank, size_t n, size_t all) {
    const double expected = (double)n * ((double)all + 1) / 2;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += rank[i];
    const double observed = fabs(sum - expected) - 1e-6;
    uint64_t seed = 1;
    size_t as_far = 0;
    for (int p = 0; p < PERMUTATIONS; p++) {
        sum = 0;
        for (size_t i = 0; i < n; i++) {
            const size_t k = i + random_below(&seed, (uint32_t)(all - i));
            const double drawn = rank[k];
            rank[k] = rank[i];
            rank[i] = drawn;
            sum += drawn;
        }
        as_far += fabs(sum - expected) >= observed;
    }
    return (double)(as_far + 1) / (PERMUTATIONS + 1);
}

/* The ways to choose n of all, as far as it matters: with fewer than 2 / COMPARE_P nothing is significant. */
static bool enough_samples(size_t n, size_t all) {
    double ways = 1;
    for (size_t i = 0; i < n; i++) ways *= (double)(all - i) / (double)(i + 1);
    return ways > 2 / COMPARE_P;
}

int compare_runs(comparison *out, const double *now, size_t n_now, const double *before, size_t n_before, double threshold, error *err) {
    assert(n_now >= 1 && n_now <= STATISTICS_MAX && n_before >= 1 && n_before <= STATISTICS_MAX);
    double value[2 * STATISTICS_MAX], rank[2 * STATISTICS_MAX];
    const size_t all = n_now + n_before, pairs = n_now * n_before;
    double *ratio = memory_new(pairs, sizeof *ratio);
    if (!ratio) return fail_memory(err, pairs * sizeof *ratio, "a comparison");
    for (size_t i = 0; i < n_now; i++) value[i] = log(now[i]);
    for (size_t i = 0; i < n_before; i++) value[n_now + i] = log(before[i]);
    for (size_t i = 0; i < pairs; i++) ratio[i] = value[i / n_before] - value[n_now + i % n_before];
    estimate(out, ratio, pairs, (double)pairs / 2 - 1.96 * sqrt((double)pairs * (double)(all + 1) / 12));
    memory_free(ratio);
    find_ranks(value, all, rank);
    out->p = rank_sum_p(rank, n_now, all);
    judge(out, enough_samples(n_now < n_before ? n_now : n_before, all), threshold);
    return 0;
}

/* ---- pairs ---- */

static double signed_sum(const double *rank, size_t n, const uint64_t *signs) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += signs[i / 64] >> i % 64 & 1 ? -rank[i] : rank[i];
    return fabs(sum);
}

/* How often random signs make the sum of the signed ranks [n] as large. */
static double signed_rank_p(const double *rank, size_t n) {
    uint64_t signs[STATISTICS_MAX / 64 + 1] = {0}, seed = 1;
    const double observed = signed_sum(rank, n, signs) - 1e-6;
    const bool exact = n <= EXACT_FLIPS_MOST;
    const size_t flips = exact ? (size_t)1 << n : PERMUTATIONS;
    size_t as_large = 0;
    for (size_t f = 0; f < flips; f++) {
        if (exact) signs[0] = f;
        else for (size_t i = 0; i <= n / 64; i++) signs[i] = random_next(&seed);
        as_large += signed_sum(rank, n, signs) >= observed;
    }
    return exact ? (double)as_large / (double)flips : (double)(as_large + 1) / (double)(flips + 1);
}

int compare_pairs(comparison *out, const double *now, const double *before, size_t n, double threshold, error *err) {
    assert(n >= 1 && n <= STATISTICS_MAX);
    double d[STATISTICS_MAX], size[STATISTICS_MAX], rank[STATISTICS_MAX];
    const size_t means = n * (n + 1) / 2;
    double *mean = memory_new(means, sizeof *mean);
    if (!mean) return fail_memory(err, means * sizeof *mean, "a comparison");
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        d[i] = log(now[i] / before[i]);
        size[i] = fabs(d[i]);
        for (size_t k = 0; k <= i; k++) mean[at++] = (d[i] + d[k]) / 2;       /* Walsh averages */
    }
    estimate(out, mean, means, (double)means / 2 - 1.96 * sqrt((double)means * (double)(2 * n + 1) / 12));
    memory_free(mean);
    find_ranks(size, n, rank);
    for (size_t i = 0; i < n; i++) {
        const double score = fmin(rank[i], (double)n / 4);      /* a disturbed run is a large difference: it must not outweigh the others */
        rank[i] = d[i] > 0 ? score : d[i] < 0 ? -score : 0;
    }
    out->p = signed_rank_p(rank, n);
    judge(out, n >= LEAST_PAIRS, threshold);
    return 0;
}

const char *compare_verdict_name(compare_verdict v) {
    switch (v) {
        case COMPARE_SLOWER:  return "slower";
        case COMPARE_FASTER:  return "faster";
        case COMPARE_TOO_FEW: return "too few samples";
        case COMPARE_UNLIKE:  return "ceilings differ";
        case COMPARE_SAME:    break;
    }
    return "no difference";
}
