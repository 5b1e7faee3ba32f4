/* Names of arithmetic: for costs and profiles. */
#pragma once
#include "formats/format.h"

/* "int8", "bf16", "f32"; with `precise` what that makes of it: "int24" (24-bit activations) and "f32". */
const char *cost_arithmetic_name(arithmetic a, bool precise);
