/* What a batch costs, for whoever compares a time with the limit. */
#include "base/memory.h"
#include "engine/handle.h"
#include "model/arithmetic.h"
#include "plan/cost.h"

int ridge_model_cost(const ridge_model *m, uint32_t position, uint32_t tokens, bool logits, ridge_cost *out, error *err) {
    if (!m->model) return fail(err, RIDGE_E_BAD_ARGUMENT, "costs need a model that was opened with RIDGE_LOAD_PLAN or more");
    int32_t *ids = memory_new(tokens, sizeof *ids);
    if (!ids) return fail_memory(err, tokens * sizeof *ids, "a batch");
    const int32_t page = 0;
    const batch_part part = { .tokens = ids, .n_tokens = tokens, .first_position = position, .pages = &page, .first_output = tokens - (logits && tokens) };
    const step_cost cost = plan_cost(m->model->plan, &m->model->weights, &(batch){ &part, 1 });
    memory_free(ids);
    *out = (ridge_cost){ .weight_bytes = cost.weight_bytes, .kv_bytes = cost.kv_bytes, .operations = cost.operations,
                         .arithmetic = arithmetic_name(arithmetic_of_most(m->model->plan, &m->model->weights), false) };
    return 0;
}
