/* The twelve bytes in which q4_k and q5_k keep a 6-bit scale s and a 6-bit minimum m of each of eight units:
 * s[0..3] and m[0..3] in the low 6 bits of bytes 0..3 and 4..7; of s[4..7] and m[4..7] the low four bits in the nibbles of
 * bytes 8..11 and the high two in the top bits of bytes 0..3 and 4..7. A panel keeps them so, each byte of 16 rows side by side. */
#ifdef WORDS
WORD ints k_scale_field(const uint8_t (*s)[16], unsigned u) {
    if (u < 4) return ints_field(ints_load_u8(s[u]), 0, 6, 0);
    return ints_or(ints_field(ints_load_u8(s[u + 4]), 0, 4, 0), ints_field(ints_load_u8(s[u - 4]), 6, 2, 4));
}
WORD ints k_min_field(const uint8_t (*s)[16], unsigned u) {
    if (u < 4) return ints_field(ints_load_u8(s[u + 4]), 0, 6, 0);
    return ints_or(ints_field(ints_load_u8(s[u + 4]), 4, 4, 0), ints_field(ints_load_u8(s[u]), 6, 2, 4));
}
#else
static inline int k_scale_of(const uint8_t *s, int u) { return u < 4 ? s[u] & 63     : (s[u + 4] & 15) | s[u - 4] >> 6 << 4; }
static inline int k_min_of(const uint8_t *s, int u)   { return u < 4 ? s[u + 4] & 63 : s[u + 4] >> 4   | s[u] >> 6 << 4; }
#endif
