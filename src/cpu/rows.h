/* The kernels that work on rows of activations: everything of a plan that is neither a matrix nor attention.
 *
 * A row is a token's floats. Rows are 64-byte aligned and padded with zeros to a multiple of UNIT; kernels read and write the
 * padding (zeros stay zeros). rows.inc has the bodies, in the words of an ISA; docs/arithmetic.md says the order of every sum. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* out[16 g + i] = activation(gate[stride g + i]) * up[stride g + i]; stride: floats from one group of 16 to the next. out may be gate. */
typedef void glu_fn(float *out, const float *gate, const float *up, size_t groups, size_t stride);

typedef struct {
    /* Rows of n values into the form that a matrix wants, by activation_kind: row r's kernels_activation_bytes(n) at to + r * row_bytes. Of several
     * rows n is a multiple of UNIT, and they follow each other in x. */
    void (*prepare[4])(void *to, size_t row_bytes, const float *x, size_t rows, size_t n);

    /* out = [add +] weight * x / sqrt(mean of x^2 + eps); add may be NULL; out may be x or add. weight is padded as a row. */
    void (*norm)(float *out, const float *x, const float *weight, const float *add, size_t n, float eps);

    /* The same for each of n_heads pieces of head_size floats that follow each other, in place, one weight [head_size] for all. */
    void (*head_norm)(float *x, const float *weight, uint32_t n_heads, uint32_t head_size, float eps);

    glu_fn *glu_silu, *glu_gelu;

    /* out = cap * tanh(x / cap) */
    void (*soft_cap)(float *out, const float *x, size_t n, float cap);

    /* Plain sums and products, one rounding each. out may be an operand. */
    void (*add)(float *out, const float *a, const float *b, size_t n);
    void (*scale)(float *out, const float *x, size_t n, float scale);

    /* Rotates pairs of each of n_heads pieces of head_size floats, in place: (x, y) -> (x cos - y sin, x sin + y cos).
     * cosine, sine: [n_pairs]; halves: pairs are (i, i + n_pairs), else (2i, 2i + 1). */
    void (*rotate)(float *x, const float *cosine, const float *sine, uint32_t n_heads, uint32_t head_size, uint32_t n_pairs, int halves);

    /* The largest of n > 0 floats; NaN counts as minus infinity. */
    float (*largest)(const float *x, size_t n);

    /* n floats to f16, to nearest even; what f16 cannot hold becomes its largest value. */
    void (*to_f16)(uint16_t *to, const float *x, size_t n);

    /* The same to bf16. */
    void (*to_bf16)(uint16_t *to, const float *x, size_t n);

    /* n floats to q8_0, n rounded up to UNIT: codes [n], an f16 scale for each 32. x need not be padded. */
    void (*to_q8_0)(int8_t *codes, uint16_t *scales, const float *x, size_t n);
} row_kernels;
