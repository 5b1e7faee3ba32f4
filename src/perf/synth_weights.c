/* Random blocks of every weight format: see synth_weights.h. Any bits are valid codes and small scales; only the halves that scale a
 * whole block are set, so that the weights have the size of a trained model's. */
#include "perf/synth_weights.h"
#include <string.h>
#include <strings.h>
#include "base/half.h"
#include "base/nearest.h"
#include "perf/random.h"
#include "perf/synth.h"

static const float SPREAD = 0.02f;
enum { NO_HALF = 0xffff };

/* Of one format: where the block's scale is; the standard deviation of a weight in units of it, from uniform codes and sub-scales;
 * where the block's minimum is, and its value in those units, which makes the mean zero. Dense formats have none of it. */
static const struct { synth_type type; uint16_t scale_at; float spread; uint16_t minimum_at; float minimum; } types[] = {
    { { "f32",  FORMAT_f32,  0,  NULL },   NO_HALF, 0, NO_HALF, 0 },
    { { "f16",  FORMAT_f16,  1,  NULL },   NO_HALF, 0, NO_HALF, 0 },
    { { "f16b", FORMAT_f16,  1,  NULL },   NO_HALF, 0, NO_HALF, 0 },
    { { "bf16", FORMAT_bf16, 32, NULL },   NO_HALF, 0, NO_HALF, 0 },
    { { "q8_0", FORMAT_q8_0, 7,  "f16" },  0,   73.9f,  NO_HALF, 0 },
    { { "q4_0", FORMAT_q4_0, 2,  "f16" },  0,   4.61f,  NO_HALF, 0 },
    { { "q4_1", FORMAT_q4_1, 3,  "f16" },  0,   4.61f,  2,  -7.5f },
    { { "q5_0", FORMAT_q5_0, 8,  "f16" },  0,   9.23f,  NO_HALF, 0 },
    { { "q5_1", FORMAT_q5_1, 9,  "f16" },  0,   9.23f,  2,  -15.5f },
    { { "q2_k", FORMAT_q2_k, 10, "q4_0" }, 80,  13.9f,  82, 1.5f },
    { { "q3_k", FORMAT_q3_k, 11, "q4_0" }, 108, 43.3f,  NO_HALF, 0 },
    { { "q4_k", FORMAT_q4_k, 14, "q5_0" }, 0,   258.0f, 2,  7.5f },
    { { "q5_k", FORMAT_q5_k, 16, "q5_1" }, 0,   527.0f, 2,  15.5f },
    { { "q6_k", FORMAT_q6_k, 18, "q8_0" }, 208, 1366.f, NO_HALF, 0 },
};
enum { N_TYPES = sizeof types / sizeof *types };

const synth_type *synth_type_at(size_t i) { return i < N_TYPES ? &types[i].type : NULL; }

const char *synth_types(void) { return "f32 f16 f16b bf16 q8_0 q4_0 q4_1 q5_0 q5_1 q2_k q3_k q4_k q5_k q6_k"; }

int synth_type_find(const synth_type **out, const char *name, error *err) {
    const char *names[N_TYPES];
    for (size_t i = 0; i < N_TYPES; i++) {
        names[i] = types[i].type.name;
        if (!strcasecmp(name, names[i])) { *out = &types[i].type; return 0; }
    }
    const char *near = nearest(name, names, N_TYPES);
    if (near) return fail(err, RIDGE_E_BAD_ARGUMENT, "type \"%s\" is unknown: did you mean %s?", name, near);
    return fail(err, RIDGE_E_BAD_ARGUMENT, "type \"%s\" is unknown: %s", name, synth_types());
}

/* Four 16-bit values at once: random sign and fraction, and one of four binary exponents from `exponent` on. */
static uint64_t four_halves(uint64_t random, uint64_t fraction, int fraction_bits, uint64_t exponent) {
    const uint64_t each = 0x0001000100010001u;
    return (random & (0x8000 | fraction) * each) | (((random >> fraction_bits & 3 * each) + exponent * each) << fraction_bits);
}

static void fill_dense(const synth_type *type, uint64_t *word, size_t n, uint64_t seed) {
    const bool exact = !strcmp(type->name, "f16b");         /* bf16 has three bits of fraction less */
    for (size_t i = 0; i < n; i++) {
        const uint64_t r = random_next(&seed);
        switch (type->format) {
            case FORMAT_f16:  word[i] = four_halves(r, exact ? 0x3f8 : 0x3ff, 10, 7); break;            /* 2^-8 to 2^-5 */
            case FORMAT_bf16: word[i] = four_halves(r, 0x7f, 7, 119); break;
            default:          word[i] = (r & 0x807fffff807fffffu) | (((r >> 23 & 0x0000000300000003u) + 0x0000007700000077u) << 23);
        }
    }
}

void synth_fill(const synth_type *type, void *data, size_t blocks, uint64_t seed) {
    const size_t bytes = blocks * formats[type->format].block_bytes, i = (size_t)((const char *)type - (const char *)types) / sizeof *types;
    uint64_t *word = data;
    if (types[i].scale_at == NO_HALF) { fill_dense(type, word, (bytes + 7) / 8, seed); return; }
    for (size_t k = 0; k < (bytes + 7) / 8; k++) word[k] = random_next(&seed);
    const float d = SPREAD / types[i].spread;
    const uint16_t scale = f32_to_f16(d);
    for (size_t b = 0; b < blocks; b++) {
        unsigned char *block = (unsigned char *)data + b * formats[type->format].block_bytes;
        const uint16_t here = scale ^ (random_next(&seed) & 0x3f), minimum = f32_to_f16(f16_to_f32(here) * types[i].minimum);
        memcpy(block + types[i].scale_at, &here, 2);
        if (types[i].minimum_at != NO_HALF) memcpy(block + types[i].minimum_at, &minimum, 2);
    }
}
