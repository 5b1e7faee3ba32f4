/* q4_1: 20 bytes, 32 weights.  | d: f16 | m: f16 | q: 16 bytes |   w[i] = d * nibble[i] + m
 * Byte j holds weight j in its low nibble and weight j + 16 in its high nibble. */
typedef struct __attribute__((packed)) { uint16_t d, m; uint8_t q[16]; } block_q4_1;
_Static_assert(sizeof(block_q4_1) == 20, "q4_1 layout");

typedef struct { uint16_t d[16], m[16]; uint8_t q[4][16][4]; } panel_q4_1;
_Static_assert(sizeof(panel_q4_1) == 16 * sizeof(block_q4_1), "q4_1 panel");

#ifdef WORDS
WORD codes q4_1_codes(const panel_q4_1 *p, unsigned unit, unsigned group) {
    (void)unit;
    return group < 4 ? codes_low4(codes_load(p->q[group])) : codes_high4(codes_load(p->q[group - 4]));
}
WORD floats q4_1_scale(const panel_q4_1 *p, unsigned unit) { (void)unit; return floats_load_f16(p->d); }
WORD floats q4_1_min(const panel_q4_1 *p, unsigned unit)   { (void)unit; return floats_load_f16(p->m); }
WORD void q4_1_pack16(panel_q4_1 *p, const block_q4_1 *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    pack_halves(p->m, &b->m, row_bytes);
    pack_bytes(p->q, b->q, row_bytes, sizeof b->q);
}
#else
static void q4_1_pack_row(panel_q4_1 *p, int r, const block_q4_1 *b) {
    p->d[r] = b->d;
    p->m[r] = b->m;
    for (int j = 0; j < 16; j++) p->q[j / 4][r][j % 4] = b->q[j];
}
static void q4_1_unpack_row(block_q4_1 *b, const panel_q4_1 *p, int r) {
    b->d = p->d[r];
    b->m = p->m[r];
    gather(b->q, p->q, r, sizeof b->q);
}
static void q4_1_dequantize_block(float *y, const block_q4_1 *b) {
    for (int j = 0; j < 16; j++) {
        y[j]      = f16_to_f32(b->d) * (float)(b->q[j] & 15) + f16_to_f32(b->m);
        y[j + 16] = f16_to_f32(b->d) * (float)(b->q[j] >> 4) + f16_to_f32(b->m);
    }
}
/* The smallest value becomes code 0, the largest 15; codes are rounded half up. */
static void q4_1_quantize_block(block_q4_1 *b, const float *x) {
    float least, most;
    range_of(x, 32, &least, &most);
    const float d = (most - least) / 15, inverse = d != 0 ? 1 / d : 0;
    b->d = f32_to_f16(d);
    b->m = f32_to_f16(least);
    for (int j = 0; j < 16; j++)
        b->q[j] = (uint8_t)(code_half_up((x[j] - least) * inverse + 0.5f, 15) | code_half_up((x[j + 16] - least) * inverse + 0.5f, 15) << 4);
}
static void q4_1_quantize_block_weighted(block_q4_1 *b, const float *x, const float *w) {
    uint8_t code[32];
    float below;
    b->d = f32_to_f16(search_scale_and_minimum(x, w, 32, search_range_finely(15), &below, code));
    b->m = f32_to_f16(-below);
    for (int j = 0; j < 16; j++) b->q[j] = (uint8_t)(code[j] | code[j + 16] << 4);
}
#endif
