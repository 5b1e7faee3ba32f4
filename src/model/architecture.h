/* Architectures: each is a small description (arch_*.c) that calls the plan's builder. docs/adding-an-architecture.md is the way to a new one. */
#pragma once
#include "model/hyperparameters.h"
#include "plan/build.h"

/* Emits the unfused list and returns the value that holds the logits. Failures go to b->error. */
typedef value_id architecture_describe(plan_builder *b, const hyperparameters *h);

typedef struct {
    const char            *name;        /* general.architecture */
    architecture_describe *describe;
} architecture;

/* RIDGE_E_UNSUPPORTED lists what is supported. */
int architecture_find(const architecture **out, const char *name, error *err);

/* One line an architecture: X(name in the file, description). */
#define ARCHITECTURES(X) \
    X(llama,   llama_describe)   \
    X(qwen2,   qwen2_describe)   \
    X(qwen3,   qwen3_describe)   \
    X(gemma2,  gemma2_describe)  \
    X(gemma3,  gemma3_describe)  \
    X(phi3,    phi3_describe)    \
    X(olmo2,   olmo2_describe)   \
    X(granite, granite_describe) \
    X(smollm3, smollm3_describe)

#define ARCHITECTURE_DECLARE(name, describe) architecture_describe describe;
ARCHITECTURES(ARCHITECTURE_DECLARE)
#undef ARCHITECTURE_DECLARE
