/* AVX-512 BF16: vdpbf16ps. Everything else of such a CPU is that of AVX-512. */
#include <immintrin.h>
#include "perf/peaks.h"

#define TWENTY(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)

static double avx512bf16_bf16(uint64_t rounds) {
    __m512i ones = _mm512_set1_epi16(0x3f80), halves = _mm512_set1_epi16(0x3f00);
#define BEGIN(i) __m512 sum##i = _mm512_set1_ps((float)i);
    TWENTY(BEGIN)
#undef BEGIN
    for (uint64_t r = 0; r < rounds; r++) {
#define STEP(i) sum##i = _mm512_dpbf16_ps(sum##i, (__m512bh)ones, (__m512bh)halves);
        TWENTY(STEP)
#undef STEP
        __asm__ volatile("" : "+v"(ones), "+v"(halves));
    }
#define END(i) __asm__ volatile("" :: "v"(sum##i));
    TWENTY(END)
#undef END
    return (double)rounds * 20 * 32 * 2;
}

const peak_loops peak_loops_avx512bf16 = {
    .isa = "avx512bf16", .needs = "avx512f avx512bw avx512vl avx512_bf16", .peak = { [PEAK_bf16] = avx512bf16_bf16 },
};
