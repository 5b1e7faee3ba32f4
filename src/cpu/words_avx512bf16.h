/* The words of AVX-512 with BF16: AVX-512's, and a dot of bf16 pairs. */
#define ISA_NAME  avx512bf16
#define ISA_NEEDS "AVX-512 F, BW, VL, DQ, VNNI and BF16"
#define BF16_HALVES
#define STREAMS     1                   /* chosen on AMD's processors alone: theirs read one stream fastest, asked for into the second-level cache */
#define STREAM_HINT _MM_HINT_T1         /* (docs/performance.md) */
#include "cpu/words_avx512.h"
enum { BF16_BYTES = 2, DOT_STEPS = 1 };
#define NATIVE_NEAREST_BF16
WORD floats store_nearest_bf16(void *row, size_t k, floats x) {
    const __m256i halves = (__m256i)_mm512_cvtneps_pbh(x);
    _mm256_storeu_si256((__m256i *)((uint16_t *)row + k), halves);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
typedef __m512i dot_part;
WORD void   store_bf16(void *row, size_t k, ints bits) { _mm256_storeu_si256((__m256i *)((uint16_t *)row + k), _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16))); }
WORD dot_part dot_load(const void *pairs, int step) { (void)step; return _mm512_loadu_si512(pairs); }
WORD floats floats_dot(floats s, dot_part w, const char *two, int step) {
    int32_t both;
    (void)step;
    memcpy(&both, two, sizeof both);
    return _mm512_dpbf16_ps(s, (__m512bh)w, (__m512bh)_mm512_set1_epi32(both));
}

#define BF16_MATMUL bf16_native_matmul
#define BF16_PAIRS 1
enum { BF16_TOKENS = 7 };
