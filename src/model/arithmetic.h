/* Which arithmetic weights take part in by default (docs/arithmetic.md, section 1). */
#pragma once
#include "plan/plan.h"
#include "plan/weights.h"

/* Of a matrix. Of a dense one a few rows are looked at: whether bf16 holds them exactly. */
arithmetic arithmetic_of(const weight *w);

/* Of most of the values of the plan's matrices. */
arithmetic arithmetic_of_most(const plan *p, const weights *w);

/* "int8", "bf16", "f32"; with `precise` what that makes of it: "int24" (24-bit activations) and "f32". */
const char *arithmetic_name(arithmetic a, bool precise);
