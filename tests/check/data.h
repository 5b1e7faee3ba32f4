/* Random weights and activations for the checks of kernels and for timing them. */
#pragma once
#include "cpu/kernels.h"

uint64_t random_bits(void);
void     random_seed(uint64_t seed);

/* n_rows random rows of n values, valid in the format: scales are finite and of ordinary size. Dense values are multiples of what bf16
 * holds where `fits_bf16`. Free with memory_free. */
void *random_rows(const format *f, size_t n_rows, size_t n, bool fits_bf16);

/* The same random tokens in every form, by the definitions of docs/arithmetic.md, and as plain numbers for the oracle. */
typedef struct {
    size_t tokens, n;
    float *plain[ACTIVATION_COUNT];             /* [tokens][n]: what the prepared values stand for; INT24: F32's, which they only come near to */
    float *largest;                             /* [tokens][units]: of |x| */
    void  *prepared[ACTIVATION_COUNT];          /* BF16: floats */
    uint16_t *bf16;                             /* BF16 as pairs, for tables with bf16_pairs */
} random_tokens;
void random_tokens_new(random_tokens *x, size_t tokens, size_t n);
void random_tokens_free(random_tokens *x);
/* As a kernel of `k` wants them. */
activations tokens_for(const random_tokens *x, const cpu_kernels *k, activation_kind kind);

/* Panels of all rows, panel_stride bytes apart (at least panel_bytes); 64 KiB of room behind them. Free with memory_free. */
void *pack_rows(const format *f, bool as_bf16, const void *rows, size_t n_rows, size_t n, size_t panel_stride);

/* The --bench half: timing.h. */
int bench(int n_words, char **words);
