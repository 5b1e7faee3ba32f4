/* Timing: attention over pages of the KV cache, and the merging of pages. See timing.h and cpu/attend.h.
 *
 * One token: the QUERIES_ONE heads of a group over pages that come from memory. Many tokens: QUERIES_MANY queries of a prompt over the same
 * page, which waits for arithmetic. */
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"
#include "cpu/isa.h"
#include "timing.h"

enum { HEAD = 128, QUERIES_ONE = 4, QUERIES_MANY = ATTEND_MAX_QUERIES, MOST_THREADS = 64, CALLS = 16 };

/* What a thread works on; two results, so that they can be merged. */
typedef struct {
    float       *q, *scores, *wide, *out[2], max[2][QUERIES_MANY + 16], sum[2][QUERIES_MANY + 16];
    const float *rows[QUERIES_MANY];
    int32_t      first[QUERIES_MANY], last[QUERIES_MANY];
    size_t       at;                            /* of the next page in the thread's part */
} attention_set;

typedef struct { const timing *t; const cpu_kernels *k; format_id type; uint32_t queries; size_t page_bytes; attention_set *sets; } attention_job;

/* Bytes of K or of V in a page. */
static size_t half_bytes(format_id type) {
    const size_t values = (size_t)KV_PAGE_POSITIONS * HEAD;
    return values / formats[type].block_k * formats[type].block_bytes;
}

static attend_state state_of(attention_set *s, int which) {
    return (attend_state){ .max = s->max[which], .sum = s->sum[which], .out = s->out[which], .out_stride = HEAD };
}

static double attend_page(void *user, uint32_t rank) {
    const attention_job *j = user;
    attention_set *s = &j->sets[rank];
    const char *page = timing_part(j->t, rank) + s->at;
    const attend_args a = {
        .k = page, .v = page + j->page_bytes / 2, .k_type = j->type, .v_type = j->type, .q = s->rows, .n_queries = j->queries, .first = s->first,
        .last = s->last, .k_size = HEAD, .v_size = HEAD, .scale = 0.088f, .scores = s->scores, .wide = s->wide, .to = state_of(s, 0),
    };
    j->k->attend.page(&a);
    if (j->queries == QUERIES_ONE) s->at = s->at + 2 * j->page_bytes <= j->t->part_bytes ? s->at + j->page_bytes : 0;
    return 1;
}

static double merge(void *user, uint32_t rank) {
    const attention_job *j = user;
    attend_state into = state_of(&j->sets[rank], 1), page = state_of(&j->sets[rank], 0);
    for (int i = 0; i < CALLS; i++) j->k->attend.merge(&into, &page, j->queries, HEAD);
    return CALLS;
}

static double finish(void *user, uint32_t rank) {
    const attention_job *j = user;
    attention_set *s = &j->sets[rank];
    const attend_state state = state_of(s, 0);
    for (int i = 0; i < CALLS; i++)
        for (uint32_t q = 0; q < j->queries; q++) j->k->attend.finish(s->q, &state, q, HEAD);
    return CALLS;
}

static float *floats_of(size_t n) {
    float *p = memory_new_aligned(n * sizeof *p);
    if (!p) exit(1);
    return p;
}

static void set_new(attention_set *s) {
    s->q = floats_of(QUERIES_MANY * HEAD);
    s->scores = floats_of(QUERIES_MANY * KV_PAGE_POSITIONS);
    s->wide = floats_of(2 * KV_PAGE_POSITIONS * HEAD);
    for (int i = 0; i < 2; i++) s->out[i] = floats_of(QUERIES_MANY * HEAD);
    for (size_t i = 0; i < QUERIES_MANY * HEAD; i++) s->q[i] = (float)(random_bits() >> 40) * 0x1p-24f;
    for (int i = 0; i < QUERIES_MANY; i++) {
        s->rows[i] = s->q + i * HEAD;
        s->last[i] = KV_PAGE_POSITIONS - 1;
        s->max[1][i] = ATTEND_NOTHING;
    }
}

static void set_free(attention_set *s) {
    memory_free(s->q); memory_free(s->scores); memory_free(s->wide); memory_free(s->out[0]); memory_free(s->out[1]);
}

static void time_pages(const timing *t, attention_job *j, format_id type, uint32_t queries) {
    j->type = type;
    j->queries = queries;
    j->page_bytes = 2 * half_bytes(type);
    for (int i = 0; i < t->threads; i++) j->sets[i].at = 0;
    timing_print(t, &(timed_kernel){
        .kernel = "attention page", .format = formats[type].name, .form = type == FORMAT_bf16 ? "bf16" : "f32", .k = j->k, .tokens = queries,
        .kind = type == FORMAT_bf16 ? ACTIVATION_BF16 : ACTIVATION_F32,
        .source = queries == QUERIES_ONE ? FROM_MEMORY : FROM_CACHE, .bytes = (double)j->page_bytes,
        .operations = 2.0 * 2 * HEAD * KV_PAGE_POSITIONS * queries, .step = attend_page, .user = j });
}

static void time_isa(const timing *t, attention_job *j) {
    static const format_id types[] = { FORMAT_bf16, FORMAT_f16, FORMAT_f32, FORMAT_q8_0 };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        time_pages(t, j, types[i], QUERIES_ONE);
        time_pages(t, j, types[i], QUERIES_MANY);
    }
    timed_kernel rest = { .kernel = "attention merge", .format = "", .form = "f32", .k = j->k, .tokens = QUERIES_MANY, .source = FROM_CACHE,
                          .bytes = 3.0 * 4 * HEAD * QUERIES_MANY, .step = merge, .user = j };
    timing_print(t, &rest);
    rest.kernel = "attention finish";
    rest.bytes = 2.0 * 4 * HEAD * QUERIES_MANY;
    rest.step = finish;
    timing_print(t, &rest);
}

void time_attention(const timing *t) {
    attention_job j = { .t = t, .sets = memory_new((size_t)t->threads, sizeof *j.sets) };
    if (!j.sets) exit(1);
    for (int i = 0; i < t->threads; i++) set_new(&j.sets[i]);
    for (size_t i = 0; i < kernels_all_n; i++) {
        j.k = kernels_all[i];
        if (timing_wants_isa(t, j.k)) time_isa(t, &j);
    }
    for (int i = 0; i < t->threads; i++) set_free(&j.sets[i]);
    memory_free(j.sets);
}
