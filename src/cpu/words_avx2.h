/* The words of AVX2 with FMA and F16C: 16 rows are two registers. words_scalar.h says what each word means.
 * The file is AVX-VNNI's too, which has an instruction for the dot (DOT_VNNI). */
#include <immintrin.h>
#ifndef ISA_NAME
#define ISA_NAME  avx2
#define ISA_NEEDS "AVX2, FMA and F16C"
#define DOT_VNNI  0
#define dpbusd(s, c, x) (s)
#define STREAM_HINT _MM_HINT_T1         /* into which cache streams are asked for: AMD's processors want the second level (docs/performance.md) */
#endif
enum { LARGE_CODES = DOT_VNNI };
enum { TILE_PANELS = 1, TILE_TOKENS = DOT_VNNI ? 3 : 4, PRECISE_TOKENS = 3, DENSE_TOKENS = 3, TAIL_TOKENS = 1 };
enum { FEW_PANELS = 1, FEW_BYTE_PANELS = 1, FEW_TOKENS = 4, FEW_SUMS = 4 };
typedef struct { __m256i h[2]; } codes;
typedef struct { __m256i h[2]; } ints;
typedef struct { __m256 h[2]; } floats;
#define BOTH for (int i = 0; i < 2; i++)
/* Keeps a sum that grows in the order in which it is written. gcc would add up what is added in pairs first, like a tree, for which it has not
 * enough registers: a tile of Q4_0 stores half of its products, and takes 1.3 times as long. */
#define IN_ORDER(v) __asm__("" : "+x"(v))

WORD codes  codes_load(const void *p)               { codes r; BOTH r.h[i] = _mm256_loadu_si256((const __m256i *)p + i); return r; }
WORD codes  codes_field(codes c, int from, int bits, int to) {
    if (from < to) BOTH c.h[i] = _mm256_slli_epi16(c.h[i], to - from);
    if (from > to) BOTH c.h[i] = _mm256_srli_epi16(c.h[i], from - to);
    BOTH c.h[i] = _mm256_and_si256(c.h[i], _mm256_set1_epi8((char)(((1 << bits) - 1) << to)));
    return c;
}
WORD codes  codes_or(codes a, codes b)              { BOTH a.h[i] = _mm256_or_si256(a.h[i], b.h[i]); return a; }
WORD codes  codes_add(codes c, int x)               { BOTH c.h[i] = _mm256_add_epi8(c.h[i], _mm256_set1_epi8((char)x)); return c; }
WORD void   codes_store(void *p, codes c)           { BOTH _mm256_storeu_si256((__m256i *)p + i, c.h[i]); }

WORD ints   ints_set(int32_t x)                     { ints r; BOTH r.h[i] = _mm256_set1_epi32(x); return r; }
WORD ints   ints_load(const void *p)                { ints r; BOTH r.h[i] = _mm256_loadu_si256((const __m256i *)p + i); return r; }
WORD void   ints_store(void *p, ints a)             { BOTH _mm256_storeu_si256((__m256i *)p + i, a.h[i]); }
WORD ints   ints_load_u8(const uint8_t *p)          { ints r; BOTH r.h[i] = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8 * i))); return r; }
WORD ints   ints_load_i8(const int8_t *p)           { ints r; BOTH r.h[i] = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8 * i))); return r; }
WORD ints   ints_field(ints a, int from, int bits, int to) {
    if (from < to) BOTH a.h[i] = _mm256_slli_epi32(a.h[i], to - from);
    if (from > to) BOTH a.h[i] = _mm256_srli_epi32(a.h[i], from - to);
    BOTH a.h[i] = _mm256_and_si256(a.h[i], _mm256_set1_epi32(((1 << bits) - 1) << to));
    return a;
}
WORD ints   ints_or(ints a, ints b)                 { BOTH a.h[i] = _mm256_or_si256(a.h[i], b.h[i]); return a; }
WORD ints   ints_and(ints a, ints b)                { BOTH a.h[i] = _mm256_and_si256(a.h[i], b.h[i]); return a; }
WORD ints   ints_xor(ints a, ints b)                { BOTH a.h[i] = _mm256_xor_si256(a.h[i], b.h[i]); return a; }
WORD ints   ints_add(ints a, ints b)                { BOTH a.h[i] = _mm256_add_epi32(a.h[i], b.h[i]); return a; }
WORD ints   ints_shift_left(ints a, int by)         { BOTH a.h[i] = _mm256_slli_epi32(a.h[i], by); return a; }
WORD ints   ints_shift_right(ints a, int by)        { BOTH a.h[i] = _mm256_sra_epi32(a.h[i], _mm_cvtsi32_si128(by)); return a; }
/* maddubs adds two products into 16 bits and saturates: as many of its sums as fit are added there before they are widened. Codes above 127
 * do not fit at all: with 128 taken off they are, as a magnitude of at most 128, multiplied by int8 of their sign; -128 has no other sign,
 * and where it may occur even and odd bytes go through 16-bit factors. */
typedef ints dots;
WORD bool   dots_are_wide(int most, int least)      { return DOT_VNNI || (most > 127 && least < -127); }
WORD bool   dots_are_centred(int most, int least)   { return most > 127 && !dots_are_wide(most, least); }
WORD int    dots_span(int most, int least) {
    const int sum = 2 * -least * (most > 127 ? 128 : most);
    return dots_are_wide(most, least) || 32767 / sum >= 8 ? 8 : 32767 / sum >= 4 ? 4 : 32767 / sum >= 2 ? 2 : 1;
}
WORD dots   dots_from(ints s, int most, int least)  { return dots_are_wide(most, least) ? s : ints_set(0); }
WORD dots   dots_add(dots d, codes c, const char *four, int most, int least) {
    int32_t x4;
    memcpy(&x4, four, sizeof x4);
    const __m256i x = _mm256_set1_epi32(x4);
    if (DOT_VNNI) {
        BOTH d.h[i] = dpbusd(d.h[i], c.h[i], x);
    } else if (dots_are_wide(most, least)) {
        const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8), odd = _mm256_srai_epi16(x, 8);
        BOTH d.h[i] = _mm256_add_epi32(d.h[i], _mm256_add_epi32(
            _mm256_madd_epi16(_mm256_and_si256(c.h[i], _mm256_set1_epi16(255)), even),
            _mm256_madd_epi16(_mm256_srli_epi16(c.h[i], 8), odd)));
    } else if (dots_are_centred(most, least)) {
        BOTH {
            const __m256i w = _mm256_xor_si256(c.h[i], _mm256_set1_epi8((char)128));
            d.h[i] = _mm256_add_epi16(d.h[i], _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)));
        }
    } else {
        BOTH d.h[i] = _mm256_add_epi16(d.h[i], _mm256_maddubs_epi16(c.h[i], x));
        BOTH IN_ORDER(d.h[i]);
    }
    return d;
}
WORD ints   dots_into(ints s, dots d, int most, int least) {
    if (dots_are_wide(most, least)) return d;
    BOTH s.h[i] = _mm256_add_epi32(s.h[i], _mm256_madd_epi16(d.h[i], _mm256_set1_epi16(1)));
    BOTH IN_ORDER(s.h[i]);
    return s;
}
#if !DOT_VNNI
/* Many tokens: codes from which 128 is taken off already are multiplied as magnitudes by x whose bits are flipped where they are negative. That is
 * -x - 1; what the 1 leaves out, the magnitudes of negative codes, is the same for every token, and added up beforehand. (No psignb, which shares the
 * two pipes of the multiplications of AMD's processors.) Two products fit 16 bits: 128 * -128 twice at the least. */
#define CENTRED_DOTS
/* All ones where w is negative; |w|; s + the magnitudes of the negative ones of each four; s + |w| times x, flipped, of each four. */
WORD codes  codes_negative(codes w)                 { BOTH w.h[i] = _mm256_cmpgt_epi8(_mm256_setzero_si256(), w.h[i]); return w; }
WORD codes  codes_magnitude(codes w)                { BOTH w.h[i] = _mm256_abs_epi8(w.h[i]); return w; }
WORD ints   ints_add_negatives(ints s, codes magnitude, codes negative) {
    BOTH s.h[i] = _mm256_add_epi32(s.h[i], _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_and_si256(magnitude.h[i], negative.h[i]), _mm256_set1_epi8(1)),
                                                            _mm256_set1_epi16(1)));
    return s;
}
WORD ints   ints_add_centred(ints s, codes magnitude, codes negative, const char *four) {
    int32_t x4;
    memcpy(&x4, four, sizeof x4);
    BOTH {
        const __m256i flipped = _mm256_xor_si256(_mm256_set1_epi32(x4), negative.h[i]);
        s.h[i] = _mm256_add_epi32(s.h[i], _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude.h[i], flipped), _mm256_set1_epi16(1)));
        IN_ORDER(s.h[i]);
    }
    return s;
}
#endif

WORD floats floats_set(float x)                     { floats r; BOTH r.h[i] = _mm256_set1_ps(x); return r; }
WORD floats floats_load(const float *p)             { floats r; BOTH r.h[i] = _mm256_loadu_ps(p + 8 * i); return r; }
WORD floats floats_load_f16(const uint16_t *p)      { floats r; BOTH r.h[i] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p + i)); return r; }
WORD floats floats_load_bf16(const uint16_t *p, int odd) {
    floats r;
    BOTH {
        const __m256i pairs = _mm256_loadu_si256((const __m256i *)p + i);
        r.h[i] = _mm256_castsi256_ps(odd ? _mm256_and_si256(pairs, _mm256_set1_epi32((int)0xffff0000)) : _mm256_slli_epi32(pairs, 16));
    }
    return r;
}
WORD floats floats_of(ints a)                       { floats r; BOTH r.h[i] = _mm256_cvtepi32_ps(a.h[i]); return r; }
WORD floats floats_add(floats a, floats b)          { BOTH a.h[i] = _mm256_add_ps(a.h[i], b.h[i]); return a; }
WORD floats floats_mul(floats a, floats b)          { BOTH a.h[i] = _mm256_mul_ps(a.h[i], b.h[i]); return a; }
WORD floats floats_fma(floats a, floats b, floats c){ BOTH a.h[i] = _mm256_fmadd_ps(a.h[i], b.h[i], c.h[i]); return a; }
WORD floats floats_negative(floats a)               { BOTH a.h[i] = _mm256_xor_ps(a.h[i], _mm256_set1_ps(-0.0f)); return a; }
WORD void   floats_store(float *p, floats a)        { BOTH _mm256_storeu_ps(p + 8 * i, a.h[i]); }
WORD void   prefetch(const char *p)                 { _mm_prefetch(p, _MM_HINT_T0); }
WORD void   prefetch_stream(const char *p)          { _mm_prefetch(p, STREAM_HINT); }

WORD void   ints_transpose(ints out[4], const void *rows, size_t row_bytes) {
    BOTH {
        const char *p = (const char *)rows + (size_t)i * 8 * row_bytes;
        __m256i r[4];
        for (int j = 0; j < 4; j++, p += row_bytes)             /* rows j and j + 4 of eight */
            r[j] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p)), _mm_loadu_si128((const __m128i *)(p + 4 * row_bytes)), 1);
        const __m256i a = _mm256_unpacklo_epi32(r[0], r[1]), b = _mm256_unpacklo_epi32(r[2], r[3]);
        const __m256i c = _mm256_unpackhi_epi32(r[0], r[1]), d = _mm256_unpackhi_epi32(r[2], r[3]);
        out[0].h[i] = _mm256_unpacklo_epi64(a, b);
        out[1].h[i] = _mm256_unpackhi_epi64(a, b);
        out[2].h[i] = _mm256_unpacklo_epi64(c, d);
        out[3].h[i] = _mm256_unpackhi_epi64(c, d);
    }
}
WORD void   ints_stream(void *p, ints a)            { BOTH _mm256_stream_si256((__m256i *)p + i, a.h[i]); }
WORD void   stream_32_bytes(void *p, const void *from) { _mm256_stream_si256(p, _mm256_loadu_si256(from)); }
WORD void   stream_end(void)                        { _mm_sfence(); }
WORD ints   ints_unzip(ints a) {
    const __m256i low = _mm256_set1_epi32(0xffff);
    ints r;
    r.h[0] = _mm256_permute4x64_epi64(_mm256_packus_epi32(_mm256_and_si256(a.h[0], low), _mm256_and_si256(a.h[1], low)), 0xd8);
    r.h[1] = _mm256_permute4x64_epi64(_mm256_packus_epi32(_mm256_srli_epi32(a.h[0], 16), _mm256_srli_epi32(a.h[1], 16)), 0xd8);
    return r;
}

enum { MOST_COLUMNS = 2 };
enum { ATTEND_TILE_QUERIES = 2, ATTEND_TILE_VECTORS = 2 };
enum { SOFTEN_QUERIES = 2 };
WORD ints   ints_round(floats a)                    { ints r; BOTH r.h[i] = _mm256_cvtps_epi32(a.h[i]); return r; }
WORD ints   ints_of_bits(floats a)                  { ints r; BOTH r.h[i] = _mm256_castps_si256(a.h[i]); return r; }
WORD floats floats_of_bits(ints a)                  { floats r; BOTH r.h[i] = _mm256_castsi256_ps(a.h[i]); return r; }
WORD ints   ints_sub(ints a, ints b)                { BOTH a.h[i] = _mm256_sub_epi32(a.h[i], b.h[i]); return a; }
WORD floats floats_sub(floats a, floats b)          { BOTH a.h[i] = _mm256_sub_ps(a.h[i], b.h[i]); return a; }
WORD floats floats_div(floats a, floats b)          { BOTH a.h[i] = _mm256_div_ps(a.h[i], b.h[i]); return a; }
WORD floats floats_min(floats a, floats b)          { BOTH a.h[i] = _mm256_min_ps(a.h[i], b.h[i]); return a; }
WORD floats floats_max(floats a, floats b)          { BOTH a.h[i] = _mm256_max_ps(a.h[i], b.h[i]); return a; }
WORD floats floats_abs(floats a)                    { BOTH a.h[i] = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.h[i]); return a; }
WORD floats floats_if_least(floats a, floats x, float least) { BOTH a.h[i] = _mm256_and_ps(a.h[i], _mm256_cmp_ps(x.h[i], _mm256_set1_ps(least), _CMP_GE_OQ)); return a; }
WORD float  floats_sum(floats a) {
    const __m256 e = _mm256_add_ps(a.h[0], a.h[1]);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}
WORD float  floats_most(floats a) {
    const __m256 e = _mm256_max_ps(a.h[0], a.h[1]);
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}
WORD floats floats_keep(floats a, int from, int to, float other) {
    BOTH {
        const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(8 * i));
        const __m256i out = _mm256_or_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(from), lane), _mm256_cmpgt_epi32(lane, _mm256_set1_epi32(to)));
        a.h[i] = _mm256_blendv_ps(a.h[i], _mm256_set1_ps(other), _mm256_castsi256_ps(out));
    }
    return a;
}
WORD void   floats_store_f16(uint16_t *p, floats a) { BOTH _mm_storeu_si128((__m128i *)p + i, _mm256_cvtps_ph(a.h[i], _MM_FROUND_TO_NEAREST_INT)); }
enum { BF16_BYTES = 4, DOT_STEPS = 2 };
typedef floats dot_part;
WORD void   store_bf16(void *row, size_t k, ints bits) { floats_store((float *)row + k, floats_of_bits(bits)); }
WORD dot_part dot_load(const void *pairs, int step) { return floats_load_bf16(pairs, 1 - step); }
WORD floats floats_dot(floats s, dot_part w, const char *two, int step) { return floats_fma(w, floats_set(*((const float *)two + 1 - step)), s); }
