/* q4_0: 18 bytes, 32 weights.  | d: f16 | q: 16 bytes |   w[i] = d * (nibble[i] - 8)
 * Byte j holds weight j in its low nibble and weight j + 16 in its high nibble. */
typedef struct __attribute__((packed)) { uint16_t d; uint8_t q[16]; } block_q4_0;
_Static_assert(sizeof(block_q4_0) == 18, "q4_0 layout");

typedef struct { uint16_t d[16]; uint8_t q[4][16][4]; } panel_q4_0;
_Static_assert(sizeof(panel_q4_0) == 16 * sizeof(block_q4_0), "q4_0 panel");

#ifdef WORDS
WORD codes q4_0_codes(const panel_q4_0 *p, unsigned unit, unsigned group) {
    (void)unit;
    return group < 4 ? codes_low4(codes_load(p->q[group])) : codes_high4(codes_load(p->q[group - 4]));
}
WORD floats q4_0_scale(const panel_q4_0 *p, unsigned unit) { (void)unit; return floats_load_f16(p->d); }
WORD void q4_0_pack16(panel_q4_0 *p, const block_q4_0 *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    pack_bytes(p->q, b->q, row_bytes, sizeof b->q);
}
#else
static void q4_0_pack_row(panel_q4_0 *p, int r, const block_q4_0 *b) {
    p->d[r] = b->d;
    for (int j = 0; j < 16; j++) p->q[j / 4][r][j % 4] = b->q[j];
}
static void q4_0_unpack_row(block_q4_0 *b, const panel_q4_0 *p, int r) {
    b->d = p->d[r];
    gather(b->q, p->q, r, sizeof b->q);
}
static void q4_0_dequantize_block(float *y, const block_q4_0 *b) {
    for (int j = 0; j < 16; j++) {
        y[j]      = f16_to_f32(b->d) * (float)((b->q[j] & 15) - 8);
        y[j + 16] = f16_to_f32(b->d) * (float)((b->q[j] >> 4) - 8);
    }
}
/* The value of largest magnitude becomes code 0 (-8), so d may be negative; codes are rounded half up. */
static void q4_0_quantize_block(block_q4_0 *b, const float *x) {
    const float d = value_of_largest_magnitude(x, 32) / -8, inverse = d != 0 ? 1 / d : 0;
    b->d = f32_to_f16(d);
    for (int j = 0; j < 16; j++) b->q[j] = (uint8_t)(code_half_up(x[j] * inverse + 8.5f, 15) | code_half_up(x[j + 16] * inverse + 8.5f, 15) << 4);
}
static void q4_0_quantize_block_weighted(block_q4_0 *b, const float *x, const float *w) {
    uint8_t code[32];
    b->d = f32_to_f16(search_scale(x, w, 32, 8, code));
    for (int j = 0; j < 16; j++) b->q[j] = (uint8_t)(code[j] | code[j + 16] << 4);
}
#endif
