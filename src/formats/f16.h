/* f16: IEEE half precision.  A panel holds, for each k, 16 rows. */
#ifdef WORDS
WORD floats f16_weight(const char *panel, size_t k) { return floats_load_f16((const uint16_t *)panel + k * PANEL_ROWS); }
#else
typedef uint16_t value_f16 __attribute__((aligned(1)));

static inline float    f16_value(uint16_t v)   { return f16_to_f32(v); }
static inline uint16_t f16_nearest(float x)    { return f32_to_f16(x); }
/* bf16 has 8 significant bits, f16 has 11, fewer among its subnormals, which are multiples of 2^-24. */
static inline bool     f16_fits_bf16(uint16_t v) {
    const int16_t a = v & 0x7fff;
    const int lost = a >= 0x400 ? 7 : a >= 0x200 ? 3 : a >= 0x100 ? 1 : 0;
    return (a & lost) == 0;
}
#endif
