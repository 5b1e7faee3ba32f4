/* Comparing two sets of measurements of the same thing: is the new one slower? For `ridge bench --compare`.
 *
 * Everything goes by ranks, so that a few disturbed samples decide nothing. A change is called one only where it is both unlikely to be
 * chance (COMPARE_P) and larger than what matters in practice (the threshold): the first alone cries wolf over trifles that are real,
 * the second alone over noise. Deterministic: random permutations use a fixed seed. Values > 0; larger is faster. */
#pragma once
#include <stddef.h>
#include "base/error.h"
#include "perf/statistics.h"

static const double COMPARE_P = 0.01;

typedef enum { COMPARE_SAME, COMPARE_SLOWER, COMPARE_FASTER, COMPARE_TOO_FEW, COMPARE_UNLIKE } compare_verdict;

typedef struct {
    double          ratio;      /* now over before, Hodges-Lehmann: the median over all pairs of samples */
    interval        range;      /* its 95 % interval, from the same ranks */
    double          p;          /* two-sided */
    compare_verdict verdict;    /* COMPARE_UNLIKE is the caller's: the circumstances forbid it.
                                 * COMPARE_TOO_FEW: not even the clearest loss of so few samples would be significant */
} comparison;

/* Samples of two separate runs: the rank sum test (Wilcoxon 1945; Mann and Whitney 1947) over 20000 random permutations. Five of each are
 * enough for the clearest differences. threshold: 0.02 is 2 %. n_now, n_before: 1 to STATISTICS_MAX. Fails for want of memory only. */
int compare_runs(comparison *out, const double *now, size_t n_now, const double *before, size_t n_before, double threshold, error *err);

/* Samples taken in turn, now[i] beside before[i]: the signed rank test (Wilcoxon 1945) on log ratios, with the larger three quarters of the ranks
 * taken as equal, which is half way to a sign test; exact up to 14 pairs. Eight pairs at least. */
int compare_pairs(comparison *out, const double *now, const double *before, size_t n, double threshold, error *err);

/* "slower", "no difference", ... */
const char *compare_verdict_name(compare_verdict v);
