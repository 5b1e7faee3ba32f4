/* AVX-512 with VNNI: 512-bit reads and copies, f32 fma, vpdpbusd. */
#include <immintrin.h>
#include "perf/peaks.h"

#define TWENTY(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)

/* The loop over streams is unrolled, so that each has a sum in a register. */
static inline __attribute__((always_inline)) uint64_t read_streams(const char *p, size_t bytes, size_t streams, size_t ahead, int level) {
    enum { SUMS = 8 };
    __m512i sum[SUMS];
    const size_t part = bytes / streams, lines = SUMS / streams;
    for (int i = 0; i < SUMS; i++) sum[i] = _mm512_setzero_si512();
    for (const char *end = p + part; p < end; p += 64 * lines) {
#pragma GCC unroll 8
        for (size_t i = 0; i < SUMS; i++) {
            const char *line = p + i / lines * part + i % lines * 64;
            if (level == 1) _mm_prefetch(line + ahead, _MM_HINT_T0);
            else            _mm_prefetch(line + ahead, _MM_HINT_T1);
            sum[i] = _mm512_xor_si512(sum[i], _mm512_load_si512(line));
        }
    }
    for (int i = 1; i < SUMS; i++) sum[0] = _mm512_xor_si512(sum[0], sum[i]);
    return (uint64_t)_mm512_reduce_add_epi64(sum[0]);
}

#define READ(name, streams, ahead, level) static uint64_t read_##name(const void *from, size_t bytes) { return read_streams(from, bytes, streams, ahead, level); }
READ_PATTERNS(READ)
#undef READ

static void avx512_copy(void *to, const void *from, size_t bytes) {
    const char *p = from;
    char *q = to;
    for (const char *end = p + bytes; p < end; p += 256, q += 256) {
#define MOVE(i) _mm_prefetch(p + COPY_AHEAD_BYTES + 64 * i, _MM_HINT_T0); const __m512i v##i = _mm512_load_si512((const __m512i *)p + i);
        MOVE(0) MOVE(1) MOVE(2) MOVE(3)
#undef MOVE
#define STORE(i) _mm512_stream_si512((__m512i *)q + i, v##i);
        STORE(0) STORE(1) STORE(2) STORE(3)
#undef STORE
    }
    _mm_sfence();
}

/* asm("" : "+v"(v)) makes the compiler believe that v changed, so that it neither hoists nor drops an operation on it. */
static double avx512_f32(uint64_t rounds) {
    __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
#define BEGIN(i) __m512 sum##i = _mm512_set1_ps((float)i);
    TWENTY(BEGIN)
#undef BEGIN
    for (uint64_t r = 0; r < rounds; r++) {
#define STEP(i) sum##i = _mm512_fmadd_ps(a, sum##i, b);
        TWENTY(STEP)
#undef STEP
        __asm__ volatile("" : "+v"(a), "+v"(b));
    }
#define END(i) __asm__ volatile("" :: "v"(sum##i));
    TWENTY(END)
#undef END
    return (double)rounds * 20 * 16 * 2;
}

static double avx512_int8(uint64_t rounds) {
    __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-2);
#define BEGIN(i) __m512i sum##i = _mm512_set1_epi32(i);
    TWENTY(BEGIN)
#undef BEGIN
    for (uint64_t r = 0; r < rounds; r++) {
#define STEP(i) sum##i = _mm512_dpbusd_epi32(sum##i, a, b);
        TWENTY(STEP)
#undef STEP
        __asm__ volatile("" : "+v"(a), "+v"(b));
    }
#define END(i) __asm__ volatile("" :: "v"(sum##i));
    TWENTY(END)
#undef END
    return (double)rounds * 20 * 64 * 2;
}

const peak_loops peak_loops_avx512 = {
    .isa = "avx512", .needs = "avx512f avx512bw avx512vl avx512_vnni", .read = { [READ_one] = read_one, [READ_four] = read_four, [READ_eight] = read_eight }, .copy = avx512_copy,
    .peak = { [PEAK_f32] = avx512_f32, [PEAK_int8] = avx512_int8 },
};
