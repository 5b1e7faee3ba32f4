/* Which weight format each tensor of a quantised model gets: the names that llama-quantize has for such files, and its choices.
 * Formats that need an importance matrix are left out. For engine/quantize.c. */
#pragma once
#include "formats/format.h"
#include "model/gguf.h"

typedef enum { MIX_NONE, MIX_SMALL, MIX_MEDIUM, MIX_LARGE } quantize_mix;      /* how many tensors get more bits than the others */

/* A file's type: what most of its matrices are, and how the others differ. */
typedef struct {
    const char  *name;          /* "q4_k_m" */
    const char  *alias;         /* "q4_k", or NULL */
    uint32_t     file_type;     /* general.file_type */
    format_id    format;
    quantize_mix mix;
} quantize_type;

/* By name or alias, in any case of letters. RIDGE_E_BAD_ARGUMENT names the nearest, or all. */
int quantize_type_find(const quantize_type **out, const char *name, error *err);
/* All names, separated by spaces. */
const char *quantize_type_names(void);

/* What the choices depend on; read by quantize_model_read. */
typedef struct {
    uint32_t n_layers, n_experts, heads_per_kv_head;
    bool     is_llama, has_output;          /* a matrix of logits of its own */
    bool     has_importance;                /* an importance matrix is given: the caller says so */
} quantize_model;
quantize_model quantize_model_read(const gguf *g);

/* Whether the tensor is a matrix of weights: others (norms, biases, routers) stay as they are. */
bool quantize_wants(const gguf_tensor *t);
/* The format for a matrix. pure: the type's own for all. */
format_id quantize_choose(const quantize_type *type, const quantize_model *m, bool pure, const gguf_tensor *t);
/* The format itself, or the nearest one whose blocks fit rows of n values. */
format_id quantize_fitting(format_id f, uint64_t n);
