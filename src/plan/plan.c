/* The plan's lifetime and the two questions that every pass asks about values. */
#include "plan/plan.h"
#include "plan/uses.h"

void plan_free(plan *p) {
    if (!p) return;
    arena_free(&p->memory);
    memory_free(p);
}

bool plan_value_is_dead(const plan *p, size_t from, value_id v) {
    for (size_t i = from; i < p->n_steps; i++) {
        if (step_reads(&p->step[i], v)) return false;
        if (step_writes(&p->step[i], v)) return true;
    }
    return v != p->logits;
}

step step_blank(step_kind kind) {
    step s = { .kind = kind, .layer = NONE, .add = NONE, .norm = NONE, .q_norm = NONE, .k_norm = NONE };
    s.in[0] = s.in[1] = NONE;
    for (int i = 0; i < PLAN_MAX_WEIGHTS; i++) s.out[i] = s.weight[i] = s.bias[i] = NONE;
    return s;
}
