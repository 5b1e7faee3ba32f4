/* AVX2 and FMA: 256-bit reads and copies, f32 fma, and u8 x s8 through 16 bits (vpmaddubsw, vpmaddwd, vpaddd). */
#include <immintrin.h>
#include "perf/peaks.h"

#define TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)     /* of 16 registers: two hold the operands, one the product */

static uint64_t avx2_read(const void *from, size_t bytes) {
    const char *p = from;
    __m256i sum0 = _mm256_setzero_si256(), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (const char *end = p + bytes; p < end; p += 256) {
#define PREFETCH(i) _mm_prefetch(p + READ_AHEAD_BYTES + 64 * i, _MM_HINT_T0);
        PREFETCH(0) PREFETCH(1) PREFETCH(2) PREFETCH(3)
#undef PREFETCH
#define ADD(sum, i) sum = _mm256_xor_si256(sum, _mm256_load_si256((const __m256i *)p + i));
        ADD(sum0, 0) ADD(sum1, 1) ADD(sum2, 2) ADD(sum3, 3) ADD(sum0, 4) ADD(sum1, 5) ADD(sum2, 6) ADD(sum3, 7)
#undef ADD
    }
    const __m256i sum = _mm256_xor_si256(_mm256_xor_si256(sum0, sum1), _mm256_xor_si256(sum2, sum3));
    return (uint64_t)_mm256_extract_epi64(sum, 0) ^ (uint64_t)_mm256_extract_epi64(sum, 1) ^ (uint64_t)_mm256_extract_epi64(sum, 2) ^ (uint64_t)_mm256_extract_epi64(sum, 3);
}

static void avx2_copy(void *to, const void *from, size_t bytes) {
    const char *p = from;
    char *q = to;
    for (const char *end = p + bytes; p < end; p += 128, q += 128) {
        _mm_prefetch(p + READ_AHEAD_BYTES, _MM_HINT_T0);
        _mm_prefetch(p + READ_AHEAD_BYTES + 64, _MM_HINT_T0);
#define MOVE(i) const __m256i v##i = _mm256_load_si256((const __m256i *)p + i);
        MOVE(0) MOVE(1) MOVE(2) MOVE(3)
#undef MOVE
#define STORE(i) _mm256_stream_si256((__m256i *)q + i, v##i);
        STORE(0) STORE(1) STORE(2) STORE(3)
#undef STORE
    }
    _mm_sfence();
}

/* asm("" : "+x"(v)) makes the compiler believe that v changed, so that it neither hoists nor drops an operation on it. */
static double avx2_f32(uint64_t rounds) {
    __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
#define BEGIN(i) __m256 sum##i = _mm256_set1_ps((float)i);
    TWELVE(BEGIN)
#undef BEGIN
    for (uint64_t r = 0; r < rounds; r++) {
#define STEP(i) sum##i = _mm256_fmadd_ps(a, sum##i, b);
        TWELVE(STEP)
#undef STEP
        __asm__ volatile("" : "+x"(a), "+x"(b));
    }
#define END(i) __asm__ volatile("" :: "x"(sum##i));
    TWELVE(END)
#undef END
    return (double)rounds * 12 * 8 * 2;
}

static double avx2_int8(uint64_t rounds) {
    __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(-2);
    const __m256i ones = _mm256_set1_epi16(1);
#define BEGIN(i) __m256i sum##i = _mm256_set1_epi32(i);
    TWELVE(BEGIN)
#undef BEGIN
    for (uint64_t r = 0; r < rounds; r++) {
#define STEP(i) __asm__ volatile("" : "+x"(a)); sum##i = _mm256_add_epi32(sum##i, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
        TWELVE(STEP)
#undef STEP
    }
#define END(i) __asm__ volatile("" :: "x"(sum##i));
    TWELVE(END)
#undef END
    return (double)rounds * 12 * 32 * 2;
}

const peak_loops peak_loops_avx2 = {
    .isa = "avx2", .needs = "avx2 fma", .read = avx2_read, .copy = avx2_copy, .peak = { [PEAK_f32] = avx2_f32, [PEAK_int8] = avx2_int8 },
};
