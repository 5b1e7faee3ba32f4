/* Every weight format, one line each. The name is that of its file, its block_ and panel_ types and its functions.
 * Define FORMAT(name) to see all alike, or DENSE and QUANTISED.
 *
 *    name  ggml's number  bytes of a value */
#ifndef DENSE
#define DENSE(name, ...) FORMAT(name)
#endif
#ifndef QUANTISED
#define QUANTISED(name, ...) FORMAT(name)
#endif
DENSE(f32,   0,            4)
DENSE(f16,   1,            2)
DENSE(bf16, 30,            2)
/*        name  ggml's number  values of a block  values that share a scale  units that share bytes  subtracted from a code: 2 to the  largest code  minima  quantiser */
QUANTISED(q8_0,  8,             32,               32,                        1,                      7,                                255,          0,     q8_0_quantize)
QUANTISED(q4_0,  2,             32,               32,                        1,                      3,                                15,           0,     q4_0_quantize)
QUANTISED(q4_1,  3,             32,               32,                        1,                      NO_OFFSET,                        15,           1,     q4_1_quantize)
QUANTISED(q5_0,  6,             32,               32,                        1,                      4,                                31,           0,     q5_0_quantize)
QUANTISED(q5_1,  7,             32,               32,                        1,                      NO_OFFSET,                        31,           1,     q5_1_quantize)
QUANTISED(q2_k, 10,            256,               16,                        4,                      NO_OFFSET,                        3,            1,     q2_k_quantize)
QUANTISED(q3_k, 11,            256,               16,                        8,                      2,                                7,            0,     q3_k_quantize)
QUANTISED(q4_k, 12,            256,               32,                        2,                      NO_OFFSET,                        15,           1,     q4_k_quantize)
QUANTISED(q5_k, 13,            256,               32,                        8,                      NO_OFFSET,                        31,           1,     q5_k_quantize)
QUANTISED(q6_k, 14,            256,               16,                        4,                      5,                                63,           0,     q6_k_quantize)
#undef FORMAT
#undef DENSE
#undef QUANTISED
