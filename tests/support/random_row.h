/* Deterministic random numbers and weights for tests: the same on every machine, for a seed. */
#pragma once
#include "formats/format.h"

/* xorshift64*; *state must not be 0. */
uint64_t random_bits(uint64_t *state);
/* A seed that is never 0, different for each number. */
uint64_t random_seed(uint64_t number);
/* About normal: mean 0, standard deviation 1 (the sum of eight uniform numbers; |x| < 5). */
float random_normal(uint64_t *state);

/* One row of n values, with a standard deviation of about `deviation`: by the format's quantiser where it has one, otherwise
 * random blocks whose scales are finite and fit. */
void random_row(const format *f, void *row, size_t n, float deviation, uint64_t *state);
/* The same, always random blocks: every bit pattern of codes and scales of units comes up. Dense formats: as random_row. */
void random_blocks(const format *f, void *row, size_t n, float deviation, uint64_t *state);
