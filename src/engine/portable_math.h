/* exp and log in double by arithmetic alone, for sampling: a seed then gives the same tokens on every machine, whatever its libm. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline double portable_power_of_two(int e) {     /* -1022 <= e <= 1023 */
    const uint64_t bits = (uint64_t)(e + 1023) << 52;
    double d;
    memcpy(&d, &bits, 8);
    return d;
}

/* e^x with a relative error below 4e-16; 0 below -708, infinity above 709. x = k log 2 + r, then the series of e^r to r^13. */
static inline double portable_exp(double x) {
    if (!(x >= -708)) return 0;
    if (x > 709) return INFINITY;
    const double k = floor(x * 1.44269504088896340736 + 0.5);
    const double r = (x - k * 0x1.62e42fee00000p-1) - k * 0x1.a39ef35793c76p-33;    /* log 2 in two parts: k times the first is exact */
    double sum = 1;
    for (int i = 13; i > 0; i--) sum = 1 + r * sum / i;
    return sum * portable_power_of_two((int)k);
}

/* log x for finite x > 0. x = 2^e m with m near 1, then the series of 2 artanh((m - 1) / (m + 1)) to the 23rd power. */
static inline double portable_log(double x) {
    int e = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        e = -54;
    }
    uint64_t bits;
    memcpy(&bits, &x, 8);
    e += (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, 8);
    if (m > 1.41421356237309504880) {
        m /= 2;
        e++;
    }
    const double s = (m - 1) / (m + 1), s2 = s * s;
    double sum = 1.0 / 23;
    for (int i = 21; i > 0; i -= 2) sum = 1.0 / i + s2 * sum;
    return 2 * s * sum + e * 0.69314718055994530942;
}
