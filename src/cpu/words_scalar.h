/* The words in plain C: the same arithmetic, step by step, and what each word means. */
#include <math.h>
#define ISA_NAME  scalar
#define ISA_NEEDS "nothing"
enum { LARGE_CODES = 0 };   /* whether a dot takes codes above 127 as quickly as others */
/* Tiles of a matmul, panels x tokens: of many tokens, and of a few, whose integer sums are as many as fit the registers. BYTE: of codes that
 * are bytes already. */
enum { TILE_PANELS = 1, TILE_TOKENS = 2, PRECISE_TOKENS = 2, DENSE_TOKENS = 2, TAIL_TOKENS = 1 };
enum { FEW_PANELS = 1, FEW_BYTE_PANELS = 1, FEW_TOKENS = 2, FEW_SUMS = 4 };
typedef struct { uint8_t v[16][4]; } codes;     /* 16 rows x 4 unsigned codes of consecutive k */
typedef struct { int32_t v[16]; } ints;         /* 16 rows x i32 */
typedef struct { float v[16]; } floats;         /* 16 rows x f32 */
#define ROWS for (int r = 0; r < 16; r++)
#undef UNROLL               /* nothing lives in registers here: unrolling would only take the compiler a minute */
#define UNROLL

WORD codes  codes_load(const void *p)               { codes c; memcpy(&c, p, sizeof c); return c; }
/* The `bits` bits from bit `from` of each code, moved to bit `to`. Constants. */
WORD codes  codes_field(codes c, int from, int bits, int to) { ROWS for (int j = 0; j < 4; j++) c.v[r][j] = (uint8_t)((c.v[r][j] >> from & ((1 << bits) - 1)) << to); return c; }
WORD codes  codes_or(codes a, codes b)              { ROWS for (int j = 0; j < 4; j++) a.v[r][j] |= b.v[r][j]; return a; }
WORD codes  codes_add(codes c, int x)               { ROWS for (int j = 0; j < 4; j++) c.v[r][j] = (uint8_t)(c.v[r][j] + x); return c; }
WORD void   codes_store(void *p, codes c)           { memcpy(p, &c, sizeof c); }

WORD ints   ints_set(int32_t x)                     { ints a; ROWS a.v[r] = x; return a; }
WORD ints   ints_load(const void *p)                { ints a; memcpy(&a, p, sizeof a); return a; }
WORD void   ints_store(void *p, ints a)             { memcpy(p, &a, sizeof a); }
WORD ints   ints_load_u8(const uint8_t *p)          { ints a; ROWS a.v[r] = p[r]; return a; }
WORD ints   ints_load_i8(const int8_t *p)           { ints a; ROWS a.v[r] = p[r]; return a; }
WORD ints   ints_field(ints a, int from, int bits, int to) { ROWS a.v[r] = (int32_t)(((uint32_t)a.v[r] >> from & ((1u << bits) - 1)) << to); return a; }
WORD ints   ints_or(ints a, ints b)                 { ROWS a.v[r] |= b.v[r]; return a; }
WORD ints   ints_and(ints a, ints b)                { ROWS a.v[r] &= b.v[r]; return a; }
WORD ints   ints_xor(ints a, ints b)                { ROWS a.v[r] ^= b.v[r]; return a; }
WORD ints   ints_add(ints a, ints b)                { ROWS a.v[r] = (int32_t)((uint32_t)a.v[r] + (uint32_t)b.v[r]); return a; }       /* bits of NaN wrap */
WORD ints   ints_shift_left(ints a, int by)         { ROWS a.v[r] = (int32_t)((uint32_t)a.v[r] << by); return a; }
WORD ints   ints_shift_right(ints a, int by)        { ROWS a.v[r] >>= by; return a; }
/* s + sums of code * int8, exact: dots_from(s), up to dots_span groups of four k each by dots_add, dots_into(s, them), so that an ISA may sum in
 * less than 32 bits in between. four: int8 in memory; most: the largest code; least: the least int8, -127 or -128; both constant. Where
 * dots_are_centred, dots_add takes code - 128. */
typedef ints dots;
WORD int    dots_span(int most, int least)          { return 8; }
WORD bool   dots_are_centred(int most, int least)   { return false; }
WORD dots   dots_from(ints s, int most, int least)  { return s; }
WORD dots   dots_add(dots d, codes c, const char *four, int most, int least) {
    int8_t x[4];
    memcpy(x, four, 4);
    ROWS for (int j = 0; j < 4; j++) d.v[r] += c.v[r][j] * x[j];
    return d;
}
WORD ints   dots_into(ints s, dots d, int most, int least) { return d; }

WORD floats floats_set(float x)                     { floats a; ROWS a.v[r] = x; return a; }
WORD floats floats_load(const float *p)             { floats a; memcpy(&a, p, sizeof a); return a; }
WORD floats floats_load_f16(const uint16_t *p)      { floats a; ROWS a.v[r] = f16_to_f32(p[r]); return a; }
WORD floats floats_load_bf16(const uint16_t *p, int odd) { floats a; ROWS a.v[r] = bf16_to_f32(p[2 * r + odd]); return a; }    /* of 16 pairs */
WORD floats floats_of(ints x)                       { floats a; ROWS a.v[r] = (float)x.v[r]; return a; }
WORD floats floats_add(floats a, floats b)          { ROWS a.v[r] += b.v[r]; return a; }
WORD floats floats_mul(floats a, floats b)          { ROWS a.v[r] *= b.v[r]; return a; }
WORD floats floats_fma(floats a, floats b, floats c){ ROWS a.v[r] = fmaf(a.v[r], b.v[r], c.v[r]); return a; }    /* a * b + c, rounded once */
WORD floats floats_negative(floats a)               { ROWS a.v[r] = -a.v[r]; return a; }
WORD void   floats_store(float *p, floats a)        { memcpy(p, &a, sizeof a); }
WORD void   prefetch(const char *p)                 { (void)p; }
/* The same for what is read once, far ahead. */
WORD void   prefetch_stream(const char *p)          { (void)p; }

/* What packing needs. Streams go past the cache and want an alignment of 32; stream_end comes before others may read them. */
/* out[j], lane r = dword j of the 16 bytes of row r; rows are row_bytes apart. */
WORD void   ints_transpose(ints out[4], const void *rows, size_t row_bytes) {
    ROWS for (int j = 0; j < 4; j++) memcpy(&out[j].v[r], (const char *)rows + (size_t)r * row_bytes + 4 * j, 4);
}
WORD void   ints_stream(void *p, ints a)            { memcpy(p, &a, sizeof a); }
WORD void   stream_32_bytes(void *p, const void *from) { memcpy(p, from, 32); }
WORD void   stream_end(void)                        { }
/* The lower halves of all lanes, then the upper ones. */
WORD ints   ints_unzip(ints a)                      { uint16_t v[2][16]; ROWS { v[0][r] = (uint16_t)a.v[r]; v[1][r] = (uint16_t)((uint32_t)a.v[r] >> 16); } return ints_load(v); }

/* What rows and attention need beyond that. */
enum { MOST_COLUMNS = 1 };                                      /* panels that one token works on side by side, at most */
enum { ATTEND_TILE_QUERIES = 1, ATTEND_TILE_VECTORS = 1 };      /* a tile of attention: queries x vectors of positions or dimensions */
enum { SOFTEN_QUERIES = 1 };                                    /* whose scores become weights together */
/* To the nearest integer, ties to even; what does not fit (and NaN) becomes INT32_MIN. */
WORD ints   ints_round(floats a)                    { ints i; ROWS i.v[r] = fabsf(a.v[r]) < 0x1p31f ? (int32_t)rintf(a.v[r]) : INT32_MIN; return i; }
WORD ints   ints_of_bits(floats a)                  { ints b; memcpy(&b, &a, sizeof b); return b; }
WORD floats floats_of_bits(ints a)                  { floats f; memcpy(&f, &a, sizeof f); return f; }
WORD ints   ints_sub(ints a, ints b)                { ROWS a.v[r] -= b.v[r]; return a; }
WORD floats floats_sub(floats a, floats b)          { ROWS a.v[r] -= b.v[r]; return a; }
WORD floats floats_div(floats a, floats b)          { ROWS a.v[r] /= b.v[r]; return a; }
WORD floats floats_min(floats a, floats b)          { ROWS a.v[r] = a.v[r] < b.v[r] ? a.v[r] : b.v[r]; return a; }
WORD floats floats_max(floats a, floats b)          { ROWS a.v[r] = a.v[r] > b.v[r] ? a.v[r] : b.v[r]; return a; }
WORD floats floats_abs(floats a)                    { ROWS a.v[r] = fabsf(a.v[r]); return a; }
/* a where x >= least, else 0; also 0 where x is no number. */
WORD floats floats_if_least(floats a, floats x, float least) { ROWS a.v[r] = x.v[r] >= least ? a.v[r] : 0; return a; }
/* The sum and the largest of 16: lane l with lane l + 8, then + 4, + 2, + 1. */
WORD float  floats_sum(floats a)                    { for (int h = 8; h; h /= 2) for (int r = 0; r < h; r++) a.v[r] += a.v[r + h]; return a.v[0]; }
WORD float  floats_most(floats a)                   { for (int h = 8; h; h /= 2) for (int r = 0; r < h; r++) a.v[r] = a.v[r] > a.v[r + h] ? a.v[r] : a.v[r + h]; return a.v[0]; }
/* Lanes from .. to (inclusive) of a; `other` in all the rest. */
WORD floats floats_keep(floats a, int from, int to, float other) { ROWS if (r < from || r > to) a.v[r] = other; return a; }
WORD void   floats_store_f16(uint16_t *p, floats a) { ROWS p[r] = f32_to_f16(a.v[r]); }
/* A row of bf16, as activations and attention keep it, BF16_BYTES a value: lanes k .. k + 15, given as bits whose lower halves are zero. Where an
 * instruction rounds numbers to it, NATIVE_NEAREST_BF16 is defined, and store_nearest_bf16 (rows.inc) is a word. */
enum { BF16_BYTES = 4 };
WORD void   store_bf16(void *row, size_t k, ints bits) { memcpy((float *)row + k, &bits, sizeof bits); }
/* s + the products of 16 x 2 bf16 and two values of such a row, the odd one first, each fma rounded. It takes DOT_STEPS, of which each
 * loads its part of the pairs. */
enum { DOT_STEPS = 2 };
typedef floats dot_part;
WORD dot_part dot_load(const void *pairs, int step) { return floats_load_bf16(pairs, 1 - step); }
WORD floats floats_dot(floats s, dot_part w, const char *two, int step) { float x[2]; memcpy(x, two, sizeof x); return floats_fma(w, floats_set(x[1 - step]), s); }
