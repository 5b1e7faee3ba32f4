/* What a batch costs, for whoever compares a time with the limit. */
#include "engine/cost_query.h"
#include "base/memory.h"
#include "engine/handle.h"
#include "plan/cost.h"

enum { ROWS_LOOKED_AT = 4 };

/* True where bf16 holds a dense weight exactly, by a few rows from its whole length: those of a trained model tell. A packed file knows. */
static bool looks_like_bf16(const weight *w) {
    if (!w->data) return w->panels.format->arithmetic == ARITHMETIC_BF16;
    for (uint32_t i = 0; i < ROWS_LOOKED_AT; i++) {
        const uint64_t row = (uint64_t)w->rows * i / ROWS_LOOKED_AT;
        if (!format_row_fits_bf16(w->format, (const char *)w->data + row * w->row_bytes, w->n)) return false;
    }
    return true;
}

arithmetic cost_arithmetic(const weight *w) {
    if (w->format->arithmetic == ARITHMETIC_INT8) return ARITHMETIC_INT8;
    return looks_like_bf16(w) ? ARITHMETIC_BF16 : ARITHMETIC_F32;
}

const char *cost_arithmetic_name(arithmetic a, bool precise) {
    switch (a) {
    case ARITHMETIC_INT8: return precise ? "int16" : "int8";
    case ARITHMETIC_BF16: return precise ? "f32" : "bf16";
    default:              return "f32";
    }
}

/* The arithmetic of most of the values of the plan's matrices. */
static const char *most_arithmetic(const plan *p, const weights *w) {
    double values[ARITHMETIC_F32 + 1] = {0};
    for (size_t i = 0; i < p->n_tensors; i++)
        if (!p->tensor[i].is_vector) values[cost_arithmetic(&w->weight[i])] += (double)p->tensor[i].rows * p->tensor[i].n;
    int most = ARITHMETIC_INT8;
    for (int a = 0; a <= ARITHMETIC_F32; a++) if (values[a] > values[most]) most = a;
    return cost_arithmetic_name((arithmetic)most, false);
}

int ridge_model_cost(const ridge_model *m, uint32_t position, uint32_t tokens, bool logits, ridge_cost *out, error *err) {
    if (!m->model) return fail(err, RIDGE_E_BAD_ARGUMENT, "costs need a model that was opened with RIDGE_LOAD_PLAN or more");
    int32_t *ids = memory_new(tokens, sizeof *ids);
    if (!ids) return fail_memory(err, tokens * sizeof *ids, "a batch");
    const int32_t page = 0;
    const batch_part part = { .tokens = ids, .n_tokens = tokens, .first_position = position, .pages = &page, .first_output = tokens - (logits && tokens) };
    const step_cost cost = plan_cost(m->model->plan, &m->model->weights, &(batch){ &part, 1 });
    memory_free(ids);
    *out = (ridge_cost){ .weight_bytes = cost.weight_bytes, .kv_bytes = cost.kv_bytes, .operations = cost.operations,
                         .arithmetic = most_arithmetic(m->model->plan, &m->model->weights) };
    return 0;
}
