/* The builder: what an architecture's description calls, in order, to emit the unfused list of steps.
 *
 * The first failure is kept and makes all later calls do nothing, so that a description needs no checks: it is reported
 * by plan_builder_end. Ids of failed calls are NONE. */
#pragma once
#include "plan/plan.h"

/* Tells the builder whether the file has a tensor of this name (for optional biases, tied heads and the like). */
typedef bool plan_has_tensor(void *user, const char *name);

typedef struct {
    plan            *plan;          /* under construction */
    plan_has_tensor *has_tensor;
    void            *user;
    error            error;         /* of the first failure; code 0 while all is well */
    const char      *refused_key;   /* the metadata key, behind "<architecture>.", whose value that failure is about; NULL: none */
    int16_t          layer;         /* of the steps that follow; NONE outside layers */
    bool             outputs_only;  /* set by plan_add_gather */
    size_t           value_room, tensor_room, rope_room, step_room;
} plan_builder;

int  plan_builder_begin(plan_builder *b, const char *architecture, plan_has_tensor *has, void *user, error *err);
/* Checks the plan and hands it over; after a failure *out is NULL and everything is freed. */
int  plan_builder_end(plan_builder *b, value_id logits, plan **out, error *err);

value_id  plan_add_value(plan_builder *b, const char *name, uint32_t width);       /* the same name gives the same id */
/* A matrix of rows x n, or a vector of n values; names are printf formats. */
tensor_id plan_add_matrix(plan_builder *b, uint32_t rows, uint32_t n, const char *name, ...) __attribute__((format(printf, 4, 5)));
/* Rows [first, first + rows) of the file's matrix of file_rows x n. */
tensor_id plan_add_slice(plan_builder *b, uint32_t first, uint32_t rows, uint32_t file_rows, uint32_t n, const char *name, ...) __attribute__((format(printf, 6, 7)));
tensor_id plan_add_vector(plan_builder *b, uint32_t n, const char *name, ...) __attribute__((format(printf, 3, 4)));
/* As plan_add_vector where the file has the tensor, else NONE. */
tensor_id plan_add_optional_vector(plan_builder *b, uint32_t n, const char *name, ...) __attribute__((format(printf, 3, 4)));
uint8_t   plan_add_rope(plan_builder *b, rope_config rope);                        /* an equal one gives the same index */

void plan_add_embed(plan_builder *b, tensor_id table, float scale, value_id out);
void plan_add_norm(plan_builder *b, value_id in, tensor_id weight, float eps, value_id out);
void plan_add_linear(plan_builder *b, value_id in, tensor_id weight, value_id out);
void plan_add_bias(plan_builder *b, value_id in, tensor_id bias, value_id out);    /* nothing when bias is NONE and in == out */
void plan_add_head_norm(plan_builder *b, value_id in, tensor_id weight, float eps, uint32_t head_size, value_id out);
void plan_add_rotation(plan_builder *b, value_id in, uint8_t rope, value_id out);
void plan_add_kv_write(plan_builder *b, value_id k, value_id v, uint16_t kv_layer);
void plan_add_attention(plan_builder *b, value_id q, uint16_t kv_layer, uint32_t n_heads, float scale, float cap, uint32_t window, value_id out);
void plan_add_glu(plan_builder *b, glu_kind kind, value_id gate, value_id up, value_id out);
void plan_add_residual(plan_builder *b, value_id in, value_id add, value_id out);
void plan_add_scale(plan_builder *b, value_id in, float scale, value_id out);
void plan_add_soft_cap(plan_builder *b, value_id in, float cap, value_id out);
void plan_add_gather(plan_builder *b, value_id in, value_id out);                  /* steps behind it are outputs_only */
