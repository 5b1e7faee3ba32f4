/* q5_0: 22 bytes, 32 weights.  | d: f16 | h: u32 | q: 16 bytes |   w[i] = d * (code[i] - 16)
 * The low four bits of the codes lie as in q4_0; bit i of h is the fifth bit of code i. */
typedef struct __attribute__((packed)) { uint16_t d; uint8_t h[4]; uint8_t q[16]; } block_q5_0;
_Static_assert(sizeof(block_q5_0) == 22, "q5_0 layout");

/* Bit g of byte h[r][j] is the fifth bit of row r, k = 4 g + j. */
typedef struct { uint16_t d[16]; uint8_t h[16][4]; uint8_t q[4][16][4]; } panel_q5_0;
_Static_assert(sizeof(panel_q5_0) == 16 * sizeof(block_q5_0), "q5_0 panel");

#ifdef WORDS
WORD codes q5_0_codes(const panel_q5_0 *p, unsigned unit, unsigned group) {
    (void)unit;
    const codes q = codes_load(p->q[group % 4]);
    return codes_or(group < 4 ? codes_low4(q) : codes_high4(q), codes_field(codes_load(p->h), group, 1, 4));
}
WORD floats q5_0_scale(const panel_q5_0 *p, unsigned unit) { (void)unit; return floats_load_f16(p->d); }
WORD void q5_0_pack16(panel_q5_0 *p, const block_q5_0 *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    pack_fifth_bits(p->h, b->h, row_bytes);
    pack_bytes(p->q, b->q, row_bytes, sizeof b->q);
}
#else
static void q5_0_pack_row(panel_q5_0 *p, int r, const block_q5_0 *b) {
    p->d[r] = b->d;
    for (int j = 0; j < 16; j++) p->q[j / 4][r][j % 4] = b->q[j];
    for (int j = 0; j < 4; j++) p->h[r][j] = every_fourth_bit(b->h, j);
}
static void q5_0_unpack_row(block_q5_0 *b, const panel_q5_0 *p, int r) {
    *b = (block_q5_0){ .d = p->d[r] };
    gather(b->q, p->q, r, sizeof b->q);
    for (int i = 0; i < 32; i++) set_bit(b->h, i, p->h[r][i % 4] >> i / 4 & 1);
}
static void q5_0_dequantize_block(float *y, const block_q5_0 *b) {
    for (int j = 0; j < 16; j++) {
        y[j]      = f16_to_f32(b->d) * (float)((b->q[j] & 15) + 16 * bit_of(b->h, j) - 16);
        y[j + 16] = f16_to_f32(b->d) * (float)((b->q[j] >> 4) + 16 * bit_of(b->h, j + 16) - 16);
    }
}
static void q5_0_put_codes(block_q5_0 *b, const uint8_t code[32]) {
    memset(b->h, 0, sizeof b->h);
    for (int j = 0; j < 16; j++) b->q[j] = (uint8_t)((code[j] & 15) | (code[j + 16] & 15) << 4);
    for (int k = 0; k < 32; k++) set_bit(b->h, k, code[k] >> 4);
}
/* The value of largest magnitude becomes code 0 (-16), so d may be negative; codes are rounded half up. */
static void q5_0_quantize_block(block_q5_0 *b, const float *x) {
    uint8_t code[32];
    const float d = value_of_largest_magnitude(x, 32) / -16, inverse = d != 0 ? 1 / d : 0;
    b->d = f32_to_f16(d);
    for (int k = 0; k < 32; k++) code[k] = (uint8_t)code_half_up(x[k] * inverse + 16.5f, 31);
    q5_0_put_codes(b, code);
}
static void q5_0_quantize_block_weighted(block_q5_0 *b, const float *x, const float *w) {
    uint8_t code[32];
    b->d = f32_to_f16(search_scale(x, w, 32, 16, code));
    q5_0_put_codes(b, code);
}
#endif
