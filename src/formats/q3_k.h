/* q3_k: 110 bytes, 256 weights.  | h: 32 bytes | q: 64 bytes | s: 12 bytes | d: f16 |
 * Sixteen units of 16, each with a 6-bit scale less 32:  w[i] = d * (scale - 32) * (code[i] - 4)
 * Codes of three bits: k = 128 i + 32 j + l has its lower two in byte 32 i + l of q, at bit 2 j, its third in byte l of h, at bit 4 i + j.
 * Scale j: its low four bits are a nibble of s[j % 8] (the low one for j < 8), its high two are in s[8 + j % 4], at bit 2 (j / 4). */
typedef struct __attribute__((packed)) { uint8_t h[32]; uint8_t q[64]; uint8_t s[12]; uint16_t d; } block_q3_k;
_Static_assert(sizeof(block_q3_k) == 110, "q3_k layout");

/* The file's bytes, four of each row side by side, those of a group of all units (h, then q) together. */
typedef struct { uint16_t d[16]; uint8_t s[3][16][4]; uint8_t of[8][3][16][4]; } panel_q3_k;
_Static_assert(sizeof(panel_q3_k) == 16 * sizeof(block_q3_k), "q3_k panel");

/* Where the codes are. */
static inline together q3_k_units(void) { return (together){ 3, { offsetof(block_q3_k, h), offsetof(block_q3_k, q), offsetof(block_q3_k, q) + 32 } }; }

#ifdef WORDS
WORD codes q3_k_codes(const panel_q3_k *p, unsigned unit, unsigned group) {
    return codes_or(codes_field(codes_load(p->of[group][1 + unit / 4]), 2 * (unit % 4), 2, 0), codes_field(codes_load(p->of[group][0]), unit, 1, 2));
}
WORD floats q3_k_scale(const panel_q3_k *p, unsigned part) {
    const ints low = ints_field(ints_load(p->s[part % 8 / 4]), 8 * (part % 4) + (part < 8 ? 0 : 4), 4, 0);
    const ints high = ints_field(ints_load(p->s[2]), 8 * (part % 4) + 2 * (part / 4), 2, 4);
    return floats_mul(floats_load_f16(p->d), floats_of(ints_add(ints_or(low, high), ints_set(-32))));
}
WORD void q3_k_pack16(panel_q3_k *p, const block_q3_k *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    ints s[4];
    ints_transpose(s, (const uint8_t *)b + offsetof(block_q3_k, s) - 4, row_bytes);         /* twelve bytes and the four before them: those behind may not be ours */
    for (int i = 0; i < 3; i++) ints_store(p->s[i], s[i + 1]);
    pack_together(p->of[0], b, row_bytes, q3_k_units());
}
#else
static inline int q3_k_code(const block_q3_k *b, int k) {
    return (b->q[k / 128 * 32 + k % 32] >> k % 128 / 32 * 2 & 3) | (b->h[k % 32] >> k / 32 & 1) << 2;
}
static inline int q3_k_scale_of(const block_q3_k *b, int j) {
    return (b->s[j % 8] >> (j < 8 ? 0 : 4) & 15) + (b->s[8 + j % 4] >> 2 * (j / 4) & 3) * 16 - 32;
}
static void q3_k_pack_row(panel_q3_k *p, int r, const block_q3_k *b) {
    p->d[r] = b->d;
    spread(p->s, r, b->s, sizeof b->s);
    spread_together(p->of[0], r, b, q3_k_units());
}
static void q3_k_unpack_row(block_q3_k *b, const panel_q3_k *p, int r) {
    b->d = p->d[r];
    gather(b->s, p->s, r, sizeof b->s);
    gather_together(b, p->of[0], r, q3_k_units());
}
static void q3_k_dequantize_block(float *y, const block_q3_k *b) {
    for (int k = 0; k < 256; k++) y[k] = f16_to_f32(b->d) * (float)(q3_k_scale_of(b, k / 16) * (q3_k_code(b, k) - 4));
}
/* share [16]: the units' scales, 0 ... 63. */
static void q3_k_put(block_q3_k *b, const float *x, float d, const uint8_t *share, const uint8_t found[256]) {
    memset(b, 0, sizeof *b);
    b->d = f32_to_f16(d);
    for (int u = 0; u < 16; u++) {
        b->s[u % 8] |= (uint8_t)((share[u] & 15) << (u < 8 ? 0 : 4));
        b->s[8 + u % 4] |= (uint8_t)(share[u] >> 4 << 2 * (u / 4));
    }
    for (int k = 0; k < 256; k++) {
        const float scale = f16_to_f32(b->d) * (float)q3_k_scale_of(b, k / 16);
        const int code = scale != 0 ? search_code(x[k] / scale, -4, 3) + 4 : found[k];
        b->q[k / 128 * 32 + k % 32] |= (uint8_t)((code & 3) << k % 128 / 32 * 2);
        b->h[k % 32] |= (uint8_t)(code >> 2 << k / 32);
    }
}
/* The unit's scale of largest magnitude becomes -32, so d may be negative. */
static void q3_k_quantize_block(block_q3_k *b, const float *x) {
    float scale[16];
    uint8_t found[256], share[16] = {0};
    for (int u = 0; u < 16; u++) scale[u] = search_scale_by_moves(x + 16 * u, 16, 4, found + 16 * u);
    const float largest = value_of_largest_magnitude(scale, 16), inverse = largest != 0 ? -32 / largest : 0;
    for (int u = 0; u < 16 && largest != 0; u++) share[u] = (uint8_t)(search_code(inverse * scale[u], -32, 31) + 32);
    q3_k_put(b, x, largest != 0 ? 1 / inverse : 0, share, found);
}
static void q3_k_quantize_block_weighted(block_q3_k *b, const float *x, const float *w) {
    float scale[16], of_unit[16];
    uint8_t found[256], share[16];
    for (int u = 0; u < 16; u++) {
        scale[u] = search_scale(x + 16 * u, w + 16 * u, 16, 4, found + 16 * u);
        of_unit[u] = search_sum_of(w + 16 * u, 16);
    }
    q3_k_put(b, x, search_scale(scale, of_unit, 16, 32, share), share, found);
}
#endif
