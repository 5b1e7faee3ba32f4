/* Synthetic models: GGUF files with random weights in the exact shape of known models, for measuring speed, which does not
 * depend on the values. `ridge synth` and `ridge bench --shape` write them; nothing sensible can be said with them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

typedef struct {
    const char *name, *architecture;
    uint32_t width, hidden, n_layers, n_heads, n_kv_heads, head_size, n_vocab;
    bool     tied, bias;            /* the head is the token table; q, k and v have biases */
    float    rope_base, eps;
} synth_shape;

/* All shapes; *n is their number. */
const synth_shape *synth_shapes(size_t *n);
/* The one called `name`, or RIDGE_E_BAD_ARGUMENT with the nearest or the whole list. */
int synth_shape_find(const synth_shape **out, const char *name, error *err);

/* Writes a model whose matrices are all of `type`: a weight format's name, or "f16b", f16 that bf16 holds exactly, as files made from
 * bf16 checkpoints are. A tensor whose rows are no multiple of the format's block gets a near format (EVENT_format_replaced).
 * All threads; the file appears under its name when it is whole. The same arguments give the same bytes. */
int synth_write(const char *path, const synth_shape *shape, const char *type, error *err);

/* The path of that model in the user's cache directory, appended to *path; written first where it is not there yet (*made tells). */
int synth_cached(buffer *path, const synth_shape *shape, const char *type, bool *made, error *err);

/* "f32 f16 f16b bf16 q8_0 ...": the types, separated by spaces. */
const char *synth_types(void);
