/* The CPU backend: opening, binding a plan and its weights, running batches. See cpu.h and state.h. */
#include "cpu/cpu.h"
#include "cpu/state.h"
#include "plan/rotary.h"
#include <stdio.h>
#include <string.h>

enum {
    PANEL_SCRATCH_BYTES = 1 << 20,      /* --no-pack: panels made at once, unless a granule needs more */
    MAX_HEAD_SIZE = 1024,
};

static void cpu_close(backend *b) {
    if (!b) return;
    team_free(b->team);
    memory_unmap(b->packed, b->packed_bytes);
    memory_unmap(b->kv, b->kv_bytes);
    arena_free(&b->memory);
    memory_free(b);
}

static int cpu_open(backend **out, const backend_options *o, error *err) {
    *out = NULL;
    backend *b = memory_new(1, sizeof *b);
    if (!b) return fail_memory(err, sizeof *b, "the CPU backend");
    b->options = *o;
    int code = kernels_choose(&b->kernels, o->isa, err);
    if (!code) code = tuning_defaults(&b->tuning, err);
    if (!code) code = team_new(&b->team, o->n_threads, err);
    if (code) { cpu_close(b); return code; }
    const uint32_t n = team_size(b->team);
    snprintf(b->description, sizeof b->description, "%s, %u thread%s%s%s", b->kernels->name, n, n == 1 ? "" : "s",
             o->precise ? ", precise" : "", o->no_pack ? ", not packed" : "");
    *out = b;
    return 0;
}

static const char *cpu_describe(const backend *b) { return b->description; }

/* --- bind --- */

/* Aligned to 64 bytes; from the arena, so that it is freed with everything else. NULL when there is no memory. */
static void *new_aligned(backend *b, size_t bytes) {
    char *p = arena_new(&b->memory, 1, bytes + 64);
    return p ? p + (64 - (uintptr_t)p % 64) : NULL;
}

static int check_shapes(const backend *b, error *err) {
    const plan *p = b->plan;
    if (p->kv.k_size > MAX_HEAD_SIZE || p->kv.v_size > MAX_HEAD_SIZE)
        return fail(err, RIDGE_E_UNSUPPORTED, "heads of %u and %u values: the CPU backend takes up to %d", p->kv.k_size, p->kv.v_size, MAX_HEAD_SIZE);
    for (size_t i = 0; i < p->n_steps; i++) {
        const step *s = &p->step[i];
        if (s->kind == STEP_attention && s->n_heads / p->kv.n_heads > ATTEND_MAX_QUERIES)
            return fail(err, RIDGE_E_UNSUPPORTED, "%u query heads for each KV head: the CPU backend takes up to %d", s->n_heads / p->kv.n_heads, ATTEND_MAX_QUERIES);
    }
    return 0;
}

/* Vectors become rows: f32, padded with zeros. Frequencies are computed once. */
static int copy_vectors(backend *b, error *err) {
    const plan *p = b->plan;
    b->vector = arena_new(&b->memory, p->n_tensors, sizeof *b->vector);
    b->frequency = arena_new(&b->memory, p->n_ropes, sizeof *b->frequency);
    if (!b->vector || !b->frequency) return fail_memory(err, p->n_tensors * sizeof *b->vector, "the table of vectors");
    for (size_t i = 0; i < p->n_tensors; i++) {
        if (!p->tensor[i].is_vector) continue;
        const weight *w = &b->weights->weight[i];
        b->vector[i] = new_aligned(b, round_up_size(w->n, UNIT) * sizeof(float));
        if (!b->vector[i]) return fail_memory(err, w->n * sizeof(float), p->tensor[i].name);
        w->format->dequantize(b->vector[i], w->data, w->n);
    }
    for (size_t i = 0; i < p->n_ropes; i++) {
        const rope_config *rope = &p->rope[i];
        b->frequency[i] = arena_new(&b->memory, rope->n_rotated / 2, sizeof **b->frequency);
        if (!b->frequency[i]) return fail_memory(err, rope->n_rotated * sizeof(double) / 2, "the rotary frequencies");
        rotary_frequencies(rope, rope->factors == NONE ? NULL : b->vector[rope->factors], b->frequency[i]);
    }
    return 0;
}

static int new_values(backend *b, error *err) {
    const plan *p = b->plan;
    const size_t rows = b->options.max_tokens;
    b->value = arena_new(&b->memory, p->n_values, sizeof *b->value);
    b->value_stride = arena_new(&b->memory, p->n_values, sizeof *b->value_stride);
    if (!b->value || !b->value_stride) return fail_memory(err, p->n_values * sizeof *b->value, "the table of activations");
    for (size_t i = 0; i < p->n_values; i++) {
        size_t stride = round_up_size(p->value[i].width, UNIT);
        if (stride > b->widest) b->widest = stride;
        if (stride % 1024 == 0) stride += UNIT;         /* rows a multiple of 4 KB apart would share a cache set */
        b->value_stride[i] = stride;
        if ((value_id)i == p->logits || !p->value[i].width) continue;
        const size_t bytes = (p->value[i].outputs_only ? b->options.max_outputs : rows) * stride * sizeof(float);
        b->value[i] = new_aligned(b, bytes);
        if (!b->value[i]) return fail_memory(err, bytes, "activations");
    }
    b->cosine = arena_new(&b->memory, p->n_ropes, sizeof *b->cosine);
    b->sine = arena_new(&b->memory, p->n_ropes, sizeof *b->sine);
    if (!b->cosine || !b->sine) return fail_memory(err, p->n_ropes * sizeof *b->cosine, "rotary angles");
    for (size_t i = 0; i < p->n_ropes; i++) {
        const size_t bytes = rows * p->rope[i].n_rotated / 2 * sizeof(float);
        b->cosine[i] = new_aligned(b, bytes);
        b->sine[i] = new_aligned(b, bytes);
        if (!b->cosine[i] || !b->sine[i]) return fail_memory(err, 2 * bytes, "rotary angles");
    }
    b->token = arena_new(&b->memory, rows, sizeof *b->token);
    b->position = arena_new(&b->memory, rows, sizeof *b->position);
    b->part_of = arena_new(&b->memory, rows, sizeof *b->part_of);
    b->output_row = arena_new(&b->memory, b->options.max_outputs, sizeof *b->output_row);
    return b->token && b->position && b->part_of && b->output_row ? 0 : fail_memory(err, rows * 16, "the batch");
}

/* The bytes that one token's activations take in the form `kind`, for the widest input that any step prepares so; and all forms of one step. */
static size_t widest_activation(const backend *b, int kind, bool all_kinds) {
    size_t most = 0;
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        size_t bytes = 0;
        for (int k = 0; k < ACTIVATION_COUNT; k++)
            if (b->linear[i].kinds[k] && !b->link[i].input_ready && (all_kinds || k == kind))
                bytes += round_up_size(kernels_activation_bytes(b->kernels, (activation_kind)k, b->linear[i].matrix[0].source->n), 64);
        if (bytes > most) most = bytes;
    }
    return most;
}

static bool new_state(backend *b, attend_state *s, size_t n) {
    n = round_up_size(n, 16) + 16;          /* attend_state wants room */
    s->out_stride = round_up_size(b->plan->kv.v_size, 16);
    s->max = new_aligned(b, n * sizeof *s->max);
    s->sum = new_aligned(b, n * sizeof *s->sum);
    s->out = new_aligned(b, n * s->out_stride * sizeof *s->out);
    return s->max && s->sum && s->out;
}

static int new_scratch(backend *b, error *err) {
    const uint32_t n = team_size(b->team);
    size_t granule_floats = 1, granule_bytes = 0;
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        const panel_linear *l = &b->linear[i];
        for (unsigned m = 0; m < l->n; m++) {
            const size_t floats = (size_t)l->granule * PANEL_ROWS * 2, bytes = panel_layout_panel_bytes(&l->matrix[m].layout) * 2 * l->granule;
            if (floats > granule_floats) granule_floats = floats;
            if (bytes > granule_bytes) granule_bytes = bytes;
        }
    }
    const size_t y_floats = granule_floats > TUNING_MOST_CHUNK_FLOATS ? granule_floats : TUNING_MOST_CHUNK_FLOATS;
    b->panels_room = granule_bytes > PANEL_SCRATCH_BYTES ? granule_bytes : PANEL_SCRATCH_BYTES;
    bool all = (b->scratch = arena_new(&b->memory, n, sizeof *b->scratch)) != NULL;
    for (uint32_t i = 0; all && i < n; i++) {
        thread_scratch *s = &b->scratch[i];
        all = (s->y = new_aligned(b, y_floats * sizeof(float)))
           && (s->row = new_aligned(b, b->widest * sizeof(float)))
           && (s->prepared = new_aligned(b, TUNING_MOST_OWN_ROWS * widest_activation(b, 0, true)))
           && (!b->options.no_pack || (s->panels = new_aligned(b, b->panels_room)))
           && (s->scores = new_aligned(b, ATTEND_MAX_QUERIES * KV_PAGE_POSITIONS * sizeof(float)))
           && (s->wide = new_aligned(b, KV_PAGE_POSITIONS * (round_up_size(b->plan->kv.k_size, UNIT) + round_up_size(b->plan->kv.v_size, UNIT)) * sizeof(float)))
           && new_state(b, &s->running, ATTEND_MAX_QUERIES) && new_state(b, &s->page, ATTEND_MAX_QUERIES);
    }
    for (int kind = 0; all && kind < ACTIVATION_COUNT; kind++)
        all = (b->prepared[kind] = new_aligned(b, b->options.max_tokens * widest_activation(b, kind, false))) != NULL;
    size_t handed_on = 0;
    for (size_t i = 0; i < b->plan->n_steps; i++)
        if (b->link[i].token_bytes > handed_on) handed_on = b->link[i].token_bytes;
    all = all && (b->handed_on = new_aligned(b, b->options.max_tokens * handed_on)) != NULL;
    return all ? 0 : fail_memory(err, b->options.max_tokens * widest_activation(b, 0, true), "working memory");
}

static int new_kv(backend *b, error *err) {
    const kv_shape *kv = &b->plan->kv;
    b->k_bytes = KV_PAGE_POSITIONS * format_row_bytes(&formats[kv->k_type], attend_k_padded(kv->k_type, kv->k_size));
    b->v_bytes = KV_PAGE_POSITIONS * format_row_bytes(&formats[kv->v_type], attend_v_padded(kv->v_type, kv->v_size));
    b->kv_bytes = (size_t)b->options.n_pages * kv->n_layers * kv->n_heads * (b->k_bytes + b->v_bytes);
    b->kv = memory_map(b->kv_bytes);
    if (!b->kv) return fail_memory(err, b->kv_bytes, "the KV cache");
    uint32_t most_heads = 0;
    for (size_t i = 0; i < b->plan->n_steps; i++)
        if (b->plan->step[i].kind == STEP_attention && b->plan->step[i].n_heads > most_heads) most_heads = b->plan->step[i].n_heads;
    b->partial_room = (size_t)b->options.n_pages * most_heads;
    return new_state(b, &b->partial, b->partial_room) ? 0 : fail_memory(err, b->partial_room * b->partial.out_stride * sizeof(float), "attention");
}

static int cpu_bind(backend *b, const plan *p, const weights *w, error *err) {
    b->plan = p;
    b->weights = w;
    int code = check_shapes(b, err);
    if (!code) code = copy_vectors(b, err);
    if (!code) code = pack_weights(b, err);
    if (!code) code = tuning_bind(b, err);
    if (!code) code = link_steps(b, err);
    if (!code) code = check_kernels(b, err);
    if (!code) code = new_values(b, err);
    if (!code) code = new_scratch(b, err);
    if (!code) code = new_kv(b, err);
    return code;
}

/* --- run --- */

/* Unrolls the batch into one entry a row, and checks what the kernels rely on. */
static int read_batch(backend *b, const batch *in, error *err) {
    const size_t n_tokens = batch_tokens(in), n_outputs = batch_outputs(in);
    if (!n_tokens || n_tokens > b->options.max_tokens || n_outputs > b->options.max_outputs)
        return fail(err, RIDGE_E_BAD_ARGUMENT, "a batch of %zu tokens and %zu outputs; the backend was opened for up to %u and %u",
                    n_tokens, n_outputs, b->options.max_tokens, b->options.max_outputs);
    uint32_t row = 0, output = 0;
    for (size_t i = 0; i < in->n_parts; i++) {
        const batch_part *part = &in->part[i];
        for (uint32_t t = 0; t < part->n_tokens; t++, row++) {
            if (part->tokens[t] < 0 || (uint32_t)part->tokens[t] >= b->plan->n_vocab)
                return fail(err, RIDGE_E_BAD_ARGUMENT, "token %d is not in the vocabulary of %u", part->tokens[t], b->plan->n_vocab);
            b->token[row] = part->tokens[t];
            b->position[row] = part->first_position + t;
            b->part_of[row] = (uint32_t)i;
            if (t >= part->first_output) b->output_row[output++] = row;
        }
        for (uint32_t page = 0; part->n_tokens && page <= (part->first_position + part->n_tokens - 1) / KV_PAGE_POSITIONS; page++)
            if (part->pages[page] < 0 || (uint32_t)part->pages[page] >= b->options.n_pages)
                return fail(err, RIDGE_E_BAD_ARGUMENT, "page %d is not one of the %u of the KV cache", part->pages[page], b->options.n_pages);
    }
    b->n_tokens = row;
    b->n_outputs = output;
    return 0;
}

static int cpu_run(backend *b, const batch *in, float *logits, float *largest, error *err) {
    const int code = read_batch(b, in, err);
    if (code) return code;
    b->batch = in;
    b->logits = logits;
    b->largest = largest;
    team_run(b->team, run_plan, b);
    return 0;
}

static uint32_t cpu_n_threads(const backend *b) { return team_size(b->team); }
static void cpu_time_steps(backend *b, step_time *times) { b->times = times; }

static const ridge_knob *cpu_knobs(const backend *b, size_t *n) {
    *n = b->tuning.n_knobs;
    return b->tuning.knob;
}

static void cpu_set_knob(backend *b, size_t i, uint32_t value) { *b->tuning.place[i] = b->tuning.knob[i].value = value; }

const backend_api cpu_backend = {
    .name = "cpu", .open = cpu_open, .bind = cpu_bind, .run = cpu_run, .close = cpu_close, .describe = cpu_describe,
    .n_threads = cpu_n_threads, .time_steps = cpu_time_steps, .knobs = cpu_knobs, .set_knob = cpu_set_knob,
};
