/* The words of AVX-512 with BF16: AVX-512's, and a dot of bf16 pairs. */
#define ISA_NAME  avx512bf16
#define ISA_NEEDS "AVX-512 F, BW, VL, DQ, VNNI and BF16"
#define BF16_HALVES
#include "cpu/words_avx512.h"
WORD void   store_bf16(void *row, size_t k, ints bits) { _mm256_storeu_si256((__m256i *)((uint16_t *)row + k), _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16))); }
/* s + the products of 16 rows x 2 weights with two activations: the odd k first, then the even, each fma rounded. */
WORD floats floats_dot_bf16(floats s, const void *pairs, uint32_t x2) {
    return _mm512_dpbf16_ps(s, (__m512bh)_mm512_loadu_si512(pairs), (__m512bh)_mm512_set1_epi32((int32_t)x2));
}

#define BF16_MATMUL bf16_native_matmul
#define BF16_PAIRS 1
enum { BF16_TOKENS = 7 };
