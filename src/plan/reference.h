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

/* Told, before a linear step multiplies x [n_rows][n] by `matrix`, what x is; once for each matrix of the step. */
typedef void reference_observer(void *user, tensor_id matrix, const float *x, size_t n_rows, size_t n);
/* From the next run on; NULL: no more. */
void reference_observe(reference *r, reference_observer *observer, void *user);
