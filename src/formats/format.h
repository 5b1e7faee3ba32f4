/* Weight formats: what the bytes of a tensor in a file mean, and how the CPU backend keeps them.
 *
 * A format is one file of this folder (q4_0.h ...) and one line of list.h. That file holds the block as GGUF stores it,
 * the panel as the CPU backend stores it, packing from one to the other, the plain dequantiser (the oracle), for some
 * formats a quantiser, and, in the words of an ISA (WORDS is defined), its codes, scales and minima. format.c makes the
 * table below of the plain half; cpu/ makes kernels of the other half. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The arithmetic that a tensor takes part in; docs/arithmetic.md defines each. It depends on the weights alone. */
typedef enum {
    ARITHMETIC_INT8,        /* quantised weights: activations in units of 32 int8, exact int32 sums */
    ARITHMETIC_BF16,        /* dense weights that bf16 holds exactly: activations rounded to bf16, pairs of k */
    ARITHMETIC_F32,         /* other dense weights: f32 activations */
} arithmetic;

enum {
    PANEL_ROWS = 16,        /* rows interleaved in a panel */
    UNIT = 32,              /* consecutive k of a quantised activation that share a scale */
};

/* One entry a format. Rows have n values; n is a multiple of block_k. Nothing here fails: callers checked the shapes. */
typedef struct {
    const char *name;               /* "q4_k": lower case, as files are called */
    uint32_t    gguf_type;          /* ggml's number of the type */
    size_t      block_k;            /* values in a block, 1 for dense formats */
    size_t      block_bytes;
    arithmetic  arithmetic;         /* of its panels; a dense f16 or f32 tensor may turn out to be held exactly by bf16 */

    /* The values of one row, exactly as the format defines them. y [n]. */
    void (*dequantize)(float *y, const void *row, size_t n);
    /* The nearest row of this format, by the rule of the reference implementation; NULL where Ridge has none. */
    void (*quantize)(void *row, const float *x, size_t n);
    /* The same, where an error of value k costs the more the larger importance[k] [n] is: finite, not negative. NULL where the rule
     * of the reference implementation does not ask for importance. */
    void (*quantize_weighted)(void *row, const float *x, const float *importance, size_t n);

    /* Bytes of a panel of 16 rows of n values. */
    size_t (*panel_bytes)(size_t n);
    /* rows [16], row_bytes apart, in file order -> one panel. Fewer than 16 rows: the missing ones are zero.
     * panel: 64-byte aligned, panel_bytes(n); written once, from front to back, with streaming stores where that is faster. */
    void (*pack)(void *panel, const void *rows, size_t row_bytes, size_t n_rows, size_t n);
} format;

typedef enum {
#define FORMAT(name, ...) FORMAT_##name,
#include "formats/list.h"
    FORMAT_COUNT
} format_id;

extern const format formats[FORMAT_COUNT];

/* The format of ggml type number `type`, or NULL where Ridge does not have it. */
const format *format_by_gguf_type(uint32_t type);
const format *format_by_name(const char *name);

/* The name, values and bytes of a block of every type number ggml defines (also those without a format here), so that a
 * file's sizes can be checked and its refusal can name the type. NULL for numbers that no version defines. */
typedef struct { const char *name; uint32_t block_k, block_bytes; } gguf_type_info;
const gguf_type_info *gguf_type(uint32_t type);

/* Bytes of a row of n values; n must be a multiple of block_k. */
static inline size_t format_row_bytes(const format *f, size_t n) { return n / f->block_k * f->block_bytes; }

/* True where every value of the row is held exactly by bf16 (dense formats only). Subnormal values of bf16 count as not held. */
bool format_row_fits_bf16(const format *f, const void *row, size_t n);

/* Packs rows of a dense format as FORMAT_bf16 does its own; the rows fit (format_row_fits_bf16). Otherwise like format.pack. */
void format_pack_as_bf16(const format *f, void *panel, const void *rows, size_t row_bytes, size_t n_rows, size_t n);
