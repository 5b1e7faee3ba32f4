/* Which values a step reads and writes: for passes and checks. */
#pragma once
#include "plan/plan.h"

static inline bool step_reads(const step *s, value_id v) { return v != NONE && (s->in[0] == v || s->in[1] == v || s->add == v); }
static inline bool step_writes(const step *s, value_id v) { return v != NONE && (s->out[0] == v || s->out[1] == v || s->out[2] == v); }

/* Nothing reads v's present content from step `from` on: it is overwritten first, or never looked at again. */
bool plan_value_is_dead(const plan *p, size_t from, value_id v);
/* A step of this kind whose ids are all NONE. */
step step_blank(step_kind kind);
