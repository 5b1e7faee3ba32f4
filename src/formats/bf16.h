/* bf16: the upper half of a single.  A panel holds, for each pair of k, 16 rows of two: what vdpbf16ps wants. Dense rows of other
 * formats that bf16 holds exactly are packed as this too (format_pack_as_bf16). */
#ifdef WORDS
WORD floats bf16_weight(const char *panel, size_t k) { return floats_load_bf16((const uint16_t *)panel + k / 2 * 2 * PANEL_ROWS, k % 2); }
#else
typedef uint16_t value_bf16 __attribute__((aligned(1)));

static inline float    bf16_value(uint16_t v)  { return bf16_to_f32(v); }
static inline uint16_t bf16_nearest(float x)   { return f32_to_bf16(x); }
static inline bool     bf16_fits_bf16(uint16_t v) { return (v & 0x7f80) || !(v & 0x7fff); }
#endif
