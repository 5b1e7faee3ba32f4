/* What the plain halves of the format files share: small steps of packing and of the reference quantisers. */
#pragma once
#include <math.h>
#include <stdint.h>
#include "formats/together.h"

static inline int  bit_of(const uint8_t *bits, int i)               { return bits[i / 8] >> i % 8 & 1; }
static inline void set_bit(uint8_t *bits, int i, int value)         { bits[i / 8] = (uint8_t)(bits[i / 8] | value << i % 8); }

/* Bits j, j + 4, j + 8 ... j + 28 of 32, as one byte: what a panel keeps of the fifth bits. */
static inline uint8_t every_fourth_bit(const uint8_t *bits, int j) {
    int byte = 0;
    for (int g = 0; g < 8; g++) byte |= bit_of(bits, 4 * g + j) << g;
    return (uint8_t)byte;
}

/* n bytes of row r, a multiple of four, into a panel's dwords [n / 4][16][4]: what every panel of the K formats does with them. */
static inline void spread(uint8_t (*to)[16][4], int r, const void *from, int n) {
    for (int i = 0; i < n; i++) to[i / 4][r][i % 4] = ((const uint8_t *)from)[i];
}

/* The same way back. */
static inline void gather(void *to, const uint8_t (*from)[16][4], int r, int n) {
    for (int i = 0; i < n; i++) ((uint8_t *)to)[i] = from[i / 4][r][i % 4];
}

/* The same of pieces that a panel keeps together (together.h). */
static inline void spread_together(uint8_t (*to)[16][4], int r, const void *block, together t) {
    for (int i = 0; i < TOGETHER_BYTES; i++)
        for (int p = 0; p < t.n; p++) to[i / 4 * t.n + p][r][i % 4] = ((const uint8_t *)block)[t.at[p] + i];
}
static inline void gather_together(void *block, const uint8_t (*from)[16][4], int r, together t) {
    for (int i = 0; i < TOGETHER_BYTES; i++)
        for (int p = 0; p < t.n; p++) ((uint8_t *)block)[t.at[p] + i] = from[i / 4 * t.n + p][r][i % 4];
}

/* The first of the values with the largest magnitude, with its sign; 0 where all are zero. */
static inline float value_of_largest_magnitude(const float *x, int n) {
    float magnitude = 0, value = 0;
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > magnitude) { magnitude = fabsf(x[i]); value = x[i]; }
    return value;
}

static inline void range_of(const float *x, int n, float *least, float *most) {
    *least = *most = x[0];
    for (int i = 1; i < n; i++) {
        if (x[i] < *least) *least = x[i];
        if (x[i] > *most) *most = x[i];
    }
}

/* A code that a half was already added to: cut, not above `most`. */
static inline int code_half_up(float x, int most) {
    const int code = (int)x;
    return code > most ? most : code < 0 ? 0 : code;
}
