/* The tables of kernels by name and the tests of the processor that go with them: for kernels.c and the files of the ISAs. */
#pragma once
#include "cpu/kernels.h"

#define ISAS(X) X(scalar) X(avx2) X(avxvnni) X(avx512) X(avx512bf16)
#define ISA_DECLARE(name) extern const cpu_kernels kernels_##name; bool kernels_can_##name(void);
ISAS(ISA_DECLARE)
#undef ISA_DECLARE
