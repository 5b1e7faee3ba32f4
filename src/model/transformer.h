/* What the descriptions of dense decoder-only transformers have in common: names of values and tensors as GGUF spells them, and
 * the paragraphs that a layer is made of. A description is the order of these paragraphs and what is special about its family.
 *
 * In the last layer, behind attention, only the rows of tokens whose logits are wanted go on: from there on the values are others,
 * which the paragraphs know. */
#pragma once
#include "model/architecture.h"

typedef struct {
    plan_builder          *b;
    const hyperparameters *h;
    uint32_t layer;
    value_id x;                 /* the residual stream, [width] */
    value_id y;                 /* a norm's result, [width]; then the result of o or down */
    value_id q, k, v;           /* [heads * size] */
    value_id a;                 /* attention's result, [n_heads * value_size] */
    value_id gate, up;          /* [n_ff] */
    tensor_id table;            /* token_embd.weight */
} transformer;

/* Multipliers and caps that the metadata name (embedding_scale, residual_scale, attention.scale, logit_scale and the two soft caps) are
 * applied by the paragraphs, whatever the family. */

/* Sets the plan's shape, and emits the embedding of tokens times `scale`. */
transformer transformer_begin(plan_builder *b, const hyperparameters *h, float scale);
void transformer_layer(transformer *t, uint32_t layer);                     /* what follows belongs to this layer */

/* Tensors of the layer by the last part of their name: "attn_norm.weight". */
tensor_id transformer_vector(transformer *t, uint32_t n, const char *name);
tensor_id transformer_optional_vector(transformer *t, uint32_t n, const char *name);
tensor_id transformer_matrix(transformer *t, uint32_t rows, uint32_t n, const char *name);

void transformer_norm(transformer *t, value_id in, const char *name, value_id out);         /* RMSNorm over the whole width */
void transformer_qkv(transformer *t, value_id in);          /* in -> q k v, with biases where the file has them */
void transformer_head_norms(transformer *t);                /* of q and k: attn_q_norm, attn_k_norm */
void transformer_rotate(transformer *t, uint8_t rope);      /* q and k */
/* KV write and attention: q k v -> a. In the last layer only wanted rows of a and x go on. scale: of the scores, unless the metadata
 * have one. window: 0 for all positions. */
void transformer_attend(transformer *t, float scale, uint32_t window);
void transformer_output(transformer *t);                    /* a -> y: the matrix o */
void transformer_mlp(transformer *t, glu_kind kind, value_id in);           /* in -> y: gate, up, activation, down */
void transformer_residual(transformer *t);                  /* x = x + y; y may be scaled on the way */
/* The last norm and the head (the embedding's table where the file has no output.weight); returns the logits. */
value_id transformer_head(transformer *t);

/* Families that are Llama but for a few lines have these larger paragraphs. The layer begins, x -> norm -> q k v: */
void transformer_begin_layer(transformer *t, uint32_t layer);
/* and, when q and k are as the family wants them, ends: attention, o, residual; norm, MLP with SiLU, residual. window: 0 for all positions. */
void transformer_end_layer(transformer *t, uint32_t window);
/* A whole model of such layers, without a window, that rotates q and k of every layer: neighbours, or halves of a head. */
value_id transformer_describe(plan_builder *b, const hyperparameters *h, bool halves);

/* The rotary embedding that the metadata describe; base: h->rope_base or another one. Refuses scalings that it does not compute. */
rope_config transformer_rope(const transformer *t, bool halves, float base);
/* Refuses the model for the value of a key of its architecture that the file has ("rope.scaling.type"), unless something failed before. The sentence goes on
 * behind the key's name: "it is ...". */
void transformer_refuse(const transformer *t, const char *key, const char *sentence, ...) __attribute__((format(printf, 3, 4)));
/* An event for a sliding window that this architecture is not known to have. */
void transformer_expects_no_window(const transformer *t);
