/* The words of AVX-512 with VNNI: 16 rows are one register. words_scalar.h says what each word means. */
#include <immintrin.h>
#ifndef ISA_NAME
#define ISA_NAME  avx512
#define ISA_NEEDS "AVX-512 F, BW, VL, DQ and VNNI"
#endif
#ifndef STREAMS
#define STREAMS     2                   /* of panels, that a few tokens read side by side */
#define STREAM_HINT _MM_HINT_T0         /* into which cache they are asked for */
#endif
enum { LARGE_CODES = 1 };
enum { TILE_PANELS = 2, TILE_TOKENS = 8, PRECISE_TOKENS = 4, DENSE_TOKENS = 6, TAIL_TOKENS = 4 };
enum { FEW_PANELS = STREAMS, FEW_BYTE_PANELS = 2, FEW_TOKENS = 8, FEW_SUMS = 16 };
typedef __m512i codes;
typedef __m512i ints;
typedef __m512  floats;

WORD codes  codes_load(const void *p)               { return _mm512_loadu_si512(p); }
WORD codes  codes_field(codes c, int from, int bits, int to) {
    if (from < to) c = _mm512_slli_epi16(c, (unsigned)(to - from));
    if (from > to) c = _mm512_srli_epi16(c, (unsigned)(from - to));
    return _mm512_and_si512(c, _mm512_set1_epi8((char)(((1 << bits) - 1) << to)));
}
WORD codes  codes_or(codes a, codes b)              { return _mm512_or_si512(a, b); }
WORD codes  codes_add(codes c, int x)               { return _mm512_add_epi8(c, _mm512_set1_epi8((char)x)); }
WORD void   codes_store(void *p, codes c)           { _mm512_storeu_si512(p, c); }

WORD ints   ints_set(int32_t x)                     { return _mm512_set1_epi32(x); }
WORD ints   ints_load(const void *p)                { return _mm512_loadu_si512(p); }
WORD void   ints_store(void *p, ints a)             { _mm512_storeu_si512(p, a); }
WORD ints   ints_load_u8(const uint8_t *p)          { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
WORD ints   ints_load_i8(const int8_t *p)           { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)); }
WORD ints   ints_field(ints a, int from, int bits, int to) {
    if (from < to) a = _mm512_slli_epi32(a, (unsigned)(to - from));
    if (from > to) a = _mm512_srli_epi32(a, (unsigned)(from - to));
    return _mm512_and_si512(a, _mm512_set1_epi32(((1 << bits) - 1) << to));
}
WORD ints   ints_or(ints a, ints b)                 { return _mm512_or_si512(a, b); }
WORD ints   ints_and(ints a, ints b)                { return _mm512_and_si512(a, b); }
WORD ints   ints_xor(ints a, ints b)                { return _mm512_xor_si512(a, b); }
WORD ints   ints_add(ints a, ints b)                { return _mm512_add_epi32(a, b); }
WORD ints   ints_shift_left(ints a, int by)         { return _mm512_slli_epi32(a, (unsigned)by); }
WORD ints   ints_shift_right(ints a, int by)        { return _mm512_sra_epi32(a, _mm_cvtsi32_si128(by)); }
typedef ints dots;
WORD int    dots_span(int most, int least)          { return 8; }
WORD bool   dots_are_centred(int most, int least)   { return false; }
WORD dots   dots_from(ints s, int most, int least)  { return s; }
/* In assembly, because gcc 12 does not know that vpdpbusd takes four bytes of memory for all lanes, and makes two instructions of it. Codes of a
 * byte, which are nothing but loads, are better off with two: gcc schedules around assembly in an order that AMD's prefetcher does not follow. */
WORD dots   dots_add(dots d, codes c, const char *four, int most, int least) {
    int32_t x4;
    memcpy(&x4, four, sizeof x4);
    if (most > 127) return _mm512_dpbusd_epi32(d, c, _mm512_set1_epi32(x4));
    __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(d) : "v"(c), "m"(*(const char (*)[4])four));
    return d;
}
WORD ints   dots_into(ints s, dots d, int most, int least) { return d; }

WORD floats floats_set(float x)                     { return _mm512_set1_ps(x); }
WORD floats floats_load(const float *p)             { return _mm512_loadu_ps(p); }
WORD floats floats_load_f16(const uint16_t *p)      { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
WORD floats floats_load_bf16(const uint16_t *p, int odd) {
    const __m512i pairs = _mm512_loadu_si512(p);
    return _mm512_castsi512_ps(odd ? _mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000)) : _mm512_slli_epi32(pairs, 16));
}
WORD floats floats_of(ints a)                       { return _mm512_cvtepi32_ps(a); }
WORD floats floats_add(floats a, floats b)          { return _mm512_add_ps(a, b); }
WORD floats floats_mul(floats a, floats b)          { return _mm512_mul_ps(a, b); }
WORD floats floats_fma(floats a, floats b, floats c){ return _mm512_fmadd_ps(a, b, c); }
WORD floats floats_negative(floats a)               { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
WORD void   floats_store(float *p, floats a)        { _mm512_storeu_ps(p, a); }
WORD void   prefetch(const char *p)                 { _mm_prefetch(p, _MM_HINT_T0); }
WORD void   prefetch_stream(const char *p)          { _mm_prefetch(p, STREAM_HINT); }

WORD void   ints_transpose(ints out[4], const void *rows, size_t row_bytes) {
    const char *p = rows;
    __m512i r[4];
    for (int i = 0; i < 4; i++, p += row_bytes) {           /* rows i, i + 4, i + 8 and i + 12 */
        r[i] = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)p));
        r[i] = _mm512_inserti32x4(r[i], _mm_loadu_si128((const __m128i *)(p + 4 * row_bytes)), 1);
        r[i] = _mm512_inserti32x4(r[i], _mm_loadu_si128((const __m128i *)(p + 8 * row_bytes)), 2);
        r[i] = _mm512_inserti32x4(r[i], _mm_loadu_si128((const __m128i *)(p + 12 * row_bytes)), 3);
    }
    const __m512i a = _mm512_unpacklo_epi32(r[0], r[1]), b = _mm512_unpacklo_epi32(r[2], r[3]);
    const __m512i c = _mm512_unpackhi_epi32(r[0], r[1]), d = _mm512_unpackhi_epi32(r[2], r[3]);
    out[0] = _mm512_unpacklo_epi64(a, b);
    out[1] = _mm512_unpackhi_epi64(a, b);
    out[2] = _mm512_unpacklo_epi64(c, d);
    out[3] = _mm512_unpackhi_epi64(c, d);
}
WORD void   ints_stream(void *p, ints a) {
    _mm256_stream_si256(p, _mm512_castsi512_si256(a));
    _mm256_stream_si256((__m256i *)p + 1, _mm512_extracti64x4_epi64(a, 1));
}
WORD void   stream_32_bytes(void *p, const void *from) { _mm256_stream_si256(p, _mm256_loadu_si256(from)); }
WORD void   stream_end(void)                        { _mm_sfence(); }
WORD ints   ints_unzip(ints a) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi32_epi16(a)), _mm512_cvtepi32_epi16(_mm512_srli_epi32(a, 16)), 1);
}

enum { MOST_COLUMNS = 8 };
enum { ATTEND_TILE_QUERIES = 6, ATTEND_TILE_VECTORS = 4 };
enum { SOFTEN_QUERIES = 4 };
WORD ints   ints_round(floats a)                    { return _mm512_cvtps_epi32(a); }
WORD ints   ints_of_bits(floats a)                  { return _mm512_castps_si512(a); }
WORD floats floats_of_bits(ints a)                  { return _mm512_castsi512_ps(a); }
WORD ints   ints_sub(ints a, ints b)                { return _mm512_sub_epi32(a, b); }
WORD floats floats_sub(floats a, floats b)          { return _mm512_sub_ps(a, b); }
WORD floats floats_div(floats a, floats b)          { return _mm512_div_ps(a, b); }
WORD floats floats_min(floats a, floats b)          { return _mm512_min_ps(a, b); }
WORD floats floats_max(floats a, floats b)          { return _mm512_max_ps(a, b); }
WORD floats floats_abs(floats a)                    { return _mm512_abs_ps(a); }
WORD floats floats_if_least(floats a, floats x, float least) { return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(least), _CMP_GE_OQ), a); }
WORD float  floats_sum(floats a) {
    const __m256 e = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}
WORD float  floats_most(floats a) {
    const __m256 e = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}
WORD floats floats_keep(floats a, int from, int to, float other) {
    const uint32_t low = from > 15 ? 0 : 0xffffu << (from < 0 ? 0 : from), high = to < 0 ? 0 : 0xffffu >> (to > 15 ? 0 : 15 - to);
    return _mm512_mask_blend_ps((__mmask16)(low & high), _mm512_set1_ps(other), a);
}
WORD void   floats_store_f16(uint16_t *p, floats a) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT)); }
#ifndef BF16_HALVES
enum { BF16_BYTES = 4, DOT_STEPS = 2 };
typedef floats dot_part;
WORD void   store_bf16(void *row, size_t k, ints bits) { _mm512_storeu_si512((float *)row + k, bits); }
WORD dot_part dot_load(const void *pairs, int step) { return floats_load_bf16(pairs, 1 - step); }
WORD floats floats_dot(floats s, dot_part w, const char *two, int step) { return floats_fma(w, floats_set(*((const float *)two + 1 - step)), s); }
#endif
