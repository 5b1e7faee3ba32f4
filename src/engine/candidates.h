/* The tokens that a sampler still chooses from, and the steps that narrow or reshape them. Each step works on what the
 * step before left, with the probabilities of the rest (the softmax of their logits). The order of equal candidates is by id, so
 * that every step is a function of the logits alone. Nothing here uses libm or allocates: the same bits on every machine.
 *
 * Sources: temperature (Ackley, Hinton, Sejnowski 1985), top-k (arXiv:1805.04833), top-p (arXiv:1904.09751), min-p
 * (arXiv:2407.01082), typical-p (arXiv:2202.00666), top-n-sigma (arXiv:2411.07641), dynamic temperature (arXiv:2309.02772 in
 * llama.cpp's entropy form), repetition penalty (arXiv:1909.05858), presence and frequency penalty (OpenAI's API reference). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double  logit;
    double  p;              /* scratch of the steps; after candidates_probabilities: the probability */
    int32_t id;
} candidate;

/* item[0 .. n) are left; item has room for the whole vocabulary and belongs to the caller. Never empty once filled. */
typedef struct {
    candidate *item;
    size_t     n;
    bool       sorted;      /* best first */
} candidates;

/* The largest of each LOGIT_BLOCK (plan/batch.h) of logits [n], the last block being what is left: what lets the two functions below pass over
 * most of the logits, which another processor may have written. largest: [logit_blocks(n)]. */
void logits_find_largest(float *largest, const float *logits, size_t n);

/* The k best of logits [n], best first; all of them, in order of id, when k <= 0 or k >= n. NaN counts as minus infinity.
 * One pass over logits when k is small, over a part of them with `largest`; it may be NULL. */
void candidates_fill(candidates *c, const float *logits, const float *largest, size_t n, int64_t k);

void candidates_top_k(candidates *c, int64_t k);                    /* the k best; k <= 0: off */
void candidates_top_p(candidates *c, double p);                     /* the fewest best that sum to p or more; p >= 1: off */
void candidates_min_p(candidates *c, double p);                     /* probability at least p times the best one's; p <= 0: off */
void candidates_typical_p(candidates *c, double p);                 /* nearest to the entropy, until they sum to p; p >= 1: off */
void candidates_top_n_sigma(candidates *c, double n);               /* logit >= best - n standard deviations; n <= 0: off */
void candidates_temperature(candidates *c, double t);               /* logit / t; t <= 0: the best alone */
/* Temperature from max(0, t - range), where one candidate has it all, to t + range, where all are equal. range <= 0: as above. */
void candidates_dynamic_temperature(candidates *c, double t, double range, double exponent);

void candidates_probabilities(candidates *c);                       /* fills in p */
void candidates_sort(candidates *c);                                /* best first */
/* The candidate at `uniform` (0 <= uniform < 1) of the cumulated probabilities, in the present order. Overwrites p. */
int32_t candidates_draw(candidates *c, double uniform);

/* For each token t that occurs c > 0 times in history [n]: l = l > 0 ? l / repeat : l * repeat, then l -= c * frequency + presence.
 * count [n_vocab] is scratch of zeros, and zero again afterwards. Ids outside the vocabulary are passed over. */
typedef struct { double repeat, frequency, presence; } penalty;
void penalize(float *logits, size_t n_vocab, const int32_t *history, size_t n, penalty amount, uint16_t *count);

/* The id of the largest of logits [n], n > 0; the first of equal ones. largest: as above, or NULL. */
int32_t greedy_choice(const float *logits, const float *largest, size_t n);
