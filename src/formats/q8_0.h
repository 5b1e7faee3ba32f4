/* q8_0: 34 bytes, 32 weights.  | d: f16 | q: 32 x i8 |   w[i] = d * q[i] */
typedef struct __attribute__((packed)) { uint16_t d; int8_t q[32]; } block_q8_0;
_Static_assert(sizeof(block_q8_0) == 34, "q8_0 layout");

/* Codes are stored as q + 128: the dot instructions want one unsigned operand. */
typedef struct { uint16_t d[16]; uint8_t q[8][16][4]; } panel_q8_0;
_Static_assert(sizeof(panel_q8_0) == 16 * sizeof(block_q8_0), "q8_0 panel");

#ifdef WORDS
WORD codes  q8_0_codes(const panel_q8_0 *p, unsigned unit, unsigned group) { (void)unit; return codes_load(p->q[group]); }
WORD floats q8_0_scale(const panel_q8_0 *p, unsigned unit)            { (void)unit; return floats_load_f16(p->d); }
WORD void q8_0_pack16(panel_q8_0 *p, const block_q8_0 *b, size_t row_bytes) {
    pack_halves(p->d, &b->d, row_bytes);
    for (int i = 0; i < 8; i += 4) {
        ints q[4];
        ints_transpose(q, b->q + 4 * i, row_bytes);
        for (int j = 0; j < 4; j++) ints_store(p->q[i + j], ints_xor(q[j], ints_set((int32_t)0x80808080)));
    }
}
#else
static void q8_0_pack_row(panel_q8_0 *p, int r, const block_q8_0 *b) {
    p->d[r] = b->d;
    for (int k = 0; k < 32; k++) p->q[k / 4][r][k % 4] = (uint8_t)(b->q[k] + 128);
}
static void q8_0_unpack_row(block_q8_0 *b, const panel_q8_0 *p, int r) {
    b->d = p->d[r];
    for (int k = 0; k < 32; k++) b->q[k] = (int8_t)(p->q[k / 4][r][k % 4] - 128);
}
static void q8_0_dequantize_block(float *y, const block_q8_0 *b) {
    for (int k = 0; k < 32; k++) y[k] = f16_to_f32(b->d) * b->q[k];
}
/* The largest magnitude becomes 127; halves are rounded away from zero. */
static void q8_0_quantize_block(block_q8_0 *b, const float *x) {
    float largest = 0;
    for (int k = 0; k < 32; k++) largest = fmaxf(largest, fabsf(x[k]));
    const float d = largest / 127, inverse = d != 0 ? 1 / d : 0;
    b->d = f32_to_f16(d);
    for (int k = 0; k < 32; k++) b->q[k] = (int8_t)roundf(x[k] * inverse);
}
#endif
