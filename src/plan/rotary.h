/* Rotary position embedding: frequencies and angles, by our own polynomials, so that they have the same bits everywhere. */
#pragma once
#include "plan/plan.h"

/* frequency [n_rotated / 2], in double; factors: the tensor's values, or NULL. */
void rotary_frequencies(const rope_config *rope, const float *factors, double *frequency);
/* cos and sin of position * frequency[i] for i < n, rounded to f32. Absolute error < 1e-7 for angles up to 2^24. */
void rotary_angles(const double *frequency, size_t n, uint32_t position, float *cosine, float *sine);
