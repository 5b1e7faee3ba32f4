/* The flags of every command that opens a model, and the way from them to the model. Names are llama.cpp's where it has the flag. */
#pragma once
#include "cli/flags.h"

typedef struct {
    const char *model, *repo;       /* one of them; both NULL: the default model */
    const char *isa, *fuse, *cache_type_k, *cache_type_v;
    int  threads, context, chunk;   /* 0: the library's choice */
    bool reference, precise, pack, tuned;
} model_arguments;

#define MODEL_ARGUMENTS_DEFAULT { .pack = true, .tuned = true }

#define MODEL_FLAG(a) \
    { "-m --model", "MODEL", "a GGUF file, a name that `ridge list` shows, or user/repo[:quant]\n(default: smollm2)", .text = &(a).model }, \
    { "-hf -hfr --hf-repo", "USER/REPO[:QUANT]", "the same from Hugging Face; a model that is not here yet is pulled first", .text = &(a).repo }

#define CACHE_TYPES "bf16 f16 f32 q8_0"

/* For the commands that run one. */
#define BACKEND_FLAGS(a)                                                                                                                \
    { "-t --threads",      "N",     "threads (default: as many as there are cores for us)", .number = &(a).threads, .least = 1, .most = 4096 }, \
    { "-c --ctx-size",     "N",     "most tokens of a conversation (default: what the model was\ntrained for, at most 4096)",           \
      .number = &(a).context, .least = 1, .most = 1 << 24 },                                                                            \
    { "-b --batch-size",   "N",     "tokens of a prompt that are processed at once (default: 512)",                                     \
      .number = &(a).chunk, .least = 1, .most = 1 << 20 },                                                                              \
    { "--isa",             "NAME",  "instructions to use: scalar, avx2, ..., best (default: best)", .text = &(a).isa },                   \
    { "--fuse",            "LEVEL", "how far steps of the plan are fused (default: all)", .text = &(a).fuse, .choices = "none glu norm all" }, \
    { "--precise",         NULL,    "24-bit activations for quantised weights, f32 for dense ones", .on = &(a).precise },               \
    { "-ctk --cache-type-k", "TYPE", "what K of past tokens is kept as (default: bf16, or f16 for weights that compute in f32;\nwith --precise f32)", .text = &(a).cache_type_k, .choices = CACHE_TYPES }, \
    { "-ctv --cache-type-v", "TYPE", "the same of V", .text = &(a).cache_type_v, .choices = CACHE_TYPES },                              \
    { "--no-pack",         NULL,    "pack weights just before each use: the same bits, slower", .off = &(a).pack },                     \
    { "--untuned",         NULL,    "without what `ridge tune` found on this machine: the same bits", .off = &(a).tuned },              \
    { "--reference",       NULL,    "plain f32, slow: what the backends are tested against", .on = &(a).reference }

/* Finds and opens the model. all_logits: see ridge_model_options. */
int model_arguments_open(ridge_model **out, const model_arguments *a, ridge_load load, bool all_logits, error *err);

/* The instructions that the model's backend uses: "avx512" of "cpu: avx512, 2 threads". */
void model_isa(const ridge_model *m, char *text, size_t room);

/* An event handler that tells nobody. */
void model_events_ignored(void *user, const char *name, const char *text);
