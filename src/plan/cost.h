/* What a step must move and compute, from the plan alone: the numerators of every roofline in Ridge. */
#pragma once
#include "plan/batch.h"
#include "plan/weights.h"

typedef struct {
    double weight_bytes;        /* of matrices and tables as the file holds them; each byte once a step */
    double kv_bytes;            /* K and V read by attention or written */
    double operations;          /* multiplications and additions of linears and attention, 2 for each weight and token; the rest is 0 */
    arithmetic arithmetic;      /* of most of the operations */
} step_cost;

step_cost plan_step_cost(const plan *p, const weights *w, const step *s, const batch *b);
step_cost plan_cost(const plan *p, const weights *w, const batch *b);       /* the sum over all steps */
