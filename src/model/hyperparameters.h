/* The numbers of a model's metadata that its plan depends on, read once and checked: what stands here neither overflows nor divides by 0. */
#pragma once
#include "model/gguf.h"

typedef enum { ROPE_SCALING_NONE, ROPE_SCALING_LINEAR, ROPE_SCALING_LONGROPE } rope_scaling;

/* Keys below are those behind "<architecture>.". */
typedef struct {
    char     architecture[32];          /* general.architecture */
    uint32_t n_layers;                  /* block_count: 1 .. 1000 */
    uint32_t n_context;                 /* context_length: 1 .. 2^24 */
    uint32_t width;                     /* embedding_length: 1 .. 2^20 */
    uint32_t n_ff;                      /* feed_forward_length: 1 .. 2^22 */
    uint32_t n_heads, n_kv_heads;       /* attention.head_count, .head_count_kv: 1 .. 1024; the second divides the first */
    uint32_t key_size, value_size;      /* attention.key_length, .value_length, width / n_heads without: 1 .. 2048 */
    uint32_t n_vocab;                   /* rows of token_embd.weight: 1 .. 2^24 */
    float    eps;                       /* attention.layer_norm_rms_epsilon */

    uint32_t n_rotated;                 /* rope.dimension_count, key_size without: even, at most key_size */
    float    rope_base;                 /* rope.freq_base, 10000 without */
    float    rope_base_window;          /* rope.freq_base_swa: of layers with a window; 10000 without */
    rope_scaling scaling;               /* rope.scaling.type */
    float    scaling_factor;            /* rope.scaling.factor, in old files rope.scale_linear; 1 without */
    float    scaling_attention;         /* rope.scaling.attn_factor; 1 without */
    uint32_t original_context;          /* rope.scaling.original_context_length; n_context without */

    uint32_t window;                    /* attention.sliding_window; 0 without */
    uint32_t window_pattern;            /* attention.sliding_window_pattern: every so manieth layer has none; 0 without */
    float    attention_cap, final_cap;  /* attn_logit_softcapping, final_logit_softcapping; 0 without */
    float    embedding_scale, residual_scale, logit_scale;      /* 1 without */
    float    attention_scale;           /* attention.scale; 0 without */
} hyperparameters;

/* Clears *h and reads the architecture only, so that an unknown one is refused for what it is. RIDGE_E_BAD_FILE. */
int hyperparameters_architecture(hyperparameters *h, const gguf *file, error *err);
/* All the rest; keys of the architecture that nothing here asks for are reported as events. RIDGE_E_BAD_FILE or RIDGE_E_UNSUPPORTED
 * name the key and what it holds. */
int hyperparameters_read(hyperparameters *h, const gguf *file, error *err);
