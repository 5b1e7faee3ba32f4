/* The plan: a flat list of steps that says what happens to a batch of tokens. It is built once when a model is loaded,
 * knows nothing about hardware, and every backend, the reference, the profiler and the tuner speak in its steps.
 *
 * Steps read and write *values*: named activations, one row of floats for each token of the batch. A step's weights are
 * *tensors*: names and shapes here, bytes in weights.h. The builder (build.h) emits the unfused list; plan_fuse moves
 * norms into the prologue and biases, rotation, KV writes, activations and residuals into the epilogue of the linear
 * step next to them. Both lists give the same bits on one backend. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/error.h"
#include "base/memory.h"
#include "formats/format.h"

/*   name        reads           writes        meaning, one token at a time */
#define STEPS(X)                                                                                                            \
    X(embed,     "token",        "out",        "out = scale * row of the table")                                            \
    X(norm,      "in [add]",     "out",        "out = [add +] weight * in / sqrt(mean(in^2) + eps)")                        \
    X(linear,    "in",           "out[1-3]",   "out[i] = weight[i] * norm(in), then the epilogue")                          \
    X(bias,      "in",           "out",        "out = in + bias")                                                           \
    X(head_norm, "in",           "out",        "each head of in: as norm, one weight for all heads")                        \
    X(rope,      "in, position", "out",        "rotate pairs of each head by position * frequency")                         \
    X(kv_write,  "k v position", "KV cache",   "cache[layer][position] = f16(k), f16(v)")                                   \
    X(attention, "q, KV cache",  "out",        "softmax(scale * q k) v over the positions of its sequence, per head")        \
    X(glu,       "gate up",      "out",        "out = activation(gate) * up")                                               \
    X(add,       "in add",       "out",        "out = add + in")                                                            \
    X(scale,     "in",           "out",        "out = scale * in")                                                          \
    X(soft_cap,  "in",           "out",        "out = cap * tanh(in / cap)")                                                \
    X(gather,    "in",           "out",        "keep the rows of tokens whose logits are wanted")

typedef enum {
#define STEP_ENUM(name, ...) STEP_##name,
    STEPS(STEP_ENUM)
#undef STEP_ENUM
    STEP_COUNT
} step_kind;

typedef int16_t value_id;       /* index into plan.value; NONE: absent */
typedef int16_t tensor_id;      /* index into plan.tensor; NONE: absent */
enum { NONE = -1, PLAN_MAX_WEIGHTS = 3 };

typedef enum { GLU_NONE, GLU_SILU, GLU_GELU } glu_kind;     /* GELU by its tanh form, as Gemma trains with */

/* How pairs of a head are rotated. Pair i of n_rotated / 2: angle = position * frequency[i] (plan/rotary.h). */
typedef struct {
    bool      halves;           /* true: pairs (i, i + n_rotated/2) ("neox"); false: pairs (2i, 2i + 1) ("norm") */
    uint32_t  head_size;        /* values of a head */
    uint32_t  n_rotated;        /* the first n_rotated of them are rotated; even */
    float     base;             /* frequency[i] = base^(-2i / n_rotated) / factor[i] * linear_scale */
    float     linear_scale;     /* 1 / the linear scaling factor; 1 without */
    tensor_id factors;          /* [n_rotated / 2] divisors of the frequencies (rope_freqs.weight), or NONE */
} rope_config;

/* One step. Fields that a kind does not use are zero, ids NONE. */
typedef struct {
    step_kind kind;
    int16_t   layer;                            /* NONE outside layers */
    bool      outputs_only;                     /* its rows are those that gather kept, not all tokens of the batch */

    value_id  in[2];                            /* linear: in[0]; glu: gate, up; kv_write: k, v; attention: q */
    value_id  out[PLAN_MAX_WEIGHTS];
    value_id  add;                              /* residual that is added to the result (norm, linear, add) */

    uint8_t   n_weights;                        /* linear: weights that share the input; others: 1 or 0 */
    tensor_id weight[PLAN_MAX_WEIGHTS];         /* linear: matrices; norm, head_norm: the weight vector; embed: the table */
    tensor_id bias[PLAN_MAX_WEIGHTS];           /* linear's epilogue, and the bias step's bias[0] */

    tensor_id norm;                             /* linear's prologue: weight of an RMSNorm of in, or NONE */
    float     eps;                              /* of norm, head_norm and the prologue */

    /* linear's epilogue for q k v, in this order after the biases: */
    tensor_id q_norm, k_norm;                   /* head norms, or NONE */
    float     head_eps;
    bool      rotates;                          /* q and k are rotated by plan.rope[rope] */
    bool      writes_kv;                        /* out[0] is q; k and v go to the KV cache only, out[1] and out[2] are NONE */
    glu_kind  glu;                              /* of the glu step; linear: out[0] = activation(y0) * y1, out[1] is NONE */

    uint8_t   rope;                             /* index into plan.rope: rope, fused linear */
    uint16_t  kv_layer;                         /* layer of the KV cache: kv_write, attention, fused linear */
    uint32_t  head_size;                        /* head_norm */
    uint32_t  n_heads;                          /* attention: of q; a KV head serves n_heads / plan.kv.n_heads of them */
    uint32_t  window;                           /* attention: positions p - window < i <= p are seen; 0: all */
    float     scale;                            /* embed, scale; attention: of q k */
    float     cap;                              /* soft_cap: cap; attention: scores are capped first; 0: none */
} step;

typedef struct { char name[16]; uint32_t width; bool outputs_only; } plan_value;

/* A tensor that a step uses: rows [first_row, first_row + rows) of the file's tensor `name`, which has file_rows rows. */
typedef struct {
    char     name[64];
    uint32_t n;                 /* values in a row: what the file calls dimension 0 */
    uint32_t rows;              /* 1 for a vector */
    uint32_t first_row, file_rows;
    bool     is_vector;         /* f32 in every file: norms, biases, factors */
    bool     optional;          /* the builder asked whether the file has it, and it has */
} plan_tensor;

/* The KV cache that the plan needs: [n_layers] times k and v of n_heads * head_size values a position, each as bf16,
 * f16, f32 or q8_0: whoever opens the model sets the types. */
typedef struct { uint32_t n_layers, n_heads, k_size, v_size; format_id k_type, v_type; } kv_shape;

/* Bytes that one position takes in all heads of one layer. */
size_t kv_position_bytes(const kv_shape *kv);

typedef struct {
    char         architecture[32];
    uint32_t     n_layers, n_vocab, n_context_trained, width;
    kv_shape     kv;
    plan_value  *value;    size_t n_values;
    plan_tensor *tensor;   size_t n_tensors;
    rope_config *rope;     size_t n_ropes;
    step        *step;     size_t n_steps;
    value_id     logits;        /* the value that the last step writes; width n_vocab */
    arena        memory;        /* owns all of the above */
} plan;

void plan_free(plan *p);

/* What plan_fuse may do. Each level includes the one before it. */
typedef enum { FUSE_NONE, FUSE_GLU, FUSE_NORM, FUSE_ALL } fuse_level;
int  fuse_level_parse(const char *text, fuse_level *out, error *err);      /* "none", "glu", "norm", "all" */

/* Rewrites p's steps in place:
 *   FUSE_GLU   gate and up become one linear, the activation its epilogue
 *   FUSE_NORM  q k v become one linear; a norm that only linears read becomes their prologue
 *   FUSE_ALL   biases, head norms, rotation and KV writes become the epilogue of q k v; a residual that of o and down,
 *              or of the norm behind them
 * Values that nothing reads any more stay declared with width 0. */
int plan_fuse(plan *p, fuse_level level, error *err);

/* Checks that every id is in range, every width matches its tensors, every value is written before it is read, and that the
 * kinds' preconditions hold; RIDGE_E_INTERNAL names the step. Builders and passes end with it, backends rely on it. */
int plan_check(const plan *p, error *err);

/* A line a step: `12 blk.1  linear(norm; q k v; bias rope kv)  x -> q`. */
void plan_print(const plan *p, FILE *out);
/* "linear(norm; q k v; bias rope kv)": what a step does, without its place; text is always terminated. */
void plan_step_text(const plan *p, const step *s, char *text, size_t n);
