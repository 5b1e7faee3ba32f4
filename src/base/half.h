/* The 16-bit floating-point types, in plain C and exact: what files hold, and what every ISA's words must equal. */
#pragma once
#include <stdint.h>
#include <string.h>

static inline uint32_t float_bits(float f) { uint32_t u; memcpy(&u, &f, 4); return u; }
static inline float float_from_bits(uint32_t u) { float f; memcpy(&f, &u, 4); return f; }

/* IEEE half to single: exact, every half has a single. */
static inline float f16_to_f32(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023;
    if (e == 31) return float_from_bits(sign | 0x7f800000 | m << 13);
    if (e)       return float_from_bits(sign | (e + 112) << 23 | m << 13);
    const float f = (float)m * 0x1p-24f;
    return float_from_bits(sign | float_bits(f));
}

/* IEEE single to half, to nearest, ties to even; overflow gives infinity, NaN stays NaN. */
static inline uint16_t f32_to_f16(float f) {
    const uint32_t u = float_bits(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000)  return (uint16_t)(sign | 0x7e00);
    if (a >= 0x477ff000) return (uint16_t)(sign | 0x7c00);                         /* 65520 and more round to infinity */
    if (a < 0x38800000) {                                                          /* below 2^-14: a multiple of 2^-24 */
        const uint32_t half = float_bits(float_from_bits(a) + 0.5f) - 0x3f000000;  /* 0.5f has ulp 2^-24: the sum rounds for us */
        return (uint16_t)(sign | half);
    }
    const uint32_t rounded = a + 0xfff + (a >> 13 & 1);
    return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}

static inline float bf16_to_f32(uint16_t h) { return float_from_bits((uint32_t)h << 16); }

/* To nearest, ties to even; NaN stays a quiet NaN. */
static inline uint16_t f32_to_bf16(float f) {
    const uint32_t u = float_bits(f);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 64);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
