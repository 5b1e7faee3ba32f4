/* The oracle's operations on plain rows of floats; each in place where in and out are the same rows. For reference.c only. */
#pragma once
#include "plan/weights.h"

typedef struct { const double *frequency; const rope_config *config; } reference_rope;

/* y [n_rows][w->rows] = W x; x [n_rows][w->n]. room: reference_matmul_room(w->n, n_rows) doubles. */
size_t reference_matmul_room(size_t n, size_t n_rows);
void reference_matmul(float *y, const float *x, size_t n_rows, const weight *w, double *room);

/* All below: n_rows rows of n values. */
void reference_norm(float *y, const float *x, size_t n_rows, size_t n, const float *w, float eps);
/* Each head_size values on their own. */
void reference_head_norm(float *y, const float *x, size_t n_rows, size_t n, const float *w, float eps, size_t head_size);
void reference_bias(float *y, const float *x, size_t n_rows, size_t n, const float *bias);
void reference_add(float *y, const float *x, const float *add, size_t n_rows, size_t n);
void reference_scale(float *y, const float *x, size_t n_rows, size_t n, float scale);
void reference_soft_cap(float *y, const float *x, size_t n_rows, size_t n, float cap);
void reference_glu(float *y, const float *gate, const float *up, size_t n_rows, size_t n, glu_kind kind);
/* position [n_rows] */
void reference_rotate(float *y, const float *x, size_t n_rows, size_t n, const reference_rope *rope, const uint32_t *position);
