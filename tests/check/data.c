/* Random weights and activations: see data.h. */
#include "data.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/half.h"
#include "base/memory.h"

static uint64_t state = 88172645463325252u;
void random_seed(uint64_t seed) { state = seed ? seed : 1; }
uint64_t random_bits(void) { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return state; }

static void *checked(void *p) {
    if (!p) { fprintf(stderr, "out of memory\n"); exit(1); }
    return p;
}
static float random_unit(void) { return (float)((double)(int64_t)random_bits() * 0x1p-63); }       /* -1 to 1 */

/* Where the f16 factors lie in a block. */
static int factor_offsets(format_id id, size_t offsets[2]) {
    switch (id) {
    case FORMAT_q4_1: case FORMAT_q5_1: case FORMAT_q4_k: case FORMAT_q5_k: offsets[0] = 0; offsets[1] = 2; return 2;
    case FORMAT_q2_k: offsets[0] = 80; offsets[1] = 82; return 2;
    case FORMAT_q3_k: offsets[0] = 108; return 1;
    case FORMAT_q6_k: offsets[0] = 208; return 1;
    default:          offsets[0] = 0; return 1;
    }
}

void *random_rows(const format *f, size_t n_rows, size_t n, bool fits_bf16) {
    const size_t bytes = format_row_bytes(f, n) * n_rows;
    unsigned char *rows = checked(memory_new(bytes + 8, 1));
    if (f->block_k == 1) {
        for (size_t i = 0; i < n_rows * n; i++) {
            float v = random_unit();
            if (fits_bf16) v = bf16_to_f32(f32_to_bf16(v));
            if (fits_bf16 && fabsf(v) < 0x1p-14f) v = 0;
            f->quantize(rows + i * f->block_bytes, &v, 1);
        }
        return rows;
    }
    for (size_t i = 0; i < bytes; i += 8) { const uint64_t r = random_bits(); memcpy(rows + i, &r, 8); }
    static const int extreme[] = { 0, 0xff, 0x80, 0x7f };                       /* codes; the third is the least of q8_0 */
    for (size_t i = 0; i < n_rows; i++)
        if (random_bits() % 8 == 0) memset(rows + i * (bytes / n_rows), extreme[random_bits() % 4], bytes / n_rows);
    size_t offsets[2];
    const int n_offsets = factor_offsets((format_id)(f - formats), offsets);
    for (size_t b = 0; b < bytes / f->block_bytes; b++)
        for (int i = 0; i < n_offsets; i++) {
            const uint16_t d = (uint16_t)((random_bits() & 0x83ff) | 0x1c00);       /* +- 2^-8 to 2^-7 */
            memcpy(rows + b * f->block_bytes + offsets[i], &d, 2);
        }
    return rows;
}

/* Of the unit and its halves. */
typedef struct { int32_t of[3]; } sums;
static sums sum_up(const int32_t *v) {
    int32_t half[2] = {0, 0};
    for (int k = 0; k < UNIT; k++) half[k / 16] += v[k];
    return (sums){ { half[0] + half[1], half[0], half[1] } };
}

static float largest(const float *x) {
    float most = 0;
    for (int k = 0; k < UNIT; k++) most = fmaxf(most, fabsf(x[k]));
    return most;
}

/* The codes of a unit, `most` at most; returns their scale. */
static float round_unit(int32_t v[UNIT], const float *x, float most) {
    const float m = largest(x);
    for (int k = 0; k < UNIT; k++) v[k] = m > 0 ? (int32_t)rintf(x[k] * (most / m)) : 0;
    return m / most;
}

static void prepare_int8(const float *x, activation8 *a, float *plain) {
    int32_t v[UNIT];
    *a = (activation8){ .d = round_unit(v, x, 127) };
    for (int k = 0; k < UNIT; k++) { a->q[k] = (int8_t)v[k]; plain[k] = a->d * (float)v[k]; }
    const sums s = sum_up(v);
    for (int i = 0; i < 3; i++) { a->bias[i] = -128 * s.of[i]; a->dsum[i] = a->d * (float)s.of[i]; }
}

static void prepare_int24(const float *x, activation24 *a) {
    int32_t v[UNIT], h[UNIT], lo[UNIT];
    *a = (activation24){ .d = round_unit(v, x, 8355710) };
    for (int k = 0; k < UNIT; k++) {
        h[k] = (v[k] + 128) >> 8;
        lo[k] = v[k] - 256 * h[k];
        a->hi[k] = (int8_t)((h[k] + 128) >> 8);
        a->mid[k] = (int8_t)(h[k] - 256 * ((h[k] + 128) >> 8));
        a->lo[k] = (int8_t)lo[k];
    }
    const sums of_v = sum_up(v), of_h = sum_up(h), of_lo = sum_up(lo);
    for (int i = 0; i < 3; i++) a->dsum[i] = a->d * (float)of_v.of[i];
    for (int i = 0; i < 2; i++) { a->bias_h[i] = -128 * of_h.of[i]; a->bias_lo[i] = -128 * of_lo.of[i]; }
}

void random_tokens_new(random_tokens *x, size_t tokens, size_t n) {
    const size_t units = (n + UNIT - 1) / UNIT, padded = units * UNIT;
    *x = (random_tokens){ .tokens = tokens, .n = n };
    for (int i = 0; i < ACTIVATION_COUNT; i++)
        if (i != ACTIVATION_INT24) x->plain[i] = checked(memory_new_aligned(tokens * padded * sizeof(float)));
    x->plain[ACTIVATION_INT24]    = x->plain[ACTIVATION_F32];
    x->largest = checked(memory_new(tokens * units, sizeof(float)));
    x->prepared[ACTIVATION_INT8]  = checked(memory_new_aligned(tokens * units * sizeof(activation8)));
    x->prepared[ACTIVATION_INT24] = checked(memory_new_aligned(tokens * units * sizeof(activation24)));
    x->prepared[ACTIVATION_BF16]  = x->plain[ACTIVATION_BF16];
    x->prepared[ACTIVATION_F32]   = x->plain[ACTIVATION_F32];
    x->bf16 = checked(memory_new_aligned(tokens * padded * sizeof(uint16_t)));
    for (size_t t = 0; t < tokens; t++)
        for (size_t u = 0; u < units; u++) {
            const size_t at = t * padded + u * UNIT, unit = t * units + u;
            float *f32 = x->plain[ACTIVATION_F32] + at;
            const float size = (float)exp2((double)(random_bits() % 8) - 4);
            const bool zero = random_bits() % 64 == 0;
            for (size_t k = 0; k < UNIT && u * UNIT + k < n; k++) f32[k] = zero ? 0 : random_unit() * size;
            const uint64_t extreme = random_bits() % 8;            /* codes; with one sign their sums are extreme too */
            for (size_t k = 0; extreme < 3 && k < UNIT && u * UNIT + k < n; k++) f32[k] = extreme ? copysignf(size, f32[k]) : size;
            x->largest[unit] = largest(f32);
            prepare_int8(f32, (activation8 *)x->prepared[ACTIVATION_INT8] + unit, x->plain[ACTIVATION_INT8] + at);
            prepare_int24(f32, (activation24 *)x->prepared[ACTIVATION_INT24] + unit);
            for (size_t k = 0; k < UNIT; k++) {
                x->bf16[at + k] = f32_to_bf16(f32[k]);
                x->plain[ACTIVATION_BF16][at + k] = bf16_to_f32(x->bf16[at + k]);
            }
        }
}

void random_tokens_free(random_tokens *x) {
    for (int i = 0; i < ACTIVATION_COUNT; i++)
        if (i != ACTIVATION_INT24) memory_free(x->plain[i]);
    memory_free(x->largest);
    memory_free(x->prepared[ACTIVATION_INT8]);
    memory_free(x->prepared[ACTIVATION_INT24]);
    memory_free(x->bf16);
}

activations tokens_for(const random_tokens *x, const cpu_kernels *k, activation_kind kind) {
    const void *data = kind == ACTIVATION_BF16 && k->bf16_pairs ? x->bf16 : x->prepared[kind];
    return (activations){ .data = data, .token_bytes = kernels_activation_bytes(k, kind, x->n), .n = x->n };
}

void *pack_rows(const format *f, bool as_bf16, const void *rows, size_t n_rows, size_t n, size_t panel_stride) {
    const size_t panels = (n_rows + PANEL_ROWS - 1) / PANEL_ROWS, row_bytes = format_row_bytes(f, n);
    unsigned char *w = checked(memory_new_aligned(panels * panel_stride + (64 << 10)));
    for (size_t p = 0; p < panels; p++) {
        const size_t left = n_rows - p * PANEL_ROWS, some = left < PANEL_ROWS ? left : PANEL_ROWS;
        const unsigned char *from = (const unsigned char *)rows + p * PANEL_ROWS * row_bytes;
        if (as_bf16) format_pack_as_bf16(f, w + p * panel_stride, from, row_bytes, some, n);
        else         f->pack(w + p * panel_stride, from, row_bytes, some, n);
    }
    return w;
}
