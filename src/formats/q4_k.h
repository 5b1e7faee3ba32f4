/* q4_k: 144 bytes, 256 weights.  | d: f16 | dmin: f16 | s: 12 bytes | q: 128 bytes |
 * Eight units of 32, each with a 6-bit scale and a 6-bit minimum (k_scales.h):  w[i] = d * scale * nibble[i] - dmin * minimum
 * q: 32 bytes a pair of units, the even unit in the low nibbles. */
typedef struct __attribute__((packed)) { uint16_t d, dmin; uint8_t s[12]; uint8_t q[128]; } block_q4_k;
_Static_assert(sizeof(block_q4_k) == 144, "q4_k layout");

typedef struct { uint16_t d[16], dmin[16]; uint8_t s[3][16][4]; uint8_t q[4][8][16][4]; } panel_q4_k;
_Static_assert(sizeof(panel_q4_k) == 16 * sizeof(block_q4_k), "q4_k panel");

#ifdef WORDS
WORD codes q4_k_codes(const panel_q4_k *p, unsigned unit, unsigned group) {
    const codes pair = codes_load(p->q[unit / 2][group]);
    return unit % 2 ? codes_high4(pair) : codes_low4(pair);
}
WORD floats q4_k_scale(const panel_q4_k *p, unsigned unit) { return floats_mul(floats_load_f16(p->d), floats_of(k_scale_field(p->s, unit))); }
WORD floats q4_k_min(const panel_q4_k *p, unsigned unit)   { return floats_mul(floats_negative(floats_load_f16(p->dmin)), floats_of(k_min_field(p->s, unit))); }
WORD void q4_k_pack16(panel_q4_k *p, const block_q4_k *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    pack_halves(p->dmin, &b->dmin, row_bytes);
    k_scales_pack(p->s, b->s, row_bytes);
    pack_bytes(p->q[0], b->q, row_bytes, sizeof b->q);
}
#else
static void q4_k_pack_row(panel_q4_k *p, int r, const block_q4_k *b) {
    p->d[r] = b->d;
    p->dmin[r] = b->dmin;
    spread(p->s, r, b->s, sizeof b->s);
    spread(p->q[0], r, b->q, sizeof b->q);
}
static void q4_k_unpack_row(block_q4_k *b, const panel_q4_k *p, int r) {
    b->d = p->d[r];
    b->dmin = p->dmin[r];
    gather(b->s, p->s, r, sizeof b->s);
    gather(b->q, p->q[0], r, sizeof b->q);
}
static void q4_k_dequantize_block(float *y, const block_q4_k *b) {
    for (int k = 0; k < 256; k++) {
        const int u = k / 32, code = b->q[k / 64 * 32 + k % 32] >> u % 2 * 4 & 15;
        y[k] = f16_to_f32(b->d) * (float)(k_scale_of(b->s, u) * code) - f16_to_f32(b->dmin) * (float)k_min_of(b->s, u);
    }
}
static void q4_k_put(block_q4_k *b, const float *x, k_halves halves, const uint8_t found[256]) {
    b->d = halves.d;
    b->dmin = halves.dmin;
    memset(b->q, 0, sizeof b->q);
    for (int k = 0; k < 256; k++)
        b->q[k / 64 * 32 + k % 32] |= (uint8_t)(k_scales_code(b->s, b->d, b->dmin, x[k], k, 15, found[k]) << k / 32 % 2 * 4);
}
static void q4_k_quantize_block(block_q4_k *b, const float *x) {
    float scale[8], below[8], w[256];
    uint8_t found[256];
    search_k_weights(w, x);
    search_units(x, w, 32, (search_range){ .most = 15, .from = -1, .by = 0.1f, .steps = 20 }, scale, below, found);
    q4_k_put(b, x, k_scales_quantize(b->s, scale, below), found);
}
static void q4_k_quantize_block_weighted(block_q4_k *b, const float *x, const float *w) {
    float scale[8], below[8];
    uint8_t found[256];
    search_units(x, w, 32, search_range_finely(15), scale, below, found);
    q4_k_put(b, x, k_scales_quantize_weighted(b->s, scale, below, w), found);
}
#endif
