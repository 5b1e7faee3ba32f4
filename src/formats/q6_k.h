/* q6_k: 210 bytes, 256 weights.  | q: 128 bytes | h: 64 bytes | s: 16 x i8 | d: f16 |
 * Sixteen units of 16, each with a signed 8-bit scale:  w[i] = d * s * (code[i] - 32)
 * Codes of six bits, in halves of 128: k = 128 i + 64 j + l has its low four in byte 64 i + l of q (j = 0: the low nibble), and
 * k = 128 i + 32 j + l its high two in byte 32 i + l of h, at bit 2 j. */
typedef struct __attribute__((packed)) { uint8_t q[128]; uint8_t h[64]; int8_t s[16]; uint16_t d; } block_q6_k;
_Static_assert(sizeof(block_q6_k) == 210, "q6_k layout");

/* The file's bytes, four of each row side by side, those of a group of a half's four units (h, q, q) together. */
typedef struct { uint16_t d[16]; uint8_t s[4][16][4]; uint8_t of[2][8][3][16][4]; } panel_q6_k;
_Static_assert(sizeof(panel_q6_k) == 16 * sizeof(block_q6_k), "q6_k panel");

/* Where the codes of the units of a half are. */
static inline together q6_k_half(unsigned i) {
    return (together){ 3, { offsetof(block_q6_k, h) + 32 * i, offsetof(block_q6_k, q) + 64 * i, offsetof(block_q6_k, q) + 64 * i + 32 } };
}

#ifdef WORDS
WORD codes q6_k_codes(const panel_q6_k *p, unsigned unit, unsigned group) {
    const codes pair = codes_load(p->of[unit / 4][group][1 + unit % 2]);            /* units 0 and 2, 1 and 3 of a half share bytes */
    return codes_or(unit & 2 ? codes_high4(pair) : codes_low4(pair), codes_field(codes_load(p->of[unit / 4][group][0]), 2 * (unit % 4), 2, 4));
}
WORD floats q6_k_scale(const panel_q6_k *p, unsigned part) {
    return floats_mul(floats_load_f16(p->d), floats_of(ints_shift_right(ints_shift_left(ints_load(p->s[part / 4]), 24 - 8 * (part % 4)), 24)));
}
WORD void q6_k_pack16(panel_q6_k *p, const block_q6_k *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    pack_bytes(p->s, b->s, row_bytes, sizeof b->s);
    for (unsigned i = 0; i < 2; i++) pack_together(p->of[i][0], b, row_bytes, q6_k_half(i));
}
#else
static inline int q6_k_code(const block_q6_k *b, int k) {
    const int i = k / 128;
    return (b->q[64 * i + k % 64] >> k % 128 / 64 * 4 & 15) | (b->h[32 * i + k % 32] >> k % 128 / 32 * 2 & 3) << 4;
}
static void q6_k_pack_row(panel_q6_k *p, int r, const block_q6_k *b) {
    p->d[r] = b->d;
    spread(p->s, r, b->s, sizeof b->s);
    for (unsigned i = 0; i < 2; i++) spread_together(p->of[i][0], r, b, q6_k_half(i));
}
static void q6_k_unpack_row(block_q6_k *b, const panel_q6_k *p, int r) {
    b->d = p->d[r];
    gather(b->s, p->s, r, sizeof b->s);
    for (unsigned i = 0; i < 2; i++) gather_together(b, p->of[i][0], r, q6_k_half(i));
}
static void q6_k_dequantize_block(float *y, const block_q6_k *b) {
    for (int k = 0; k < 256; k++) y[k] = f16_to_f32(b->d) * (float)(b->s[k / 16] * (q6_k_code(b, k) - 32));
}
/* The unit's scale of largest magnitude becomes -128, so d may be negative. */
static void q6_k_quantize_block_weighted(block_q6_k *b, const float *x, const float *w) {
    float scale[16];
    uint8_t found[256];
    for (int u = 0; u < 16; u++) scale[u] = search_scale(x + 16 * u, w + 16 * u, 16, 32, found + 16 * u);
    const float largest = value_of_largest_magnitude(scale, 16);
    memset(b, 0, sizeof *b);
    if (fabsf(largest) < SEARCH_NOTHING) return;
    const float inverse = -128 / largest;
    b->d = f32_to_f16(1 / inverse);
    for (int u = 0; u < 16; u++) b->s[u] = (int8_t)search_code(inverse * scale[u], -128, 127);
    for (int k = 0; k < 256; k++) {
        const float d = f16_to_f32(b->d) * (float)b->s[k / 16];
        const int code = d != 0 ? search_code(x[k] / d, -32, 31) + 32 : found[k];
        b->q[k / 128 * 64 + k % 64] |= (uint8_t)((code & 15) << k % 128 / 64 * 4);
        b->h[k / 128 * 32 + k % 32] |= (uint8_t)(code >> 4 << k % 128 / 32 * 2);
    }
}
static void q6_k_quantize_block(block_q6_k *b, const float *x) {
    float w[256];
    search_squares(w, x, 256);
    q6_k_quantize_block_weighted(b, x, w);
}
#endif
