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
/* Values weigh their magnitude, and errors count by size: with four codes squares would follow outliers alone. */
static void q2_k_quantize_block(block_q2_k *b, const float *x) {
    float scale[16], below[16], w[16];
    uint8_t found[256];
    for (int u = 0; u < 16; u++) {
        for (int i = 0; i < 16; i++) w[i] = fabsf(x[16 * u + i]);
        scale[u] = search_scale_and_minimum(x + 16 * u, w, 16, (search_range){ .most = 3, .from = -0.5f, .steps = 15, .absolute = 1 },
                                            &below[u], found + 16 * u);
    }
    const float most_scale = search_largest(scale, 16), most_below = search_largest(below, 16);
    const float inverse = most_scale > 0 ? 15 / most_scale : 0, inverse_below = most_below > 0 ? 15 / most_below : 0;
    b->d = f32_to_f16(most_scale / 15);
    b->dmin = f32_to_f16(most_below / 15);
    for (int u = 0; u < 16; u++)
        b->s[u] = (uint8_t)(search_code(inverse * scale[u], 0, 15) | search_code(inverse_below * below[u], 0, 15) << 4);
    memset(b->q, 0, sizeof b->q);
    for (int k = 0; k < 256; k++) {
        const float d = f16_to_f32(b->d) * (float)(b->s[k / 16] & 15), minimum = f16_to_f32(b->dmin) * (float)(b->s[k / 16] >> 4);
        const int code = d != 0 ? search_code((x[k] + minimum) / d, 0, 3) : found[k];
        b->q[k / 128 * 32 + k % 32] |= (uint8_t)(code << k % 128 / 32 * 2);
    }
}
#endif
