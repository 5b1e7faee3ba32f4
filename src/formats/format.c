/* The table of formats: the plain half of every format file, made into functions of rows and of panels. */
#include <string.h>
#include "base/half.h"
#include "formats/format.h"
#include "formats/helpers.h"
#include "formats/search.h"
#include "formats/unpack.h"
#include "formats/blocks.h"

/* Dense panels hold a multiple of four k, so that pairs and two running sums need no special end. */
static size_t padded(size_t n) { return (n + 3) & ~(size_t)3; }

/* Where value k of row r lies in a panel. */
static size_t by_k(size_t k, size_t r)    { return k * PANEL_ROWS + r; }
static size_t by_pair(size_t k, size_t r) { return (k / 2 * PANEL_ROWS + r) * 2 + k % 2; }
#define PLACE_f32  by_k
#define PLACE_f16  by_k
#define PLACE_bf16 by_pair

/* A missing row, or a missing k, is zero: the panel is cleared before what exists is written. */
#define DENSE(name, type, bytes)                                                                                            \
_Static_assert(sizeof(value_##name) == bytes, #name);                                                                       \
static size_t name##_panel_bytes(size_t n) { return padded(n) * PANEL_ROWS * bytes; }                                       \
static void name##_dequantize(float *y, const void *row, size_t n) {                                                        \
    for (size_t k = 0; k < n; k++) y[k] = name##_value(((const value_##name *)row)[k]);                                     \
}                                                                                                                           \
static void name##_quantize(void *row, const float *x, size_t n) {                                                          \
    for (size_t k = 0; k < n; k++) ((value_##name *)row)[k] = name##_nearest(x[k]);                                         \
}                                                                                                                           \
static void name##_pack(void *panel, const void *rows, size_t row_bytes, size_t n_rows, size_t n) {                         \
    if (n_rows < PANEL_ROWS || n < padded(n)) memset(panel, 0, name##_panel_bytes(n));                                      \
    for (size_t r = 0; r < n_rows; r++)                                                                                     \
        for (size_t k = 0; k < n; k++)                                                                                      \
            ((value_##name *)panel)[PLACE_##name(k, r)] = ((const value_##name *)((const char *)rows + r * row_bytes))[k];  \
}                                                                                                                           \
static void name##_pack_as_bf16(uint16_t *panel, const void *rows, size_t row_bytes, size_t n_rows, size_t n) {             \
    for (size_t r = 0; r < n_rows; r++)                                                                                     \
        for (size_t k = 0; k < n; k++)                                                                                      \
            panel[by_pair(k, r)] = f32_to_bf16(name##_value(((const value_##name *)((const char *)rows + r * row_bytes))[k])); \
}                                                                                                                           \
static void name##_panel_row(float *y, const void *panel, size_t r, size_t n) {                                             \
    for (size_t k = 0; k < n; k++) y[k] = name##_value(((const value_##name *)panel)[PLACE_##name(k, r)]);                  \
}                                                                                                                           \
static bool name##_row_fits_bf16(const void *row, size_t n) {                                                               \
    bool fits = true;                                                                                                       \
    for (size_t k = 0; k < n; k++) fits &= name##_fits_bf16(((const value_##name *)row)[k]);                                \
    return fits;                                                                                                            \
}
#define QUANTISED(name, type, per_block, ...)                                                                               \
static size_t name##_panel_bytes(size_t n) { return n / per_block * sizeof(panel_##name); }                                 \
static void name##_dequantize(float *y, const void *row, size_t n) {                                                        \
    for (size_t b = 0; b < n / per_block; b++) name##_dequantize_block(y + b * per_block, (const block_##name *)row + b);   \
}                                                                                                                           \
static void name##_pack(void *panel, const void *rows, size_t row_bytes, size_t n_rows, size_t n) {                         \
    static const block_##name zero;                                                                                         \
    for (size_t b = 0; b < n / per_block; b++)                                                                              \
        for (size_t r = 0; r < PANEL_ROWS; r++)                                                                             \
            name##_pack_row((panel_##name *)panel + b, (int)r,                                                              \
                            r < n_rows ? (const block_##name *)((const char *)rows + r * row_bytes) + b : &zero);           \
}                                                                                                                           \
static void name##_panel_row(float *y, const void *panel, size_t r, size_t n) {                                             \
    for (size_t b = 0; b < n / per_block; b++) {                                                                            \
        block_##name block;                                                                                                 \
        name##_unpack_row(&block, (const panel_##name *)panel + b, (int)r);                                                 \
        name##_dequantize_block(y + b * per_block, &block);                                                                 \
    }                                                                                                                       \
}
#include "formats/list.h"

static float sum_of_squares(const float *x, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sum;
}

#define QUANTIZER(name, per_block)                                                                                          \
static void name##_quantize(void *row, const float *x, size_t n) {                                                          \
    for (size_t b = 0; b < n / per_block; b++) name##_quantize_block((block_##name *)row + b, x + b * per_block);           \
}
QUANTIZER(q8_0, 32)
QUANTIZER(q4_0, 32)
QUANTIZER(q4_1, 32)
QUANTIZER(q5_0, 32)
QUANTIZER(q5_1, 32)
QUANTIZER(q2_k, 256)
QUANTIZER(q3_k, 256)
QUANTIZER(q4_k, 256)
QUANTIZER(q5_k, 256)
QUANTIZER(q6_k, 256)

/* What an error counts: its input's importance and the value itself, measured by `factor` times the mean square of `span` values
 * around it, the row's or the block's. */
#define WEIGHTED_QUANTIZER(name, per_block, span, factor)                                                                   \
static void name##_quantize_weighted(void *row, const float *x, const float *importance, size_t n) {                        \
    float w[per_block], mean_square = 0;                                                                                    \
    for (size_t b = 0, k = 0; k < n; b++, k += per_block) {                                                                 \
        if (k % (span) == 0) mean_square = factor * sum_of_squares(x + k, span) / (float)(span);                            \
        search_weights(w, importance + k, x + k, per_block, mean_square);                                                   \
        name##_quantize_block_weighted((block_##name *)row + b, x + k, w);                                                  \
    }                                                                                                                       \
}
WEIGHTED_QUANTIZER(q4_0, 32, n, 1)
WEIGHTED_QUANTIZER(q4_1, 32, n, 1)
WEIGHTED_QUANTIZER(q5_0, 32, n, 1)
WEIGHTED_QUANTIZER(q5_1, 32, n, 1)
WEIGHTED_QUANTIZER(q2_k, 256, 256, 1)
WEIGHTED_QUANTIZER(q3_k, 256, 256, 2)
WEIGHTED_QUANTIZER(q4_k, 256, 256, 2)
WEIGHTED_QUANTIZER(q5_k, 256, 256, 2)
/* Here the inputs alone count. */
static void q6_k_quantize_weighted(void *row, const float *x, const float *importance, size_t n) {
    for (size_t b = 0; b < n / 256; b++) q6_k_quantize_block_weighted((block_q6_k *)row + b, x + 256 * b, importance + 256 * b);
}
#define q8_0_quantize_weighted NULL

const format formats[FORMAT_COUNT] = {
#define DENSE(called, type, bytes) [FORMAT_##called] = {                                                                    \
    .name = #called, .gguf_type = type, .block_k = 1, .block_bytes = bytes,                                                 \
    .arithmetic = FORMAT_##called == FORMAT_bf16 ? ARITHMETIC_BF16 : ARITHMETIC_F32,                                        \
    .dequantize = called##_dequantize, .quantize = called##_quantize, .panel_bytes = called##_panel_bytes, .pack = called##_pack },
#define QUANTISED(called, type, per_block, unit, joint, offset, most, minima, quantizer) [FORMAT_##called] = {                     \
    .name = #called, .gguf_type = type, .block_k = per_block, .block_bytes = sizeof(block_##called), .arithmetic = ARITHMETIC_INT8, \
    .dequantize = called##_dequantize, .quantize = quantizer, .quantize_weighted = called##_quantize_weighted,              \
    .panel_bytes = called##_panel_bytes, .pack = called##_pack },
#include "formats/list.h"
};

bool format_row_fits_bf16(const format *f, const void *row, size_t n) {
    switch (f - formats) {
#define DENSE(name, ...) case FORMAT_##name: return name##_row_fits_bf16(row, n);
#define QUANTISED(name, ...)
#include "formats/list.h"
    }
    return false;
}

void format_pack_as_bf16(const format *f, void *panel, const void *rows, size_t row_bytes, size_t n_rows, size_t n) {
    memset(panel, 0, bf16_panel_bytes(n));
    switch (f - formats) {
#define DENSE(name, ...) case FORMAT_##name: name##_pack_as_bf16(panel, rows, row_bytes, n_rows, n); break;
#define QUANTISED(name, ...)
#include "formats/list.h"
    }
}

void format_panel_row(const format *f, float *y, const void *panel, size_t r, size_t n) {
    switch (f - formats) {
#define FORMAT(name, ...) case FORMAT_##name: name##_panel_row(y, panel, r, n); break;
#include "formats/list.h"
    }
}

const format *format_by_gguf_type(uint32_t type) {
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (formats[i].gguf_type == type) return &formats[i];
    return NULL;
}

const format *format_by_name(const char *name) {
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (!strcmp(formats[i].name, name)) return &formats[i];
    return NULL;
}
