/* What the weights say about the arithmetic that they take part in: for costs and profiles. */
#pragma once
#include "plan/weights.h"

/* The arithmetic of a matrix in the default setting. Looks at a few rows of a dense one: whether bf16 holds them exactly. */
arithmetic cost_arithmetic(const weight *w);

/* Its name: "int8", "bf16", "f32"; with `precise` what that makes of it: "int16" (16-bit activations) and "f32". */
const char *cost_arithmetic_name(arithmetic a, bool precise);
