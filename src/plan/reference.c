/* The oracle's memory and its walk through the list of steps, fused or not: a fused step calls, one after the other, the
 * operations that it is made of, so both lists give the same bits. */
#include "plan/reference.h"
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "plan/reference_ops.h"

struct reference {
    const plan    *p;
    const weights *w;
    uint32_t       n_pages;
    float         *cache;           /* [n_layers][n_pages * KV_PAGE_POSITIONS][k of all heads, then v] */
    size_t         cache_bytes, position_floats;
    float        **vector;          /* [n_tensors]: values of vectors, NULL for matrices */
    double       **frequency;       /* [n_ropes][n_rotated / 2] */
    arena          tables;          /* the two above */
    reference_observer *observer;   /* NULL: none */
    void          *observer_user;

    /* Of the present batch. */
    size_t         n_tokens, n_outputs;
    uint32_t      *position;        /* [n_tokens] */
    const batch_part **part;        /* [n_tokens]: whose token it is */
    size_t        *kept;            /* [n_outputs]: tokens whose logits are wanted */
    float        **value;           /* [n_values]: [rows][width] */
    float         *normed;          /* [rows][widest]: a prologue's result */
    float         *result[PLAN_MAX_WEIGHTS];    /* [rows][tallest]: what an epilogue works on */
    double        *room;            /* for matrix products */
    double        *score;           /* [positions of the longest sequence] */
    arena          rows;            /* all of the present batch */
};

/* Frequencies straight from the formula, by libm: plan/rotary.c is tested against them. */
static int fill_tables(reference *r, error *err) {
    const plan *p = r->p;
    r->vector = arena_new(&r->tables, p->n_tensors, sizeof *r->vector);
    r->frequency = arena_new(&r->tables, p->n_ropes, sizeof *r->frequency);
    if (!r->vector || !r->frequency) return fail_memory(err, p->n_tensors * sizeof *r->vector, "the reference's tables");
    for (size_t i = 0; i < p->n_tensors; i++) {
        if (!p->tensor[i].is_vector) continue;
        r->vector[i] = arena_new(&r->tables, p->tensor[i].n, sizeof **r->vector);
        if (!r->vector[i]) return fail_memory(err, p->tensor[i].n * sizeof **r->vector, "the reference's tables");
        r->w->weight[i].format->dequantize(r->vector[i], r->w->weight[i].data, p->tensor[i].n);
    }
    for (size_t i = 0; i < p->n_ropes; i++) {
        const rope_config *c = &p->rope[i];
        const float *factors = c->factors == NONE ? NULL : r->vector[c->factors];
        r->frequency[i] = arena_new(&r->tables, c->n_rotated / 2, sizeof **r->frequency);
        if (!r->frequency[i]) return fail_memory(err, c->n_rotated * sizeof **r->frequency, "the reference's tables");
        for (uint32_t k = 0; k < c->n_rotated / 2; k++)
            r->frequency[i][k] = pow((double)c->base, -2.0 * k / c->n_rotated) / (factors ? (double)factors[k] : 1) * (double)c->linear_scale;
    }
    return 0;
}

int reference_new(reference **out, const plan *p, const weights *w, uint32_t n_pages, error *err) {
    *out = NULL;
    reference *r = memory_new(1, sizeof *r);
    if (!r) return fail_memory(err, sizeof *r, "the reference");
    *r = (reference){ .p = p, .w = w, .n_pages = n_pages };
    r->position_floats = (size_t)p->kv.n_heads * ((size_t)p->kv.k_size + p->kv.v_size);
    uint64_t bytes = 0;
    const bool fits = checked_mul((uint64_t)p->kv.n_layers * n_pages, KV_PAGE_POSITIONS * sizeof(float), &bytes)
                   && checked_mul(bytes, r->position_floats, &bytes);
    r->cache_bytes = bytes;
    r->cache = fits ? memory_map(bytes) : NULL;
    const int code = r->cache ? fill_tables(r, err) : fail_memory(err, bytes, "the reference's KV cache");
    if (code) reference_free(r);
    else *out = r;
    return code;
}

void reference_free(reference *r) {
    if (!r) return;
    arena_free(&r->tables);
    arena_free(&r->rows);
    memory_unmap(r->cache, r->cache_bytes);
    memory_free(r);
}

void reference_observe(reference *r, reference_observer *observer, void *user) {
    r->observer = observer;
    r->observer_user = user;
}

static int check_batch(const reference *r, const batch *b, error *err) {
    for (size_t i = 0; i < b->n_parts; i++) {
        const batch_part *part = &b->part[i];
        if (part->first_output > part->n_tokens)
            return fail(err, RIDGE_E_BAD_ARGUMENT, "part %zu of the batch wants logits from token %u of %u on.", i, part->first_output, part->n_tokens);
        for (uint32_t t = 0; t < part->n_tokens; t++) {
            if (part->tokens[t] < 0 || (uint32_t)part->tokens[t] >= r->p->n_vocab)
                return fail(err, RIDGE_E_BAD_ARGUMENT, "token id %d is not one of the %u of the vocabulary.", part->tokens[t], r->p->n_vocab);
        }
        for (uint64_t page = 0; part->n_tokens && page <= ((uint64_t)part->first_position + part->n_tokens - 1) / KV_PAGE_POSITIONS; page++)
            if (part->pages[page] < 0 || (uint32_t)part->pages[page] >= r->n_pages)
                return fail(err, RIDGE_E_BAD_ARGUMENT, "page %d is not one of the %u of the KV cache.", part->pages[page], r->n_pages);
    }
    return 0;
}

/* A linear whose products are not values of the plan: its epilogue makes something else of them. */
static bool works_on_results(const step *s) { return s->kind == STEP_linear && (s->glu || s->writes_kv || s->add != NONE); }

/* Room for this batch's rows; logits stand in for the last value. */
static int make_rows(reference *r, const batch *b, float *logits, error *err) {
    const plan *p = r->p;
    size_t widest = 1, tallest = 1, longest = 1;
    arena_free(&r->rows);
    r->n_tokens = batch_tokens(b);
    r->n_outputs = batch_outputs(b);
    for (size_t i = 0; i < p->n_tensors; i++)
        if (p->tensor[i].n > widest) widest = p->tensor[i].n;
    for (size_t i = 0; i < p->n_steps; i++)
        for (int k = 0; works_on_results(&p->step[i]) && k < p->step[i].n_weights; k++)
            if (p->tensor[p->step[i].weight[k]].rows > tallest) tallest = p->tensor[p->step[i].weight[k]].rows;
    for (size_t i = 0; i < b->n_parts; i++) {
        const size_t end = (size_t)b->part[i].first_position + b->part[i].n_tokens;
        if (end > longest) longest = end;
    }
    bool ok = true;
#define ROOM(pointer, count) ok = ok && ((pointer) = arena_new(&r->rows, (count), sizeof *(pointer))) != NULL
    ROOM(r->position, r->n_tokens);
    ROOM(r->part, r->n_tokens);
    ROOM(r->kept, r->n_outputs);
    ROOM(r->value, p->n_values);
    ROOM(r->normed, r->n_tokens * widest);
    ROOM(r->room, reference_matmul_room(widest, r->n_tokens));
    ROOM(r->score, longest);
    for (int i = 0; i < PLAN_MAX_WEIGHTS; i++) ROOM(r->result[i], r->n_tokens * tallest);
    for (size_t i = 0; ok && i < p->n_values; i++) {
        if ((value_id)i == p->logits) r->value[i] = logits;
        else ROOM(r->value[i], (p->value[i].outputs_only ? r->n_outputs : r->n_tokens) * p->value[i].width);
    }
#undef ROOM
    if (!ok) return fail_memory(err, r->n_tokens * (widest + tallest) * sizeof(float), "the reference's activations");
    size_t token = 0, output = 0;
    for (size_t i = 0; i < b->n_parts; i++)
        for (uint32_t t = 0; t < b->part[i].n_tokens; t++, token++) {
            r->part[token] = &b->part[i];
            r->position[token] = b->part[i].first_position + t;
            if (t >= b->part[i].first_output) r->kept[output++] = token;
        }
    return 0;
}

/* K of all heads, then V, of one position of the sequence that a token belongs to. */
static float *cached(const reference *r, uint16_t layer, const batch_part *part, uint32_t position) {
    const size_t page = (size_t)part->pages[position / KV_PAGE_POSITIONS];
    return r->cache + (((size_t)layer * r->n_pages + page) * KV_PAGE_POSITIONS + position % KV_PAGE_POSITIONS) * r->position_floats;
}

static void write_kv(reference *r, uint16_t layer, const float *k, const float *v) {
    const size_t nk = (size_t)r->p->kv.n_heads * r->p->kv.k_size, nv = (size_t)r->p->kv.n_heads * r->p->kv.v_size;
    for (size_t t = 0; t < r->n_tokens; t++) {
        float *at = cached(r, layer, r->part[t], r->position[t]);
        memcpy(at, k + t * nk, nk * sizeof *k);
        memcpy(at + nk, v + t * nv, nv * sizeof *v);
    }
}

/* Attention of one head of one token: out [v_size]; q [k_size]. */
static void attend(reference *r, const step *s, size_t t, uint32_t head, const float *q, float *out) {
    const kv_shape *kv = &r->p->kv;
    const uint32_t kv_head = head / (s->n_heads / kv->n_heads), last = r->position[t];
    const uint32_t first = s->window && last >= s->window ? last - s->window + 1 : 0;
    double most = -INFINITY, sum = 0;
    for (uint32_t i = first; i <= last; i++) {
        const float *k = cached(r, s->kv_layer, r->part[t], i) + (size_t)kv_head * kv->k_size;
        double dot = 0;
        for (uint32_t d = 0; d < kv->k_size; d++) dot += (double)q[d] * (double)k[d];
        dot *= (double)s->scale;
        if (s->cap > 0) dot = (double)s->cap * tanh(dot / (double)s->cap);
        r->score[i] = dot;
        if (dot > most) most = dot;
    }
    double *const mean = r->room;
    for (uint32_t d = 0; d < kv->v_size; d++) mean[d] = 0;
    for (uint32_t i = first; i <= last; i++) {
        const float *v = cached(r, s->kv_layer, r->part[t], i) + (size_t)kv->n_heads * kv->k_size + (size_t)kv_head * kv->v_size;
        const double e = exp(r->score[i] - most);
        sum += e;
        for (uint32_t d = 0; d < kv->v_size; d++) mean[d] += e * (double)v[d];
    }
    for (uint32_t d = 0; d < kv->v_size; d++) out[d] = (float)(mean[d] / sum);
}

static void run_attention(reference *r, const step *s) {
    const size_t k_size = r->p->kv.k_size, v_size = r->p->kv.v_size;
    for (size_t t = 0; t < r->n_tokens; t++)
        for (uint32_t head = 0; head < s->n_heads; head++)
            attend(r, s, t, head, r->value[s->in[0]] + (t * s->n_heads + head) * k_size, r->value[s->out[0]] + (t * s->n_heads + head) * v_size);
}

static void run_linear(reference *r, const step *s, size_t n_rows) {
    const plan *p = r->p;
    const size_t n = p->value[s->in[0]].width;
    const float *x = r->value[s->in[0]];
    if (s->norm != NONE) {
        reference_norm(r->normed, x, n_rows, n, r->vector[s->norm], s->eps);
        x = r->normed;
    }
    float *y[PLAN_MAX_WEIGHTS];
    size_t rows[PLAN_MAX_WEIGHTS];
    for (int i = 0; i < s->n_weights; i++) {
        rows[i] = p->tensor[s->weight[i]].rows;
        y[i] = works_on_results(s) ? r->result[i] : r->value[s->out[i]];
        if (r->observer) r->observer(r->observer_user, s->weight[i], x, n_rows, n);
        reference_matmul(y[i], x, n_rows, &r->w->weight[s->weight[i]], r->room);
        if (s->bias[i] != NONE) reference_bias(y[i], y[i], n_rows, rows[i], r->vector[s->bias[i]]);
    }
    if (s->writes_kv) {
        const size_t head = p->kv.k_size;
        const reference_rope rope = { r->frequency ? r->frequency[s->rotates ? s->rope : 0] : NULL, &p->rope[s->rope] };
        if (s->q_norm != NONE) reference_head_norm(y[0], y[0], n_rows, rows[0], r->vector[s->q_norm], s->head_eps, head);
        if (s->k_norm != NONE) reference_head_norm(y[1], y[1], n_rows, rows[1], r->vector[s->k_norm], s->head_eps, head);
        for (int i = 0; i < 2 && s->rotates; i++) reference_rotate(y[i], y[i], n_rows, rows[i], &rope, r->position);
        write_kv(r, s->kv_layer, y[1], y[2]);
        memcpy(r->value[s->out[0]], y[0], n_rows * rows[0] * sizeof *y[0]);
    }
    if (s->glu) reference_glu(r->value[s->out[0]], y[0], y[1], n_rows, rows[0], s->glu);
    if (s->add != NONE) reference_add(r->value[s->out[0]], y[0], r->value[s->add], n_rows, rows[0]);
}

static void run_embed(reference *r, const step *s) {
    const weight *table = &r->w->weight[s->weight[0]];
    float *out = r->value[s->out[0]];
    for (size_t t = 0; t < r->n_tokens; t++) {
        const int32_t token = r->part[t]->tokens[r->position[t] - r->part[t]->first_position];
        weight_row(table, (size_t)token, out + t * table->n);
    }
    reference_scale(out, out, r->n_tokens, table->n, s->scale);
}

static void run_gather(reference *r, const step *s, size_t n) {
    for (size_t i = 0; i < r->n_outputs; i++)
        memcpy(r->value[s->out[0]] + i * n, r->value[s->in[0]] + r->kept[i] * n, n * sizeof(float));
}

static void run_step(reference *r, const step *s) {
    const size_t rows = s->outputs_only ? r->n_outputs : r->n_tokens, n = s->in[0] == NONE ? 0 : r->p->value[s->in[0]].width;
    const float *in = s->in[0] == NONE ? NULL : r->value[s->in[0]];
    float *out = s->out[0] == NONE ? NULL : r->value[s->out[0]];
    switch (s->kind) {
    case STEP_embed:     run_embed(r, s); break;
    case STEP_norm: {
        float *normed = s->add == NONE ? out : r->normed;
        reference_norm(normed, in, rows, n, r->vector[s->weight[0]], s->eps);
        if (s->add != NONE) reference_add(out, normed, r->value[s->add], rows, n);
        break;
    }
    case STEP_linear:    run_linear(r, s, rows); break;
    case STEP_bias:      reference_bias(out, in, rows, n, r->vector[s->bias[0]]); break;
    case STEP_head_norm: reference_head_norm(out, in, rows, n, r->vector[s->weight[0]], s->eps, s->head_size); break;
    case STEP_rope:      reference_rotate(out, in, rows, n, &(reference_rope){ r->frequency[s->rope], &r->p->rope[s->rope] }, r->position); break;
    case STEP_kv_write:  write_kv(r, s->kv_layer, in, r->value[s->in[1]]); break;
    case STEP_attention: run_attention(r, s); break;
    case STEP_glu:       reference_glu(out, in, r->value[s->in[1]], rows, n, s->glu); break;
    case STEP_add:       reference_add(out, in, r->value[s->add], rows, n); break;
    case STEP_scale:     reference_scale(out, in, rows, n, s->scale); break;
    case STEP_soft_cap:  reference_soft_cap(out, in, rows, n, s->cap); break;
    case STEP_gather:    run_gather(r, s, n); break;
    case STEP_COUNT:     break;
    }
}

int reference_run(reference *r, const batch *b, float *logits, error *err) {
    int code = check_batch(r, b, err);
    if (!code) code = make_rows(r, b, logits, err);
    if (code) return code;
    for (size_t i = 0; i < r->p->n_steps; i++) {
        const step *s = &r->p->step[i];
        if (!s->outputs_only || r->n_outputs) run_step(r, s);
    }
    return 0;
}
