/* The oracle's arithmetic: straight from the formulas, in double with libm, rounded to f32 where a value is stored. */
#include "plan/reference_ops.h"
#include <math.h>
#include <string.h>

enum { LANES = 8, TILE_ROWS = 2, TILE_TOKENS = 2, BLOCK_ROWS = 8 };
typedef double lanes __attribute__((vector_size(8 * LANES)));

/* Rows of doubles are padded with zeros to whole lanes. */
static size_t padded(size_t n) { return (n + LANES - 1) / LANES * LANES; }

size_t reference_matmul_room(size_t n, size_t n_rows) {
    return padded(n) * (n_rows + n_rows % TILE_TOKENS + BLOCK_ROWS) + (n + 1) / 2 + LANES;
}

static void widen(double *out, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = (double)in[i];
    for (size_t i = n; i < padded(n); i++) out[i] = 0;
}

/* Two rows of weights times two of activations. A product of two floats is exact in double and the lanes are fixed: whether the
 * compiler finds wide vectors or fuses changes nothing. */
static inline __attribute__((always_inline)) void tile(double *out, const double *w, const double *x, size_t n) {
    lanes sum[TILE_ROWS][TILE_TOKENS];
    memset(sum, 0, sizeof sum);
    for (size_t k = 0; k < n; k += LANES)
        for (int r = 0; r < TILE_ROWS; r++)
            for (int t = 0; t < TILE_TOKENS; t++) {
                lanes a, b;
                memcpy(&a, w + (size_t)r * n + k, sizeof a);
                memcpy(&b, x + (size_t)t * n + k, sizeof b);
                sum[r][t] += a * b;
            }
    for (int r = 0; r < TILE_ROWS; r++)
        for (int t = 0; t < TILE_TOKENS; t++) {
            double total = 0;
            for (int i = 0; i < LANES; i++) total += sum[r][t][i];
            out[r * TILE_TOKENS + t] = total;
        }
}

static void tile_plain(double *out, const double *w, const double *x, size_t n) { tile(out, w, x, n); }
typedef void tile_function(double *out, const double *w, const double *x, size_t n);

/* The oracle is slow; where a CPU has wide vectors there is no reason to be slower still. */
#if defined(__x86_64__)
__attribute__((target("avx2"))) static void tile_avx2(double *out, const double *w, const double *x, size_t n) { tile(out, w, x, n); }
__attribute__((target("avx512f"))) static void tile_avx512(double *out, const double *w, const double *x, size_t n) { tile(out, w, x, n); }
static tile_function *best_tile(void) {
    return __builtin_cpu_supports("avx512f") ? tile_avx512 : __builtin_cpu_supports("avx2") ? tile_avx2 : tile_plain;
}
#else
static tile_function *best_tile(void) { return tile_plain; }
#endif

void reference_matmul(float *y, const float *x, size_t n_rows, const weight *w, double *room) {
    const size_t n = padded(w->n), even_rows = n_rows + n_rows % TILE_TOKENS;
    tile_function *const multiply = best_tile();
    double *const wide_x = (double *)(((uintptr_t)room + sizeof(lanes) - 1) & ~(uintptr_t)(sizeof(lanes) - 1)), *const block = wide_x + even_rows * n;
    float *const row = (float *)(block + BLOCK_ROWS * n);
    memset(wide_x, 0, even_rows * n * sizeof *wide_x);
    for (size_t t = 0; t < n_rows; t++) widen(wide_x + t * n, x + t * w->n, w->n);
    for (size_t first = 0; first < w->rows; first += BLOCK_ROWS) {
        const size_t rows = w->rows - first < BLOCK_ROWS ? w->rows - first : BLOCK_ROWS;
        memset(block, 0, BLOCK_ROWS * n * sizeof *block);
        for (size_t r = 0; r < rows; r++) {
            weight_row(w, first + r, row);
            widen(block + r * n, row, w->n);
        }
        for (size_t t = 0; t < n_rows; t += TILE_TOKENS)
            for (size_t r = 0; r < rows; r += TILE_ROWS) {
                double out[TILE_ROWS * TILE_TOKENS];
                multiply(out, block + r * n, wide_x + t * n, n);
                for (size_t i = 0; i < TILE_ROWS && r + i < rows; i++)
                    for (size_t j = 0; j < TILE_TOKENS && t + j < n_rows; j++)
                        y[(t + j) * w->rows + first + r + i] = (float)out[i * TILE_TOKENS + j];
            }
    }
}

/* RMSNorm: Zhang and Sennrich, arXiv:1910.07467. */
void reference_norm(float *y, const float *x, size_t n_rows, size_t n, const float *w, float eps) {
    for (size_t t = 0; t < n_rows; t++, x += n, y += n) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
        const double scale = 1 / sqrt(sum / (double)n + (double)eps);
        for (size_t i = 0; i < n; i++) y[i] = (float)((double)w[i] * ((double)x[i] * scale));
    }
}

void reference_head_norm(float *y, const float *x, size_t n_rows, size_t n, const float *w, float eps, size_t head_size) {
    reference_norm(y, x, n_rows * (n / head_size), head_size, w, eps);
}

void reference_bias(float *y, const float *x, size_t n_rows, size_t n, const float *bias) {
    for (size_t t = 0; t < n_rows; t++)
        for (size_t i = 0; i < n; i++) y[t * n + i] = x[t * n + i] + bias[i];
}

void reference_add(float *y, const float *x, const float *add, size_t n_rows, size_t n) {
    for (size_t i = 0; i < n_rows * n; i++) y[i] = add[i] + x[i];
}

void reference_scale(float *y, const float *x, size_t n_rows, size_t n, float scale) {
    for (size_t i = 0; i < n_rows * n; i++) y[i] = x[i] * scale;
}

void reference_soft_cap(float *y, const float *x, size_t n_rows, size_t n, float cap) {
    for (size_t i = 0; i < n_rows * n; i++) y[i] = (float)((double)cap * tanh((double)x[i] / (double)cap));
}

static double silu(double x) { return x / (1 + exp(-x)); }

/* Hendrycks and Gimpel, arXiv:1606.08415, the tanh form. */
static double gelu(double x) { return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x))); }

void reference_glu(float *y, const float *gate, const float *up, size_t n_rows, size_t n, glu_kind kind) {
    for (size_t i = 0; i < n_rows * n; i++) {
        const double g = (double)gate[i];
        y[i] = (float)((kind == GLU_GELU ? gelu(g) : silu(g)) * (double)up[i]);
    }
}

void reference_rotate(float *y, const float *x, size_t n_rows, size_t n, const reference_rope *rope, const uint32_t *position) {
    const rope_config *c = rope->config;
    const size_t pairs = c->n_rotated / 2;
    if (y != x) memcpy(y, x, n_rows * n * sizeof *y);
    for (size_t t = 0; t < n_rows; t++)
        for (size_t i = 0; i < pairs; i++) {
            const double angle = position[t] * rope->frequency[i], cosine = cos(angle), sine = sin(angle);
            const size_t a = c->halves ? i : 2 * i, b = c->halves ? i + pairs : 2 * i + 1;
            for (float *head = y + t * n; head < y + (t + 1) * n; head += c->head_size) {
                const double first = (double)head[a], second = (double)head[b];
                head[a] = (float)(first * cosine - second * sine);
                head[b] = (float)(first * sine + second * cosine);
            }
        }
}
