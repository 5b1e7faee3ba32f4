/* The models that `ridge bench` and `ridge ladder` measure: files, names, and random weights in known shapes. */
#pragma once
#include "base/buffer.h"
#include "cli/flags.h"

enum { BENCH_MODELS_MOST = 64, WORD_LIST_MOST = 16, WORD_ROOM = 64 };

/* Words separated by commas. */
typedef struct { char word[WORD_LIST_MOST][WORD_ROOM]; size_t n; } word_list;
/* Replaces *list (a word_list); suits cli/flags.h's `parse`. */
int word_list_parse(void *list, const char *text, error *err);

/* What the flags say, and the paths that follow from it. */
typedef struct {
    const char *otherwise;          /* the model where they say none; NULL: that is a mistake */
    text_list models, repos;
    word_list shapes, types;
    buffer    path[BENCH_MODELS_MOST];
    size_t    n;
} bench_models;

#define BENCH_MODEL_FLAGS(m, default_type)                                                                                              \
    { "-m --model", "MODEL", "a file, a name, user/repo[:quant]; may be repeated", .texts = &(m).models },                              \
    { "-hf -hfr --hf-repo", "USER/REPO[:QUANT]", "the same from Hugging Face; a model that is not here yet is pulled first", .texts = &(m).repos }, \
    { "--shape", "NAMES", "random weights in the shape of a known model: qwen2.5-0.5b, ... (ridge synth --help)",                       \
      .parse = word_list_parse, .store = &(m).shapes },                                                                                 \
    { "--type", "NAMES", "of --shape's weights: q8_0, f16, q4_k, ... (default: " default_type ")", .parse = word_list_parse, .store = &(m).types }

/* Lists the paths: the files of -m and of -hf, and for each shape and type one that is written where it is not there yet. */
int  bench_models_find(bench_models *m, error *err);
void bench_models_free(bench_models *m);
