/* A sampler: from logits and the tokens so far to the next token, by llama.cpp's default order of steps (candidates.h has the
 * steps): logit bias, penalties, top-n-sigma, top-k, typical-p, top-p, min-p, temperature, a random draw.
 *
 * Random numbers: PCG32 (XSH RR 64/32, O'Neill 2014, stream 54) seeded with the seed; two of them make the 53 bits of a
 * uniform double. With candidates.h that makes a seed's tokens the same on every machine, given the same logits. */
#pragma once
#include "base/error.h"
#include "engine/candidates.h"

/* Copies the options. RIDGE_E_BAD_ARGUMENT names the option that is out of range. */
int  sampler_new(ridge_sampler **out, const ridge_sampler_options *o, size_t n_vocab, error *err);
/* The next token. logits [n_vocab] are left alone; largest: of their blocks (candidates.h), or NULL; history [n]: all tokens so far, the prompt's
 * too. Allocates nothing. */
int32_t sampler_next(ridge_sampler *s, const float *logits, const float *largest, const int32_t *history, size_t n);
