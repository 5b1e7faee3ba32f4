/* AVX2 and FMA: 256-bit reads and copies, f32 fma, and u8 x s8 through 16 bits (vpmaddubsw, vpmaddwd, vpaddd). */
#include <immintrin.h>
#include "perf/peaks.h"

#define TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)     /* of 16 registers: two hold the operands, one the product */

typedef __m256i vector;
static inline vector vector_zero(void) { return _mm256_setzero_si256(); }
static inline vector vector_xor(vector a, vector b) { return _mm256_xor_si256(a, b); }
static inline vector vector_line(const char *p) { return vector_xor(_mm256_load_si256((const vector *)p), _mm256_load_si256((const vector *)p + 1)); }
static inline uint64_t vector_fold(vector a) {
    return (uint64_t)_mm256_extract_epi64(a, 0) ^ (uint64_t)_mm256_extract_epi64(a, 1) ^ (uint64_t)_mm256_extract_epi64(a, 2) ^ (uint64_t)_mm256_extract_epi64(a, 3);
}
#include "perf/peaks_read.h"

static void avx2_copy(void *to, const void *from, size_t bytes) {
    const char *p = from;
    char *q = to;
    for (const char *end = p + bytes; p < end; p += 128, q += 128) {
        _mm_prefetch(p + STREAM_AHEAD_BYTES, _MM_HINT_T0);
        _mm_prefetch(p + STREAM_AHEAD_BYTES + 64, _MM_HINT_T0);
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
    .isa = "avx2", .needs = "avx2 fma", .read = READ_LOOPS, .copy = avx2_copy, .peak = { [PEAK_f32] = avx2_f32, [PEAK_int8] = avx2_int8 },
};
