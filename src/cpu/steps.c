/* Every step that is neither linear nor attention, and the loop over the plan that each thread of the team runs. */
#include "cpu/state.h"
#include "base/clock.h"
#include "plan/rotary.h"
#include <string.h>

/* --- rows of a step, shared out over the threads --- */

static void embed_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    const weight *table = &b->weights->weight[s->weight[0]];
    float *out = value_row(b, s->out[0], row);
    weight_row(table, (size_t)b->token[row], out);
    if (s->scale != 1) b->kernels->rows.scale(out, out, table->n, s->scale);
}

static void norm_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    b->kernels->rows.norm(value_row(b, s->out[0], row), value_row(b, s->in[0], row), b->vector[s->weight[0]],
                          s->add == NONE ? NULL : value_row(b, s->add, row), b->plan->value[s->in[0]].width, s->eps);
}

static void copy_row(const backend *b, const step *s, uint32_t row) {
    if (s->out[0] != s->in[0]) memcpy(value_row(b, s->out[0], row), value_row(b, s->in[0], row), b->value_stride[s->in[0]] * sizeof(float));
}

static void bias_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    b->kernels->rows.add(value_row(b, s->out[0], row), value_row(b, s->in[0], row), b->vector[s->bias[0]], b->plan->value[s->in[0]].width);
}

static void head_norm_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    copy_row(b, s, row);
    b->kernels->rows.head_norm(value_row(b, s->out[0], row), b->vector[s->weight[0]], b->plan->value[s->in[0]].width / s->head_size, s->head_size, s->eps);
}

static void rope_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    const rope_config *rope = &b->plan->rope[s->rope];
    const size_t pairs = rope->n_rotated / 2;
    copy_row(b, s, row);
    b->kernels->rows.rotate(value_row(b, s->out[0], row), b->cosine[s->rope] + row * pairs, b->sine[s->rope] + row * pairs,
                            b->plan->value[s->in[0]].width / rope->head_size, rope->head_size, (uint32_t)pairs, rope->halves);
}

static void kv_write_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    store_k(b, row, s->kv_layer, 0, b->plan->kv.n_heads, value_row(b, s->in[0], row));
    store_v(b, row, s->kv_layer, 0, b->plan->kv.n_heads, value_row(b, s->in[1], row));
}

static void glu_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    (s->glu == GLU_SILU ? b->kernels->rows.glu_silu : b->kernels->rows.glu_gelu)(
        value_row(b, s->out[0], row), value_row(b, s->in[0], row), value_row(b, s->in[1], row), b->value_stride[s->in[0]] / PANEL_ROWS, PANEL_ROWS);
}

static void add_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    b->kernels->rows.add(value_row(b, s->out[0], row), value_row(b, s->add, row), value_row(b, s->in[0], row), b->plan->value[s->in[0]].width);
}

/* The last steps of a plan may work on logits: those lie in the caller's memory, where a row is not padded. */
static float *any_row(const backend *b, value_id v, uint32_t row) {
    return v == b->plan->logits ? b->logits + (size_t)row * b->plan->value[v].width : value_row(b, v, row);
}

static void scale_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    b->kernels->rows.scale(any_row(b, s->out[0], row), any_row(b, s->in[0], row), b->plan->value[s->in[0]].width, s->scale);
}

static void soft_cap_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    const size_t width = b->plan->value[s->in[0]].width;
    memcpy(scratch->row, any_row(b, s->in[0], row), width * sizeof(float));
    b->kernels->rows.soft_cap(scratch->row, scratch->row, width, s->cap);
    memcpy(any_row(b, s->out[0], row), scratch->row, width * sizeof(float));
}

static void gather_row(const backend *b, const step *s, uint32_t row, thread_scratch *scratch) {
    memcpy(value_row(b, s->out[0], row), value_row(b, s->in[0], b->output_row[row]), b->value_stride[s->in[0]] * sizeof(float));
}

typedef void row_step(const backend *b, const step *s, uint32_t row, thread_scratch *scratch);
static row_step *const row_steps[STEP_COUNT] = {
    [STEP_embed] = embed_row, [STEP_norm] = norm_row, [STEP_bias] = bias_row, [STEP_head_norm] = head_norm_row, [STEP_rope] = rope_row,
    [STEP_kv_write] = kv_write_row, [STEP_glu] = glu_row, [STEP_add] = add_row, [STEP_scale] = scale_row, [STEP_soft_cap] = soft_cap_row,
    [STEP_gather] = gather_row,
};

static void run_rows(const backend *b, const step *s, uint32_t thread) {
    uint64_t from, to;
    team_part(step_rows(b, s), thread, team_size(b->team), &from, &to);
    for (uint64_t row = from; row < to; row++) row_steps[s->kind](b, s, (uint32_t)row, &b->scratch[thread]);
}

/* --- the plan --- */

static void find_angles(const backend *b, uint32_t thread) {
    uint64_t from, to;
    team_part(b->n_tokens, thread, team_size(b->team), &from, &to);
    for (size_t r = 0; r < b->plan->n_ropes; r++) {
        const size_t pairs = b->plan->rope[r].n_rotated / 2;
        for (uint64_t row = from; row < to; row++)
            rotary_angles(b->frequency[r], pairs, b->position[row], b->cosine[r] + row * pairs, b->sine[r] + row * pairs);
    }
}

/* While this thread waits for the others, memory can already bring the first bytes of the panels that it will begin with side by side. */
static void ask_for_next_panels(const backend *b, size_t after, uint32_t thread) {
    size_t i = after + 1;
    while (i < b->plan->n_steps && b->plan->step[i].kind != STEP_linear) i++;
    if (i == b->plan->n_steps || !b->linear[i].matrix[0].packed) return;
    const panel_linear *l = &b->linear[i];
    for (unsigned m = 0; m < l->n; m++) {
        const panel_range part = panel_part(l, m, thread, team_size(b->team));
        if (part.from == part.to) continue;
        const panel_matrix *matrix = &l->matrix[m];
        const panel_section s = panel_section_at(&matrix->layout, 0);
        const size_t columns = b->n_tokens == 1 ? matrix->tuning->columns : 1, stride = l->alternate ? s.bytes : s.stride;
        const uint8_t *first = matrix->packed + s.offset + part.from * s.stride;
        for (size_t column = 0; column < columns; column++)
            for (size_t k = 0; k < b->tuning.next_step_bytes / columns; k += 64) __builtin_prefetch(first + column * stride + k);
        return;
    }
}

/* Each thread looks through the logits that it has just written itself, mostly: they are in its cache still, and in no other one. */
static void find_largest(const backend *b, uint32_t thread) {
    const size_t n_vocab = b->plan->n_vocab, blocks = logit_blocks(n_vocab);
    uint64_t from, to;
    team_part(blocks, thread, team_size(b->team), &from, &to);
    for (uint32_t row = 0; row < b->n_outputs; row++)
        for (uint64_t i = from; i < to; i++) {
            const size_t first = i * LOGIT_BLOCK, n = n_vocab - first < LOGIT_BLOCK ? n_vocab - first : LOGIT_BLOCK;
            b->largest[row * blocks + i] = b->kernels->rows.largest(b->logits + row * n_vocab + first, n);
        }
}

static void run_step(backend *b, const step *s, uint32_t thread) {
    switch (s->kind) {
    case STEP_linear:    run_linear(b, s, thread);    break;
    case STEP_attention: run_attention(b, s, thread); break;
    default:             run_rows(b, s, thread);      break;
    }
}

void run_plan(void *user, uint32_t thread) {
    backend *b = user;
    b->scratch[thread].mode = kernels_enter_thread();
    find_angles(b, thread);
    step_time *times = b->times ? b->times + thread * b->plan->n_steps : NULL;
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        if (times) times[i].start = clock_ns();
        run_step(b, &b->plan->step[i], thread);
        ask_for_next_panels(b, i, thread);
        if (times) times[i].done = clock_ns();
        team_barrier(b->team);
        if (times) times[i].left = clock_ns();
    }
    if (b->largest) find_largest(b, thread);
    kernels_leave_thread(b->scratch[thread].mode);
}
