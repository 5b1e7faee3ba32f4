/* The attention step: which thread attends to what.
 *
 * A task is a block of tokens of one sequence and one KV head, with the query heads that share it. Usually a thread does whole
 * tasks, page by page. When there are too few tasks to share out (decoding), their pages are shared out instead: each page's
 * result is kept, and after a barrier merged in ascending order, as the first way does. The same bits either way. */
#include "cpu/state.h"

enum { BLOCK_QUERIES = ATTEND_MAX_QUERIES };        /* rows of q that pass over a page together, where the group of heads allows it */

typedef struct {
    const batch_part *part;
    uint32_t row, n_tokens;         /* of the batch */
    uint32_t head;                  /* of the KV cache */
    uint32_t first_page, end_page;  /* pages that any of the tokens sees */
} attention_task;

typedef struct { backend *b; const step *s; uint32_t group, block_tokens; } attention_call;

/* Walks over all tasks in a fixed order; the cursor starts zeroed. */
typedef struct { size_t part; uint32_t token, head, part_row; } task_cursor;

static bool next_task(const attention_call *c, task_cursor *at, attention_task *t) {
    const batch *in = c->b->batch;
    if (at->part == in->n_parts) return false;
    const batch_part *part = &in->part[at->part];
    const uint32_t left = part->n_tokens - at->token;
    *t = (attention_task){ .part = part, .row = at->part_row + at->token, .n_tokens = left < c->block_tokens ? left : c->block_tokens, .head = at->head };
    const uint32_t first = part->first_position + at->token, last = first + t->n_tokens - 1;
    t->first_page = c->s->window && first + 1 > c->s->window ? (first + 1 - c->s->window) / KV_PAGE_POSITIONS : 0;
    t->end_page = last / KV_PAGE_POSITIONS + 1;
    if (++at->head == c->b->plan->kv.n_heads) {
        at->head = 0;
        at->token += t->n_tokens;
        if (at->token == part->n_tokens) { at->part_row += part->n_tokens; at->part++; at->token = 0; }
    }
    return true;
}

/* The running result of no page at all. */
static void reset(const attend_state *state, uint32_t n, size_t width) {
    for (uint32_t i = 0; i < n; i++) {
        state->max[i] = ATTEND_NOTHING;
        state->sum[i] = 0;
        for (size_t d = 0; d < width; d++) state->out[i * state->out_stride + d] = 0;
    }
}

static void attend_page(const attention_call *c, const attention_task *t, uint32_t page, bool same_queries, const thread_scratch *scratch, attend_state to) {
    const backend *b = c->b;
    const float *q[ATTEND_MAX_QUERIES];
    int32_t first[ATTEND_MAX_QUERIES], last[ATTEND_MAX_QUERIES];
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        const int64_t position = b->position[t->row + i], start = (int64_t)page * KV_PAGE_POSITIONS;
        const int64_t from = c->s->window ? position + 1 - c->s->window - start : 0, to_last = position - start;
        for (uint32_t g = 0; g < c->group; g++, n++) {
            q[n] = value_row(b, c->s->in[0], t->row + i) + (size_t)(t->head * c->group + g) * b->plan->kv.k_size;
            first[n] = (int32_t)(from > 0 ? from < KV_PAGE_POSITIONS ? from : KV_PAGE_POSITIONS : 0);
            last[n] = (int32_t)(to_last < KV_PAGE_POSITIONS ? to_last < 0 ? -1 : to_last : KV_PAGE_POSITIONS - 1);
        }
    }
    const uint8_t *k = kv_page(b, t->part->pages[page], c->s->kv_layer, t->head);
    const uint8_t *next_k = page + 1 < t->end_page ? kv_page(b, t->part->pages[page + 1], c->s->kv_layer, t->head) : NULL;
    b->kernels->attend.page(&(attend_args){
        .k = k, .v = k + b->k_bytes, .next_k = next_k, .k_type = b->plan->kv.k_type, .v_type = b->plan->kv.v_type, .q = q, .n_queries = n,
        .same_queries = same_queries, .first = first, .last = last, .k_size = b->plan->kv.k_size, .v_size = b->plan->kv.v_size, .scale = c->s->scale, .cap = c->s->cap, .scores = scratch->scores, .wide = scratch->wide, .to = to,
    });
}

static void write_task(const attention_call *c, const attention_task *t, const attend_state *state) {
    const backend *b = c->b;
    const uint32_t size = b->plan->kv.v_size, n = t->n_tokens * c->group;
    if (hands_on(b, c->s)) {
        for (uint32_t i = 0; i < n; i++) b->kernels->attend.finish(state->out + i * state->out_stride, state, i, size);
        hand_on(b, c->s, t->row, t->n_tokens, (size_t)t->head * c->group * size, (size_t)c->group * size, state->out);
        return;
    }
    for (uint32_t i = 0; i < t->n_tokens; i++)
        for (uint32_t g = 0; g < c->group; g++)
            b->kernels->attend.finish(value_row(b, c->s->out[0], t->row + i) + (size_t)(t->head * c->group + g) * size, state, i * c->group + g, size);
}

static void attend_task(const attention_call *c, const attention_task *t, thread_scratch *scratch) {
    const uint32_t n = t->n_tokens * c->group, size = c->b->plan->kv.v_size;
    attend_page(c, t, t->first_page, false, scratch, scratch->running);        /* as merged with nothing */
    for (uint32_t page = t->first_page + 1; page < t->end_page; page++) {
        attend_page(c, t, page, true, scratch, scratch->page);
        c->b->kernels->attend.merge(&scratch->running, &scratch->page, n, size);
    }
    write_task(c, t, &scratch->running);
}

static attend_state state_at(const attend_state *s, size_t slot) {
    return (attend_state){ s->max + slot, s->sum + slot, s->out + slot * s->out_stride, s->out_stride };
}

/* Pages shared out: every thread counts through all of them and computes its own. */
static void attend_shared_pages(const attention_call *c, uint32_t thread, size_t n_pages) {
    backend *b = c->b;
    uint64_t from, to, item = 0;
    team_part(n_pages, thread, team_size(b->team), &from, &to);
    size_t slot = 0;
    attention_task t;
    for (task_cursor at = {0}; next_task(c, &at, &t); )
        for (uint32_t page = t.first_page; page < t.end_page; page++, item++, slot += t.n_tokens * c->group)
            if (item >= from && item < to) attend_page(c, &t, page, false, &b->scratch[thread], state_at(&b->partial, slot));
    team_barrier(b->team);

    attend_state *running = &b->scratch[thread].running;
    slot = item = 0;
    for (task_cursor at = {0}; next_task(c, &at, &t); item++) {
        const uint32_t n = t.n_tokens * c->group;
        const bool mine = item % team_size(b->team) == thread;
        if (mine) reset(running, n, running->out_stride);
        for (uint32_t page = t.first_page; page < t.end_page; page++, slot += n) {
            const attend_state result = state_at(&b->partial, slot);
            if (mine) b->kernels->attend.merge(running, &result, n, b->plan->kv.v_size);
        }
        if (mine) write_task(c, &t, running);
    }
}

void run_attention(backend *b, const step *s, uint32_t thread) {
    attention_call c = { .b = b, .s = s, .group = s->n_heads / b->plan->kv.n_heads };
    c.block_tokens = c.group < BLOCK_QUERIES ? BLOCK_QUERIES / c.group : 1;

    const uint32_t n_threads = team_size(b->team);
    size_t tasks = 0, pages = 0, slots = 0;
    attention_task t;
    for (task_cursor at = {0}; next_task(&c, &at, &t); tasks++) {
        pages += t.end_page - t.first_page;
        slots += (size_t)(t.end_page - t.first_page) * t.n_tokens * c.group;
    }
    if (tasks % n_threads && tasks < 4 * n_threads && pages > tasks && slots <= b->partial_room) {
        attend_shared_pages(&c, thread, pages);
        return;
    }
    size_t item = 0;
    for (task_cursor at = {0}; next_task(&c, &at, &t); item++)
        if (item % n_threads == thread) attend_task(&c, &t, &b->scratch[thread]);
}
