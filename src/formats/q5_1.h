/* q5_1: 24 bytes, 32 weights.  | d: f16 | m: f16 | h: u32 | q: 16 bytes |   w[i] = d * code[i] + m
 * The low four bits of the codes lie as in q4_0; bit i of h is the fifth bit of code i. */
typedef struct __attribute__((packed)) { uint16_t d, m; uint8_t h[4]; uint8_t q[16]; } block_q5_1;
_Static_assert(sizeof(block_q5_1) == 24, "q5_1 layout");

/* Bit g of byte h[r][j] is the fifth bit of row r, k = 4 g + j. */
typedef struct { uint16_t d[16], m[16]; uint8_t h[16][4]; uint8_t q[4][16][4]; } panel_q5_1;
_Static_assert(sizeof(panel_q5_1) == 16 * sizeof(block_q5_1), "q5_1 panel");

#ifdef WORDS
WORD codes q5_1_codes(const panel_q5_1 *p, unsigned unit, unsigned group) {
    (void)unit;
    const codes q = codes_load(p->q[group % 4]);
    return codes_or(group < 4 ? codes_low4(q) : codes_high4(q), codes_field(codes_load(p->h), group, 1, 4));
}
WORD floats q5_1_scale(const panel_q5_1 *p, unsigned unit) { (void)unit; return floats_load_f16(p->d); }
WORD floats q5_1_min(const panel_q5_1 *p, unsigned unit)   { (void)unit; return floats_load_f16(p->m); }
WORD void q5_1_pack16(panel_q5_1 *p, const block_q5_1 *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    pack_halves(p->m, &b->m, row_bytes);
    pack_fifth_bits(p->h, b->h, row_bytes);
    pack_bytes(p->q, b->q, row_bytes, sizeof b->q);
}
#else
static void q5_1_pack_row(panel_q5_1 *p, int r, const block_q5_1 *b) {
    p->d[r] = b->d;
    p->m[r] = b->m;
    for (int j = 0; j < 16; j++) p->q[j / 4][r][j % 4] = b->q[j];
    for (int j = 0; j < 4; j++) p->h[r][j] = every_fourth_bit(b->h, j);
}
static void q5_1_unpack_row(block_q5_1 *b, const panel_q5_1 *p, int r) {
    *b = (block_q5_1){ .d = p->d[r], .m = p->m[r] };
    gather(b->q, p->q, r, sizeof b->q);
    for (int i = 0; i < 32; i++) set_bit(b->h, i, p->h[r][i % 4] >> i / 4 & 1);
}
static void q5_1_dequantize_block(float *y, const block_q5_1 *b) {
    for (int j = 0; j < 16; j++) {
        y[j]      = f16_to_f32(b->d) * (float)((b->q[j] & 15) + 16 * bit_of(b->h, j)) + f16_to_f32(b->m);
        y[j + 16] = f16_to_f32(b->d) * (float)((b->q[j] >> 4) + 16 * bit_of(b->h, j + 16)) + f16_to_f32(b->m);
    }
}
static void q5_1_put_codes(block_q5_1 *b, const uint8_t code[32]) {
    memset(b->h, 0, sizeof b->h);
    for (int j = 0; j < 16; j++) b->q[j] = (uint8_t)((code[j] & 15) | (code[j + 16] & 15) << 4);
    for (int k = 0; k < 32; k++) set_bit(b->h, k, code[k] >> 4);
}
/* The smallest value becomes code 0, the largest 31; codes are rounded half up. */
static void q5_1_quantize_block(block_q5_1 *b, const float *x) {
    uint8_t code[32];
    float least, most;
    range_of(x, 32, &least, &most);
    const float d = (most - least) / 31, inverse = d != 0 ? 1 / d : 0;
    b->d = f32_to_f16(d);
    b->m = f32_to_f16(least);
    for (int k = 0; k < 32; k++) code[k] = (uint8_t)code_half_up((x[k] - least) * inverse + 0.5f, 31);
    q5_1_put_codes(b, code);
}
static void q5_1_quantize_block_weighted(block_q5_1 *b, const float *x, const float *w) {
    uint8_t code[32];
    float below;
    b->d = f32_to_f16(search_scale_and_minimum(x, w, 32, search_range_finely(31), &below, code));
    b->m = f32_to_f16(-below);
    q5_1_put_codes(b, code);
}
#endif
