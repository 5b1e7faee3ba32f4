/* Timing: matrices and packing, for every format, form of activations and instruction set. See timing.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "cpu/isa.h"
#include "perf/crew.h"
#include "timing.h"

/* A row of the matrix has WIDTH weights, a multiple of every format's block. MANY_SCALAR: scalar code is some hundred times slower. */
enum { WIDTH = 2048, PANELS = 32, MANY_PANELS = 16, MANY = 512, MANY_SCALAR = 32, MOST_THREADS = 64 };

/* ---- matrices ---- */

typedef struct {
    const timing      *t;
    const cpu_kernels *k;
    const random_tokens *x;
    format_id          id;
    activation_kind    kind;
    size_t             tokens, columns, panels, stride;
    float             *y;                               /* [threads][tokens][panels][PANEL_ROWS] */
    struct { _Alignas(64) size_t at; } thread[MOST_THREADS];
} matmul_job;

/* The thread's next panels. */
static double multiply(void *user, uint32_t rank) {
    matmul_job *j = user;
    const activations x = tokens_for(j->x, j->k, j->kind);
    const size_t rows = j->panels * PANEL_ROWS, bytes = j->panels * j->stride;
    const bool few = j->tokens > 2;
    size_t *at = &j->thread[rank].at;
    const matmul_args a = {
        .w = timing_part(j->t, rank) + *at, .panels = j->panels, .panel_stride = j->stride, .x = &x, .tokens = j->tokens,
        .y = j->y + rank * j->tokens * rows, .ldy = rows, .columns = j->columns,
        .prefetch_bytes = few ? j->t->tuning.few_prefetch_bytes : j->t->tuning.prefetch_bytes, .prefetch_step = few ? 0 : j->t->tuning.prefetch_step,
    };
    j->k->matmul[j->id][j->kind](&a);
    *at = *at + 2 * bytes <= j->t->part_bytes ? *at + bytes : 0;
    return 1;
}

static void time_one(const timing *t, matmul_job *j, size_t tokens, size_t columns) {
    j->tokens = tokens;
    j->columns = columns ? columns : 1;
    j->panels = tokens > 8 ? MANY_PANELS : PANELS;
    j->stride = (formats[j->id].panel_bytes(WIDTH) + 63) / 64 * 64;
    memset(j->thread, 0, sizeof j->thread);
    timing_print(t, &(timed_kernel){
        .kernel = "matmul", .format = formats[j->id].name, .form = timing_forms[j->kind], .k = j->k, .tokens = tokens, .columns = columns, .kind = j->kind,
        .bytes = (double)(j->panels * j->stride), .operations = 2.0 * WIDTH * PANEL_ROWS * (double)(j->panels * tokens), .step = multiply, .user = j });
}

static void time_pair(const timing *t, matmul_job *j) {
    if (timing_wants_part(t, "one")) for (size_t columns = 1; columns <= j->k->most_columns[j->id][j->kind]; columns *= 2) time_one(t, j, 1, columns);
    if (timing_wants_part(t, "few")) for (size_t tokens = 2; tokens <= 8; tokens *= 2) time_one(t, j, tokens, 0);
    if (timing_wants_part(t, "many")) time_one(t, j, j->k == &kernels_scalar ? MANY_SCALAR : MANY, 0);
}

void time_matmuls(const timing *t) {
    random_tokens x;
    static matmul_job j;
    if (!timing_wants_part(t, "one") && !timing_wants_part(t, "few") && !timing_wants_part(t, "many")) return;
    j = (matmul_job){ .t = t, .x = &x, .y = memory_new_aligned((size_t)t->threads * MANY * MANY_PANELS * PANEL_ROWS * sizeof(float)) };
    if (!j.y) exit(1);
    random_tokens_new(&x, MANY, WIDTH);
    for (j.id = 0; j.id < FORMAT_COUNT; j.id++)
        for (j.kind = 0; j.kind < ACTIVATION_COUNT; j.kind++)
            for (size_t i = 0; i < kernels_all_n; i++) {
                j.k = kernels_all[i];
                if (j.k->matmul[j.id][j.kind] && timing_wants_format(t, j.id) && timing_wants_form(t, j.kind) && timing_wants_isa(t, j.k))
                    time_pair(t, &j);
            }
    random_tokens_free(&x);
    memory_free(j.y);
}

/* ---- packing ---- */

typedef struct {
    const timing *t;
    pack_fn      *pack;
    size_t        row_bytes, panel_bytes;
    struct { _Alignas(64) size_t at; } thread[MOST_THREADS];
} pack_job;

/* The thread's next 16 rows of the first half of its part, into the second half. */
static double pack_panel(void *user, uint32_t rank) {
    pack_job *j = user;
    const size_t half = j->t->part_bytes / 2, largest = PANEL_ROWS * j->row_bytes > j->panel_bytes ? PANEL_ROWS * j->row_bytes : j->panel_bytes;
    size_t *at = &j->thread[rank].at;
    char *from = timing_part(j->t, rank) + *at;
    j->pack(from + half, from, j->row_bytes, PANEL_ROWS, WIDTH);
    *at = *at + 2 * largest <= half ? *at + (largest + 63) / 64 * 64 : 0;
    return 1;
}

static void time_pack(const timing *t, const cpu_kernels *k, format_id id, bool as_bf16) {
    pack_job j = { .t = t, .pack = (as_bf16 ? k->pack_as_bf16 : k->pack)[id], .row_bytes = format_row_bytes(&formats[id], WIDTH),
                   .panel_bytes = formats[as_bf16 ? FORMAT_bf16 : id].panel_bytes(WIDTH) };
    timing_print(t, &(timed_kernel){ .kernel = as_bf16 ? "pack as bf16" : "pack", .format = formats[id].name, .form = "", .k = k,
                                     .source = FROM_MEMORY_TO_MEMORY, .bytes = (double)(PANEL_ROWS * j.row_bytes + j.panel_bytes), .step = pack_panel, .user = &j });
}

void time_packing(const timing *t) {
    for (format_id id = 0; id < FORMAT_COUNT; id++)
        for (size_t i = 0; i < kernels_all_n; i++) {
            if (!timing_wants_format(t, id) || !timing_wants_isa(t, kernels_all[i])) continue;
            time_pack(t, kernels_all[i], id, false);
            if (formats[id].block_k == 1) time_pack(t, kernels_all[i], id, true);
        }
}
