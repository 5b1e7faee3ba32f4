/* Statistics of timings: what a noisy machine allows to say. For bench, the ceilings and the tuner.
 *
 * Every function is deterministic: resampling uses a fixed seed, so the same samples give the same words. Samples are
 * counted in n, from 1 to STATISTICS_MAX, and are left as they are. */
#pragma once
#include <stddef.h>

enum { STATISTICS_MAX = 1000 };

typedef struct { double low, high; } interval;

double statistics_mean(const double *v, size_t n);
double statistics_sd(const double *v, size_t n);                /* of the sample (n - 1); 0 for one value */
double statistics_least(const double *v, size_t n);
double statistics_most(const double *v, size_t n);
double statistics_median(const double *v, size_t n);            /* of an even number: the mean of the two in the middle */
/* The value below which the share q (0 to 1) of the samples lies, with linear interpolation between neighbours. */
double statistics_quantile(const double *v, size_t n, double q);

/* 95 % interval of the median by the percentile bootstrap (Efron 1979), 2000 resamples. One value: that value twice. */
interval statistics_median_interval(const double *v, size_t n);

/* The median of a[i] / b[i] and its 95 % interval: two things measured in turn, so that what slows both cancels. b[i] > 0. */
typedef struct { double median; interval range; } paired_ratio;
paired_ratio statistics_paired_ratio(const double *a, const double *b, size_t n);

/* How likely a difference at least as large as that of the pairs (a[i], b[i]) would be if the two did not differ: the
 * two-sided sign-flip permutation test (Fisher 1935) on the mean of log(a/b), over all 2^n flips up to n = 14, else over 20000
 * random ones. Values > 0. The least possible result is 2 / 2^n: fewer than 6 pairs cannot reach 0.05. */
double statistics_permutation_test(const double *a, const double *b, size_t n);

/* The same by signs alone (binomial, two-sided; ties are left out): blind to how large the differences are, so outliers cannot hide one. */
double statistics_sign_test(const double *a, const double *b, size_t n);
