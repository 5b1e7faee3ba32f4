/* The oracle: runs a plan in plain f32 from dequantised weights, with libm, one thread and no cleverness.
 * Nothing here is shared with a backend's arithmetic. Matrix products and norms accumulate in double, so that
 * the oracle's own rounding is out of the way; activations and the KV cache are f32. */
#pragma once
#include "plan/batch.h"
#include "plan/weights.h"

typedef struct reference reference;

/* p and w are borrowed and must outlive it. n_pages: pages of the KV cache. */
int  reference_new(reference **out, const plan *p, const weights *w, uint32_t n_pages, error *err);
void reference_free(reference *r);
/* logits: [batch_outputs(b)][n_vocab]; NULL where no output is wanted. */
int  reference_run(reference *r, const batch *b, float *logits, error *err);
