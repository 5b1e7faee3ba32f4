/* How good a model's predictions are: perplexity on a text, and how far its distributions are from a reference's (Kullback-Leibler
 * divergence, the share of tokens with the same favourite). For `ridge perplexity`. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* What one row of logits says about the token that follows. */
typedef struct {
    double nll, reference_nll;      /* -log p of the token */
    double kl;                      /* of the reference from the logits: the sum of p_ref log(p_ref / p), nats; never below zero */
    bool   same_top;                /* both prefer the same token */
} quality_token;

/* logits, reference [n_vocab]; reference NULL: only nll is set. 0 <= next < n_vocab. */
quality_token quality_of(const float *logits, const float *reference, size_t n_vocab, int32_t next);

/* Sums over tokens. Zero-initialise; quality_free. */
typedef struct {
    size_t  n, room;
    double  nll, nll_squared, reference_nll;
    size_t  n_same_top;
    double *kl;                     /* [n] */
} quality;

int  quality_add(quality *q, const quality_token *t, error *err);
void quality_free(quality *q);

typedef struct {
    double perplexity, perplexity_error;        /* error: one standard deviation of the estimate, as llama-perplexity has it */
    double reference_perplexity;
    double kl_mean, kl_median, kl_99, kl_most;  /* kl_99: 99 % of the tokens are not above */
    double same_top;                            /* share, 0 ... 1 */
} quality_summary;
/* n > 0. Sorts q->kl. */
quality_summary quality_summarize(quality *q);
