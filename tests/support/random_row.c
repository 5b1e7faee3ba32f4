/* Random weights: see random_row.h. */
#include "support/random_row.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/half.h"

uint64_t random_bits(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

uint64_t random_seed(uint64_t number) { return (number + 1) * 0x9e3779b97f4a7c15u | 1; }

float random_normal(uint64_t *state) {
    int64_t sum = 0;                                    /* eight 16-bit numbers, of variance 65536^2 / 12 each */
    for (int i = 0; i < 2; i++) {
        const uint64_t bits = random_bits(state);
        for (int j = 0; j < 4; j++) sum += (int64_t)(bits >> 16 * j & 0xffff);
    }
    return ((float)sum - 8 * 32767.5f) * (1.2247449f / 65536);
}

/* Where the half-precision scales of a block are, for formats whose blocks are random bytes otherwise. The minimum's scale is set to
 * `minimum` times the scale, so that the values are centred; `minimum_at` below 0: there is none. */
typedef struct { uint32_t type; int scale_at, minimum_at; float minimum; } block_scales;

static const block_scales *scales_of(const format *f) {
    static const block_scales table[] = {
        { 8, 0, -1, 0 }, { 2, 0, -1, 0 }, { 3, 0, 2, -7.5f }, { 6, 0, -1, 0 }, { 7, 0, 2, -15.5f },
        { 10, 80, 82, 1.5f }, { 11, 108, -1, 0 }, { 12, 0, 2, 7.5f }, { 13, 0, 2, 15.5f }, { 14, 208, -1, 0 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].type == f->gguf_type) return &table[i];
    }
    fprintf(stderr, "random_row: where the scales of %s lie is not known\n", f->name);
    abort();
}

/* Sets the scales of one block. */
static void set_scales(const block_scales *s, uint8_t *block, float scale) {
    const uint16_t d = f32_to_f16(scale), m = f32_to_f16(s->minimum * scale);
    memcpy(block + s->scale_at, &d, 2);
    if (s->minimum_at >= 0) memcpy(block + s->minimum_at, &m, 2);
}

void random_blocks(const format *f, void *row, size_t n, float deviation, uint64_t *state) {
    if (f->block_k == 1) { random_row(f, row, n, deviation, state); return; }
    const block_scales *s = scales_of(f);
    float values[256];
    for (size_t b = 0; b < n / f->block_k; b++) {
        uint8_t *block = (uint8_t *)row + b * f->block_bytes;
        for (size_t i = 0; i < f->block_bytes; i++) block[i] = (uint8_t)(random_bits(state) >> 56);
        set_scales(s, block, 1);
        f->dequantize(values, block, f->block_k);
        float squares = 0;
        for (size_t i = 0; i < f->block_k; i++) squares += values[i] * values[i];
        const float spread = 0.75f + (float)(random_bits(state) >> 40) * 0x1p-25f;
        const float sign = random_bits(state) >> 63 ? -1 : 1;
        set_scales(s, block, sign * deviation * spread / sqrtf(squares / (float)f->block_k + 1e-9f));
    }
}

void random_row(const format *f, void *row, size_t n, float deviation, uint64_t *state) {
    if (!f->quantize) { random_blocks(f, row, n, deviation, state); return; }
    float x[256];
    const size_t step = f->block_k > 1 ? f->block_k : 256;
    for (size_t k = 0; k < n; k += step) {
        const size_t some = n - k < step ? n - k : step;
        for (size_t i = 0; i < some; i++) x[i] = deviation * random_normal(state);
        f->quantize((uint8_t *)row + k / f->block_k * f->block_bytes, x, some);
    }
}
