/* Rotary position embedding (Su et al., arXiv:2104.09864): frequencies and angles. Logarithm, exponential, sine and cosine are
 * Taylor series after an exact range reduction, in double and in a fixed order, so that every machine gets the same bits. */
#include "plan/rotary.h"
#include <string.h>

/* log(x) for normal x > 0: x = m 2^e with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m - 1) / (m + 1)). */
static double logarithm(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    int e = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, 8);
    if (m > 1.4142135623730951) { m *= 0.5; e++; }
    const double s = (m - 1) / (m + 1), s2 = s * s;
    double sum = 0;
    for (int k = 21; k >= 1; k -= 2) sum = sum * s2 + 1.0 / k;
    return 2 * s * sum + e * 0.6931471805599453;
}

/* exp(x) for |x| < 700: x = k log 2 + r, |r| <= log(2) / 2. The first part of log 2 has 32 bits, so that k times it is exact. */
static double exponential(double x) {
    const int k = (int)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
    const double r = (x - k * 0x1.62e42fee00000p-1) - k * 0x1.a39ef35793c76p-33;
    double sum = 1;
    for (int i = 14; i >= 1; i--) sum = 1 + sum * r / i;
    const uint64_t bits = (uint64_t)(k + 1023) << 52;
    double power;
    memcpy(&power, &bits, 8);
    return sum * power;
}

void rotary_frequencies(const rope_config *rope, const float *factors, double *frequency) {
    const double log_base = logarithm((double)rope->base);
    for (uint32_t i = 0; i < rope->n_rotated / 2; i++) {
        const double f = exponential(-(2.0 * i / rope->n_rotated) * log_base);
        frequency[i] = (factors ? f / (double)factors[i] : f) * (double)rope->linear_scale;
    }
}

/* Taylor series on [-pi/4, pi/4]: the first term left out is below 1e-16. */
static double sine_near_zero(double r) {
    const double r2 = r * r;
    double sum = 1;
    for (int k = 14; k >= 2; k -= 2) sum = 1 - sum * r2 / (k * (k + 1));
    return r * sum;
}

static double cosine_near_zero(double r) {
    const double r2 = r * r;
    double sum = 1;
    for (int k = 15; k >= 1; k -= 2) sum = 1 - sum * r2 / (k * (k + 1));
    return sum;
}

/* pi/2 in three parts of 29, 29 and 53 bits (Cody and Waite): up to 2^24 quarter turns times one of the first two are exact. */
#define PI_HALF_1 0x1.921fb54000000p+0
#define PI_HALF_2 0x1.10b4611000000p-30
#define PI_HALF_3 0x1.4c4c6628b80dcp-59

void rotary_angles(const double *frequency, size_t n, uint32_t position, float *cosine, float *sine) {
    for (size_t i = 0; i < n; i++) {
        const double angle = position * frequency[i], quarters = angle * 0.6366197723675814 + 0.5;
        const int64_t k = (int64_t)quarters;                /* angles are not negative: truncation is floor */
        const double turns = (double)k;
        const double r = ((angle - turns * PI_HALF_1) - turns * PI_HALF_2) - turns * PI_HALF_3;
        const double s = sine_near_zero(r), c = cosine_near_zero(r);
        switch (k & 3) {
        case 0: cosine[i] = (float)c;  sine[i] = (float)s;  break;
        case 1: cosine[i] = (float)-s; sine[i] = (float)c;  break;
        case 2: cosine[i] = (float)-c; sine[i] = (float)-s; break;
        case 3: cosine[i] = (float)s;  sine[i] = (float)-c; break;
        }
    }
}
