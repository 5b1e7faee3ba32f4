/* Bytes and operations of a step, counted from the plan: what the best possible implementation could not avoid. Element-wise
 * steps and vectors of weights are too small to bound anything and count as nothing. */
#include "plan/cost.h"

static double rows_of(const step *s, const batch *b) { return (double)(s->outputs_only ? batch_outputs(b) : batch_tokens(b)); }

size_t kv_position_bytes(const kv_shape *kv) {
    const format *k = &formats[kv->k_type], *v = &formats[kv->v_type];
    return kv->n_heads * (format_row_bytes(k, (kv->k_size + k->block_k - 1) / k->block_k * k->block_k)
                        + format_row_bytes(v, (kv->v_size + v->block_k - 1) / v->block_k * v->block_k));
}

/* The sum of n consecutive integers from `from` on. */
static double series(double from, double n) { return n * from + n * (n - 1) / 2; }

/* How many positions the tokens of a part see, added up: position p sees p + 1 of them, or `window`. */
static double positions_seen(const batch_part *part, uint32_t window) {
    const double first = (double)part->first_position + 1, n = part->n_tokens;
    if (!window || first + n - 1 <= window) return series(first, n);
    const double growing = first < window ? window - first : 0;
    return series(first, growing) + (n - growing) * window;
}

static void attention_cost(step_cost *c, const plan *p, const step *s, const batch *b) {
    for (size_t i = 0; i < b->n_parts; i++) {
        const batch_part *part = &b->part[i];
        if (!part->n_tokens) continue;
        const double end = (double)part->first_position + part->n_tokens, most = (double)s->window + part->n_tokens - 1;
        c->kv_bytes += (double)kv_position_bytes(&p->kv) * (s->window && most < end ? most : end);
        c->operations += 2.0 * s->n_heads * ((double)p->kv.k_size + p->kv.v_size) * positions_seen(part, s->window);
    }
}

static void linear_cost(step_cost *c, const plan *p, const weights *w, const step *s, const batch *b) {
    double most = -1;
    for (int i = 0; i < s->n_weights; i++) {
        const weight *m = &w->weight[s->weight[i]];
        const double operations = 2.0 * m->rows * m->n * rows_of(s, b);
        c->weight_bytes += rows_of(s, b) > 0 ? (double)m->rows * (double)m->row_bytes : 0;
        c->operations += operations;
        if (operations <= most) continue;
        most = operations;
        c->arithmetic = m->format->arithmetic;
    }
    if (s->writes_kv) c->kv_bytes += (double)kv_position_bytes(&p->kv) * rows_of(s, b);
}

static void embed_cost(step_cost *c, const weights *w, const step *s, const batch *b) {
    const weight *table = &w->weight[s->weight[0]];
    const double rows = rows_of(s, b) < table->rows ? rows_of(s, b) : table->rows;
    c->weight_bytes += rows * (double)table->row_bytes;
}

step_cost plan_step_cost(const plan *p, const weights *w, const step *s, const batch *b) {
    step_cost c = { .arithmetic = ARITHMETIC_F32 };
    switch (s->kind) {
    case STEP_embed:     embed_cost(&c, w, s, b); break;
    case STEP_linear:    linear_cost(&c, p, w, s, b); break;
    case STEP_attention: attention_cost(&c, p, s, b); break;
    case STEP_kv_write:  c.kv_bytes += (double)kv_position_bytes(&p->kv) * rows_of(s, b); break;
    default: break;
    }
    return c;
}

step_cost plan_cost(const plan *p, const weights *w, const batch *b) {
    step_cost total = { .arithmetic = ARITHMETIC_F32 };
    double by_arithmetic[ARITHMETIC_F32 + 1] = {0};
    for (size_t i = 0; i < p->n_steps; i++) {
        const step_cost c = plan_step_cost(p, w, &p->step[i], b);
        total.weight_bytes += c.weight_bytes;
        total.kv_bytes += c.kv_bytes;
        total.operations += c.operations;
        by_arithmetic[c.arithmetic] += c.operations;
    }
    for (int a = 0; a <= ARITHMETIC_F32; a++)
        if (by_arithmetic[a] > by_arithmetic[total.arithmetic]) total.arithmetic = (arithmetic)a;
    return total;
}
