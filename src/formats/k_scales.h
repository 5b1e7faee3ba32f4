/* The twelve bytes in which q4_k and q5_k keep a 6-bit scale s and a 6-bit minimum m of each of eight units:
 * s[0..3] and m[0..3] in the low 6 bits of bytes 0..3 and 4..7; of s[4..7] and m[4..7] the low four bits in the nibbles of
 * bytes 8..11 and the high two in the top bits of bytes 0..3 and 4..7. A panel keeps them so, four of each row side by side. */
#ifdef WORDS
WORD ints k_scale_field(const uint8_t (*s)[16][4], unsigned u) {
    if (u < 4) return ints_field(ints_load(s[0]), 8 * u, 6, 0);
    return ints_or(ints_field(ints_load(s[2]), 8 * (u - 4), 4, 0), ints_field(ints_load(s[0]), 8 * (u - 4) + 6, 2, 4));
}
WORD ints k_min_field(const uint8_t (*s)[16][4], unsigned u) {
    if (u < 4) return ints_field(ints_load(s[1]), 8 * u, 6, 0);
    return ints_or(ints_field(ints_load(s[2]), 8 * (u - 4) + 4, 4, 0), ints_field(ints_load(s[1]), 8 * (u - 4) + 6, 2, 4));
}
WORD void k_scales_pack(uint8_t (*to)[16][4], const uint8_t *from, size_t row_bytes) {      /* more of the block follows the twelve bytes */
    ints s[4];
    ints_transpose(s, from, row_bytes);
    for (int i = 0; i < 3; i++) ints_store(to[i], s[i]);
}
#else
static inline int k_scale_of(const uint8_t *s, int u) { return u < 4 ? s[u] & 63     : (s[u + 4] & 15) | s[u - 4] >> 6 << 4; }
static inline int k_min_of(const uint8_t *s, int u)   { return u < 4 ? s[u + 4] & 63 : s[u + 4] >> 4   | s[u] >> 6 << 4; }

/* Writes all eight scales and minima, 0 ... 63 each. */
static inline void k_scales_put(uint8_t *s, const uint8_t scale[8], const uint8_t minimum[8]) {
    for (int u = 0; u < 4; u++) {
        s[u] = (uint8_t)(scale[u] | scale[u + 4] >> 4 << 6);
        s[u + 4] = (uint8_t)(minimum[u] | minimum[u + 4] >> 4 << 6);
        s[u + 8] = (uint8_t)((scale[u + 4] & 15) | (minimum[u + 4] & 15) << 4);
    }
}

/* What all scales and all minima of a block are multiples of. */
typedef struct { uint16_t d, dmin; } k_halves;
/* Writes them rounded to 6 bits as shares of the largest. */
static inline k_halves k_scales_quantize(uint8_t *s, const float scale[8], const float below[8]) {
    const float most_scale = search_largest(scale, 8), most_below = search_largest(below, 8);
    const float inverse = most_scale > 0 ? 63 / most_scale : 0, inverse_below = most_below > 0 ? 63 / most_below : 0;
    uint8_t share[8], minimum[8];
    for (int u = 0; u < 8; u++) {
        share[u] = (uint8_t)search_code(inverse * scale[u], 0, 63);
        minimum[u] = (uint8_t)search_code(inverse_below * below[u], 0, 63);
    }
    k_scales_put(s, share, minimum);
    return (k_halves){ f32_to_f16(most_scale / 63), f32_to_f16(most_below / 63) };
}
/* The same, for the least error where the block's values weigh w [256]. */
static inline k_halves k_scales_quantize_weighted(uint8_t *s, const float scale[8], const float below[8], const float *w) {
    uint8_t share[8], minimum[8];
    float of_unit[8];
    for (int u = 0; u < 8; u++) of_unit[u] = search_sum_of(w + 32 * u, 32);
    const float d = search_scale_of_scales(scale, of_unit, 8, 63, share), dmin = search_scale_of_scales(below, of_unit, 8, 63, minimum);
    k_scales_put(s, share, minimum);
    return (k_halves){ f32_to_f16(d), f32_to_f16(dmin) };
}
/* The code of value k of a block with these scales, as near as they allow; `found` where the unit's scale is 0. */
static inline int k_scales_code(const uint8_t *s, uint16_t d, uint16_t dmin, float x, int k, int most, int found) {
    const float scale = f16_to_f32(d) * (float)k_scale_of(s, k / 32);
    return scale != 0 ? search_code((x + f16_to_f32(dmin) * (float)k_min_of(s, k / 32)) / scale, 0, most) : found;
}
#endif
