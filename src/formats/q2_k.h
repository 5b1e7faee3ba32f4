/* q2_k: 84 bytes, 256 weights.  | s: 16 bytes | q: 64 bytes | d: f16 | dmin: f16 |
 * Sixteen units of 16, each with a 4-bit scale (low nibble of s) and a 4-bit minimum (high nibble):
 * w[i] = d * scale * code[i] - dmin * minimum.  Codes of two bits: k = 128 h + 32 j + l is in byte 32 h + l, at bit 2 j. */
typedef struct __attribute__((packed)) { uint8_t s[16]; uint8_t q[64]; uint16_t d, dmin; } block_q2_k;
_Static_assert(sizeof(block_q2_k) == 84, "q2_k layout");

/* The file's bytes, four of each row side by side: q[h][g][r][j] is byte 32 h + 4 g + j of row r. */
typedef struct { uint16_t d[16], dmin[16]; uint8_t s[4][16][4]; uint8_t q[2][8][16][4]; } panel_q2_k;
_Static_assert(sizeof(panel_q2_k) == 16 * sizeof(block_q2_k), "q2_k panel");

#ifdef WORDS
WORD codes q2_k_codes(const panel_q2_k *p, unsigned unit, unsigned group) { return codes_field(codes_load(p->q[unit / 4][group]), 2 * (unit % 4), 2, 0); }
WORD floats q2_k_scale(const panel_q2_k *p, unsigned part) {
    return floats_mul(floats_load_f16(p->d), floats_of(ints_field(ints_load(p->s[part / 4]), 8 * (part % 4), 4, 0)));
}
WORD floats q2_k_min(const panel_q2_k *p, unsigned part) {
    return floats_mul(floats_negative(floats_load_f16(p->dmin)), floats_of(ints_field(ints_load(p->s[part / 4]), 8 * (part % 4) + 4, 4, 0)));
}
WORD void q2_k_pack16(panel_q2_k *p, const block_q2_k *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    pack_halves(p->dmin, &b->dmin, row_bytes);
    pack_bytes(p->s, b->s, row_bytes, sizeof b->s);
    pack_bytes(p->q[0], b->q, row_bytes, sizeof b->q);
}
#else
static inline int q2_k_code(const block_q2_k *b, int k) { return b->q[k / 128 * 32 + k % 32] >> k % 128 / 32 * 2 & 3; }

static void q2_k_pack_row(panel_q2_k *p, int r, const block_q2_k *b) {
    p->d[r] = b->d;
    p->dmin[r] = b->dmin;
    spread(p->s, r, b->s, sizeof b->s);
    spread(p->q[0], r, b->q, sizeof b->q);
}
static void q2_k_unpack_row(block_q2_k *b, const panel_q2_k *p, int r) {
    b->d = p->d[r];
    b->dmin = p->dmin[r];
    gather(b->s, p->s, r, sizeof b->s);
    gather(b->q, p->q[0], r, sizeof b->q);
}
static void q2_k_dequantize_block(float *y, const block_q2_k *b) {
    for (int k = 0; k < 256; k++)
        y[k] = f16_to_f32(b->d) * (float)((b->s[k / 16] & 15) * q2_k_code(b, k)) - f16_to_f32(b->dmin) * (float)(b->s[k / 16] >> 4);
}
/* share, minimum [16]: 0 ... 15. */
static void q2_k_put(block_q2_k *b, const float *x, const uint8_t *share, const uint8_t *minimum, const uint8_t found[256]) {
    for (int u = 0; u < 16; u++) b->s[u] = (uint8_t)(share[u] | minimum[u] << 4);
    memset(b->q, 0, sizeof b->q);
    for (int k = 0; k < 256; k++) {
        const float d = f16_to_f32(b->d) * (float)share[k / 16], below = f16_to_f32(b->dmin) * (float)minimum[k / 16];
        const int code = d != 0 ? search_code((x[k] + below) / d, 0, 3) : found[k];
        b->q[k / 128 * 32 + k % 32] |= (uint8_t)(code << k % 128 / 32 * 2);
    }
}
/* Values weigh their magnitude, and errors count by size: with four codes squares would follow outliers alone. */
static void q2_k_quantize_block(block_q2_k *b, const float *x) {
    float scale[16], below[16], w[256];
    uint8_t found[256], share[16], minimum[16];
    for (int k = 0; k < 256; k++) w[k] = fabsf(x[k]);
    search_units(x, w, 16, (search_range){ .most = 3, .from = -0.5f, .by = 0.1f, .steps = 15, .absolute = 1 }, scale, below, found);
    const float most_scale = search_largest(scale, 16), most_below = search_largest(below, 16);
    const float inverse = most_scale > 0 ? 15 / most_scale : 0, inverse_below = most_below > 0 ? 15 / most_below : 0;
    b->d = f32_to_f16(most_scale / 15);
    b->dmin = f32_to_f16(most_below / 15);
    for (int u = 0; u < 16; u++) {
        share[u] = (uint8_t)search_code(inverse * scale[u], 0, 15);
        minimum[u] = (uint8_t)search_code(inverse_below * below[u], 0, 15);
    }
    q2_k_put(b, x, share, minimum, found);
}
static void q2_k_quantize_block_weighted(block_q2_k *b, const float *x, const float *w) {
    float scale[16], below[16], of_unit[16];
    uint8_t found[256], share[16], minimum[16];
    search_units(x, w, 16, search_range_finely(3), scale, below, found);
    for (int u = 0; u < 16; u++) of_unit[u] = search_sum_of(w + 16 * u, 16);
    b->d = f32_to_f16(search_scale_of_scales(scale, of_unit, 16, 15, share));
    b->dmin = f32_to_f16(search_scale_of_scales(below, of_unit, 16, 15, minimum));
    q2_k_put(b, x, share, minimum, found);
}
#endif
