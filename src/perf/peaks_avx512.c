/* AVX-512 with VNNI: 512-bit reads and copies, f32 fma, vpdpbusd. */
#include <immintrin.h>
#include "perf/peaks.h"

#define TWENTY(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)

typedef __m512i vector;
static inline vector vector_zero(void) { return _mm512_setzero_si512(); }
static inline vector vector_xor(vector a, vector b) { return _mm512_xor_si512(a, b); }
static inline vector vector_line(const char *p) { return _mm512_load_si512(p); }
static inline uint64_t vector_fold(vector a) { return (uint64_t)_mm512_reduce_add_epi64(a); }
#include "perf/peaks_read.h"

static void avx512_copy(void *to, const void *from, size_t bytes) {
    const char *p = from;
    char *q = to;
    for (const char *end = p + bytes; p < end; p += 256, q += 256) {
#define MOVE(i) _mm_prefetch(p + STREAM_AHEAD_BYTES + 64 * i, _MM_HINT_T0); const __m512i v##i = _mm512_load_si512((const __m512i *)p + i);
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
    .isa = "avx512", .needs = "avx512f avx512bw avx512vl avx512_vnni", .read = READ_LOOPS, .copy = avx512_copy,
    .peak = { [PEAK_f32] = avx512_f32, [PEAK_int8] = avx512_int8 },
};
