/* What comes before the words of an ISA: WORDS tells the format files to give their second half, WORD makes a function that is
 * always inlined, so that constant arguments make one kernel of each use. */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/half.h"
#include "cpu/isa.h"
#define WORDS
#define WORD static inline __attribute__((always_inline, unused))

/* Loops over tiles are unrolled completely: their arrays then live in registers. Not in builds that look for bugs: there it only
 * costs minutes of compilation. */
#ifdef RIDGE_ROLLED
#define UNROLL
#elif defined __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
