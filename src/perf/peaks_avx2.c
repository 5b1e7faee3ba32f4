/* AVX2 and FMA: 256-bit reads and copies, f32 fma, and u8 x s8 through 16 bits (vpmaddubsw, vpmaddwd, vpaddd). */
#include <immintrin.h>
#include "perf/peaks.h"

#define TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)     /* of 16 registers: two hold the operands, one the product */

/* The loop over streams is unrolled, so that each has a sum in a register. */
static inline __attribute__((always_inline)) uint64_t read_streams(const char *p, size_t bytes, size_t streams, size_t ahead, int level) {
    enum { SUMS = 8 };
    __m256i sum[SUMS];
    const size_t part = bytes / streams, lines = SUMS / streams;
    for (int i = 0; i < SUMS; i++) sum[i] = _mm256_setzero_si256();
    for (const char *end = p + part; p < end; p += 64 * lines) {
#pragma GCC unroll 8
        for (size_t i = 0; i < SUMS; i++) {
            const __m256i *line = (const __m256i *)(p + i / lines * part + i % lines * 64);
            const char *asked = (const char *)line + ahead;
            if (level == 1) _mm_prefetch(asked, _MM_HINT_T0);
            else            _mm_prefetch(asked, _MM_HINT_T1);
            sum[i] = _mm256_xor_si256(sum[i], _mm256_xor_si256(_mm256_load_si256(line), _mm256_load_si256(line + 1)));
        }
    }
    for (int i = 1; i < SUMS; i++) sum[0] = _mm256_xor_si256(sum[0], sum[i]);
    return (uint64_t)_mm256_extract_epi64(sum[0], 0) ^ (uint64_t)_mm256_extract_epi64(sum[0], 1)
         ^ (uint64_t)_mm256_extract_epi64(sum[0], 2) ^ (uint64_t)_mm256_extract_epi64(sum[0], 3);
}

#define READ(name, streams, ahead, level) static uint64_t read_##name(const void *from, size_t bytes) { return read_streams(from, bytes, streams, ahead, level); }
READ_PATTERNS(READ)
#undef READ

static void avx2_copy(void *to, const void *from, size_t bytes) {
    const char *p = from;
    char *q = to;
    for (const char *end = p + bytes; p < end; p += 128, q += 128) {
        _mm_prefetch(p + COPY_AHEAD_BYTES, _MM_HINT_T0);
        _mm_prefetch(p + COPY_AHEAD_BYTES + 64, _MM_HINT_T0);
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
    .isa = "avx2", .needs = "avx2 fma", 
    .read = { [READ_one] = read_one, [READ_four] = read_four, [READ_eight] = read_eight }, .copy = avx2_copy, .peak = { [PEAK_f32] = avx2_f32, [PEAK_int8] = avx2_int8 },
};
