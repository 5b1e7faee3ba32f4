/* Timing: the kernels that work on rows of activations, in the first-level cache. See timing.h and cpu/rows.h. */
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"
#include "cpu/isa.h"
#include "timing.h"

enum { N = 2048, HEAD = 64, CALLS = 16 };

/* A thread's rows. Kernels write into out and prepared; what they change in place stays of ordinary size however often they run. */
typedef struct {
    _Alignas(64) float x[N], y[N], weight[N], out[N], cosine[HEAD / 2], sine[HEAD / 2];
    _Alignas(64) char prepared[N * sizeof(float)];
} row_set;

/*    id                 name                 bytes of a value   one call: k, on the rows s */
#define ROW_KERNELS(X)                                                                                      \
    X(prepare_int8,      "prepare int8",      4 + 2,             k->prepare[ACTIVATION_INT8](s->prepared, 0, s->x, 1, N))\
    X(prepare_int24,     "prepare int24",     4 + 4,             k->prepare[ACTIVATION_INT24](s->prepared, 0, s->x, 1, N))\
    X(prepare_bf16,      "prepare bf16",      4 + 4,             k->prepare[ACTIVATION_BF16](s->prepared, 0, s->x, 1, N))\
    X(prepare_f32,       "prepare f32",       4 + 4,             k->prepare[ACTIVATION_F32](s->prepared, 0, s->x, 1, N)) \
    X(norm,              "norm",              8 + 4,             k->norm(s->out, s->x, s->weight, NULL, N, 1e-5f))       \
    X(norm_add,          "norm and add",      12 + 4,            k->norm(s->out, s->x, s->weight, s->y, N, 1e-5f))       \
    X(head_norm,         "head norm",         4 + 4,             k->head_norm(s->out, s->weight, N / HEAD, HEAD, 1e-5f)) \
    X(glu_silu,          "glu silu",          8 + 4,             k->glu_silu(s->out, s->x, s->y, N / 16, 16))            \
    X(glu_gelu,          "glu gelu",          8 + 4,             k->glu_gelu(s->out, s->x, s->y, N / 16, 16))            \
    X(soft_cap,          "soft cap",          4 + 4,             k->soft_cap(s->out, s->x, N, 30))                       \
    X(add,               "add",               8 + 4,             k->add(s->out, s->x, s->y, N))                          \
    X(scale,             "scale",             4 + 4,             k->scale(s->out, s->x, N, 0.5f))                        \
    X(rotate_halves,     "rotate halves",     4 + 4,             k->rotate(s->y, s->cosine, s->sine, N / HEAD, HEAD, HEAD / 2, 1))   \
    X(rotate_neighbours, "rotate neighbours", 4 + 4,             k->rotate(s->y, s->cosine, s->sine, N / HEAD, HEAD, HEAD / 2, 0))   \
    X(largest,           "largest",           4,                 s->out[0] = k->largest(s->x, N))                        \
    X(to_f16,            "to f16",            4 + 2,             k->to_f16((uint16_t *)s->prepared, s->x, N))            \
    X(to_bf16,           "to bf16",           4 + 2,             k->to_bf16((uint16_t *)s->prepared, s->x, N))           \
    X(to_q8_0,           "to q8_0",           4 + 1,             k->to_q8_0((int8_t *)s->prepared, (uint16_t *)(s->prepared + N), s->x, N))

typedef struct { const row_kernels *k; row_set *sets; } row_job;

#define STEP(id, name, bytes, call)                             \
static double id##_step(void *user, uint32_t rank) {            \
    const row_job *j = user;                                    \
    const row_kernels *k = j->k;                                \
    row_set *s = &j->sets[rank];                                \
    for (int i = 0; i < CALLS; i++) call;                       \
    return CALLS;                                               \
}
ROW_KERNELS(STEP)

static const struct { const char *name; double bytes; double (*step)(void *user, uint32_t rank); } row_list[] = {
#define ENTRY(id, name, bytes, call) { name, bytes, id##_step },
    ROW_KERNELS(ENTRY)
};
enum { N_ROW_KERNELS = sizeof row_list / sizeof *row_list };

static float between(float low, float high) { return low + (high - low) * (float)(random_bits() >> 40) * 0x1p-24f; }

static void fill_set(row_set *s) {
    for (int i = 0; i < N; i++) {
        s->x[i] = between(-4, 4);
        s->y[i] = s->out[i] = between(-4, 4);
        s->weight[i] = between(0.5f, 1.5f);
    }
    for (int i = 0; i < HEAD / 2; i++) { s->cosine[i] = 0.8f; s->sine[i] = 0.6f; }         /* a rotation: lengths stay */
}

void time_rows(const timing *t) {
    row_job j = { .sets = memory_new_aligned((size_t)t->threads * sizeof(row_set)) };
    if (!j.sets) exit(1);
    for (int i = 0; i < t->threads; i++) fill_set(&j.sets[i]);
    for (size_t r = 0; r < N_ROW_KERNELS; r++)
        for (size_t i = 0; i < kernels_all_n; i++) {
            const cpu_kernels *k = kernels_all[i];
            if (!timing_wants_isa(t, k)) continue;
            j.k = &k->rows;
            timing_print(t, &(timed_kernel){ .kernel = row_list[r].name, .format = "", .form = "", .k = k, .source = FROM_CACHE,
                                             .bytes = N * row_list[r].bytes, .step = row_list[r].step, .user = &j });
        }
    memory_free(j.sets);
}
