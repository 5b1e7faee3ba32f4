/* AVX-VNNI: vpdpbusd on 256 bits. Everything else of such a CPU is that of AVX2. */
#include <immintrin.h>
#include "perf/peaks.h"

#define TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

static double avxvnni_int8(uint64_t rounds) {
    __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(-2);
#define BEGIN(i) __m256i sum##i = _mm256_set1_epi32(i);
    TWELVE(BEGIN)
#undef BEGIN
    for (uint64_t r = 0; r < rounds; r++) {
#define STEP(i) sum##i = _mm256_dpbusd_avx_epi32(sum##i, a, b);
        TWELVE(STEP)
#undef STEP
        __asm__ volatile("" : "+x"(a), "+x"(b));
    }
#define END(i) __asm__ volatile("" :: "x"(sum##i));
    TWELVE(END)
#undef END
    return (double)rounds * 12 * 32 * 2;
}

const peak_loops peak_loops_avxvnni = { .isa = "avxvnni", .needs = "avx2 fma avx_vnni", .peak = { [PEAK_int8] = avxvnni_int8 } };
