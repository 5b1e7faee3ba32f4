/* The choice of a table of kernels, and the floating-point mode that they compute in. */
#include "cpu/kernels.h"
#include "cpu/isa.h"
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <xmmintrin.h>
#endif

bool kernels_can_scalar(void) { return true; }

#ifdef __x86_64__
/* The compiler's test includes the operating system's: whether it saves these registers. */
bool kernels_can_avx2(void) {
    unsigned a, b, c = 0, d;        /* clang 14 does not know the name f16c */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __get_cpuid(1, &a, &b, &c, &d) && c >> 29 & 1;
}
bool kernels_can_avxvnni(void) {
    unsigned a, b, c, d;
    return kernels_can_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}
bool kernels_can_avx512(void) {
    return kernels_can_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
}
bool kernels_can_avx512bf16(void) {
    unsigned a, b, c, d;
    return kernels_can_avx512() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 5 & 1;
}
#endif

const cpu_kernels *const kernels_all[] = {
#ifdef __x86_64__
    &kernels_avx512bf16, &kernels_avx512, &kernels_avxvnni, &kernels_avx2,
#endif
    &kernels_scalar,
};
const size_t kernels_all_n = sizeof kernels_all / sizeof *kernels_all;

/* Whether a supported table is also the better choice. On Intel's servers with AMX vdpbf16ps is half as fast as the two fma that it
 * replaces (docs/performance.md); on AMD's Zen 5 it is twice as fast. */
static bool worth_choosing(const cpu_kernels *k) {
#ifdef __x86_64__
    if (k == &kernels_avx512bf16 && __builtin_cpu_is("intel")) return false;
#endif
    return true;
}

int kernels_choose(const cpu_kernels **chosen, const char *name, error *err) {
    char names[200] = "";
    if (name && !strcmp(name, "best")) name = NULL;
    for (size_t i = 0; i < kernels_all_n; i++) {
        const cpu_kernels *k = kernels_all[i];
        if (!name && !(k->supported() && worth_choosing(k))) continue;
        if (!name || !strcmp(k->name, name)) {
            if (!k->supported()) return fail(err, RIDGE_E_UNSUPPORTED, "the instruction set '%s' needs a processor with %s, which this one is not", name, k->needs);
            *chosen = k;
            return 0;
        }
        strncat(names, i ? ", " : "", sizeof names - strlen(names) - 1);
        strncat(names, k->name, sizeof names - strlen(names) - 1);
    }
    return fail(err, RIDGE_E_BAD_ARGUMENT, "there is no instruction set called '%s'; there are: best, %s", name, names);
}

size_t kernels_activation_bytes(const cpu_kernels *k, activation_kind kind, size_t n) {
    const size_t units = (n + UNIT - 1) / UNIT;
    switch (kind) {
    case ACTIVATION_INT8:  return units * sizeof(activation8);
    case ACTIVATION_INT24: return units * sizeof(activation24);
    case ACTIVATION_BF16:  return units * UNIT * (k->bf16_pairs ? sizeof(uint16_t) : sizeof(float));
    default:               return units * UNIT * sizeof(float);
    }
}

#ifdef __x86_64__
/* Flush to zero (bit 15), subnormals are zero (bit 6), all exceptions masked, round to nearest even. */
uint32_t kernels_enter_thread(void) {
    const uint32_t before = _mm_getcsr();
    _mm_setcsr(0x9fc0);
    return before;
}
void kernels_leave_thread(uint32_t mode) { _mm_setcsr(mode); }
#else
#error "the floating-point mode of this architecture is not written yet"
#endif
