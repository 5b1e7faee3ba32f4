/* q5_k: 176 bytes, 256 weights.  | d: f16 | dmin: f16 | s: 12 bytes | h: 32 bytes | q: 128 bytes |
 * Eight units of 32, each with a 6-bit scale and a 6-bit minimum (k_scales.h):  w[i] = d * scale * code[i] - dmin * minimum
 * q: the low four bits as in q4_k; bit u of h[l] is the fifth bit of k = 32 u + l. */
typedef struct __attribute__((packed)) { uint16_t d, dmin; uint8_t s[12]; uint8_t h[32]; uint8_t q[128]; } block_q5_k;
_Static_assert(sizeof(block_q5_k) == 176, "q5_k layout");

/* The file's bytes, four of each row side by side, those of a group of all units (h, then q) together. */
typedef struct { uint16_t d[16], dmin[16]; uint8_t s[3][16][4]; uint8_t of[8][5][16][4]; } panel_q5_k;
_Static_assert(sizeof(panel_q5_k) == 16 * sizeof(block_q5_k), "q5_k panel");

/* Where the codes are. */
static inline together q5_k_units(void) { return (together){ 5, { offsetof(block_q5_k, h), offsetof(block_q5_k, q), offsetof(block_q5_k, q) + 32,
                                                                       offsetof(block_q5_k, q) + 64, offsetof(block_q5_k, q) + 96 } }; }

#ifdef WORDS
WORD codes q5_k_codes(const panel_q5_k *p, unsigned unit, unsigned group) {
    const codes pair = codes_load(p->of[group][1 + unit / 2]);
    return codes_or(unit % 2 ? codes_high4(pair) : codes_low4(pair), codes_field(codes_load(p->of[group][0]), unit, 1, 4));
}
WORD floats q5_k_scale(const panel_q5_k *p, unsigned unit) { return floats_mul(floats_load_f16(p->d), floats_of(k_scale_field(p->s, unit))); }
WORD floats q5_k_min(const panel_q5_k *p, unsigned unit)   { return floats_mul(floats_negative(floats_load_f16(p->dmin)), floats_of(k_min_field(p->s, unit))); }
WORD void q5_k_pack16(panel_q5_k *p, const block_q5_k *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    pack_halves(p->dmin, &b->dmin, row_bytes);
    k_scales_pack(p->s, b->s, row_bytes);
    pack_together(p->of[0], b, row_bytes, q5_k_units());
}
#else
static void q5_k_pack_row(panel_q5_k *p, int r, const block_q5_k *b) {
    p->d[r] = b->d;
    p->dmin[r] = b->dmin;
    spread(p->s, r, b->s, sizeof b->s);
    spread_together(p->of[0], r, b, q5_k_units());
}
static void q5_k_unpack_row(block_q5_k *b, const panel_q5_k *p, int r) {
    b->d = p->d[r];
    b->dmin = p->dmin[r];
    gather(b->s, p->s, r, sizeof b->s);
    gather_together(b, p->of[0], r, q5_k_units());
}
static void q5_k_dequantize_block(float *y, const block_q5_k *b) {
    for (int k = 0; k < 256; k++) {
        const int u = k / 32, code = (b->q[k / 64 * 32 + k % 32] >> u % 2 * 4 & 15) | (b->h[k % 32] >> u & 1) << 4;
        y[k] = f16_to_f32(b->d) * (float)(k_scale_of(b->s, u) * code) - f16_to_f32(b->dmin) * (float)k_min_of(b->s, u);
    }
}
static void q5_k_put(block_q5_k *b, const float *x, k_halves halves, const uint8_t found[256]) {
    b->d = halves.d;
    b->dmin = halves.dmin;
    memset(b->h, 0, sizeof b->h);
    memset(b->q, 0, sizeof b->q);
    for (int k = 0; k < 256; k++) {
        const int code = k_scales_code(b->s, b->d, b->dmin, x[k], k, 31, found[k]);
        b->q[k / 64 * 32 + k % 32] |= (uint8_t)((code & 15) << k / 32 % 2 * 4);
        b->h[k % 32] |= (uint8_t)(code >> 4 << k / 32);
    }
}
static void q5_k_quantize_block(block_q5_k *b, const float *x) {
    float scale[8], below[8], w[256];
    uint8_t found[256];
    search_k_weights(w, x);
    search_units(x, w, 32, (search_range){ .most = 31, .from = -0.5f, .by = 0.1f, .steps = 15 }, scale, below, found);
    q5_k_put(b, x, k_scales_quantize(b->s, scale, below), found);
}
static void q5_k_quantize_block_weighted(block_q5_k *b, const float *x, const float *w) {
    float scale[8], below[8];
    uint8_t found[256];
    search_units(x, w, 32, search_range_finely(31), scale, below, found);
    q5_k_put(b, x, k_scales_quantize_weighted(b->s, scale, below, w), found);
}
#endif
