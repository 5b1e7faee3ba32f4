/* ggml's tensor types by number: what a block holds and how long it is, also of types that Ridge cannot compute with, so that
 * a file's sizes can be checked and its refusal can name the type. Numbers and sizes: ggml's enum ggml_type up to 42; the sizes
 * of the repacked types (31-33, 36-38), which files of 2024 may hold, are those of the type that they interleave. */
#include "formats/format.h"

static const gguf_type_info types[] = {
    [0]  = { "f32", 1, 4 },          [1]  = { "f16", 1, 2 },          [30] = { "bf16", 1, 2 },         [28] = { "f64", 1, 8 },
    [24] = { "i8", 1, 1 },           [25] = { "i16", 1, 2 },          [26] = { "i32", 1, 4 },          [27] = { "i64", 1, 8 },
    [2]  = { "q4_0", 32, 18 },       [3]  = { "q4_1", 32, 20 },       [6]  = { "q5_0", 32, 22 },       [7]  = { "q5_1", 32, 24 },
    [8]  = { "q8_0", 32, 34 },       [9]  = { "q8_1", 32, 36 },
    [10] = { "q2_k", 256, 84 },      [11] = { "q3_k", 256, 110 },     [12] = { "q4_k", 256, 144 },     [13] = { "q5_k", 256, 176 },
    [14] = { "q6_k", 256, 210 },     [15] = { "q8_k", 256, 292 },
    [16] = { "iq2_xxs", 256, 66 },   [17] = { "iq2_xs", 256, 74 },    [22] = { "iq2_s", 256, 82 },
    [18] = { "iq3_xxs", 256, 98 },   [21] = { "iq3_s", 256, 110 },    [19] = { "iq1_s", 256, 50 },     [29] = { "iq1_m", 256, 56 },
    [20] = { "iq4_nl", 32, 18 },     [23] = { "iq4_xs", 256, 136 },
    [31] = { "q4_0_4_4", 32, 18 },   [32] = { "q4_0_4_8", 32, 18 },   [33] = { "q4_0_8_8", 32, 18 },
    [36] = { "iq4_nl_4_4", 32, 18 }, [37] = { "iq4_nl_4_8", 32, 18 }, [38] = { "iq4_nl_8_8", 32, 18 },
    [34] = { "tq1_0", 256, 54 },     [35] = { "tq2_0", 256, 66 },
    [39] = { "mxfp4", 32, 17 },      [40] = { "nvfp4", 64, 36 },      [41] = { "q1_0", 128, 18 },      [42] = { "q2_0", 64, 18 },
};

const gguf_type_info *gguf_type(uint32_t type) {
    return type < sizeof types / sizeof *types && types[type].name ? &types[type] : NULL;
}
