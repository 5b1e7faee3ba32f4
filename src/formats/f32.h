/* f32: IEEE single precision.  A panel holds, for each k, 16 rows. */
#ifdef WORDS
WORD floats f32_weight(const char *panel, size_t k) { return floats_load((const float *)panel + k * PANEL_ROWS); }
#else
typedef float value_f32 __attribute__((aligned(1)));

static inline float f32_value(float v)    { return v; }
static inline float f32_nearest(float x)  { return x; }
static inline bool  f32_fits_bf16(float v) {
    const uint32_t u = float_bits(v);
    return (u & 0xffff) == 0 && ((u & 0x7f800000) || !(u & 0x7fffffff));
}
#endif
