/* The flags of sampling, with llama.cpp's names. */
#pragma once
#include "cli/flags.h"

/* Biases as they were given; the options borrow them. Free with bias_list_free. */
typedef struct { ridge_token_bias *items; size_t n, room; } bias_list;
void bias_list_free(bias_list *list);

/* For a flag's .parse: "15043+1", "15043-0.5", "15043-inf"; store is a bias_list. */
int parse_bias(void *store, const char *value, error *err);

#define SAMPLING_FLAGS(o, biases)                                                                                                       \
    { "-s --seed",            "N",  "seed of the random numbers; -1: another one each time",                                          \
      .wide = &(o).seed, .least = -1, .most = 9007199254740992.0 },                                                                     \
    { "--temp --temperature", "T",  "temperature; 0: always the most likely token (default: 0.8)",                                    \
      .real = &(o).temperature, .least = 0, .most = 1e6 },                                                                              \
    { "--top-k",              "K",  "choose from the K best; 0: off (default: 40)", .number = &(o).top_k },                             \
    { "--top-p",              "P",  "choose from the best that sum to P; 1: off (default: 0.95)", .real = &(o).top_p },                 \
    { "--min-p",              "P",  "drop what is less likely than P times the best; 0: off\n(default: 0.05)", .real = &(o).min_p },    \
    { "--typical --typical-p", "P", "locally typical sampling; 1: off", .real = &(o).typical_p },                                       \
    { "--top-nsigma --top-n-sigma", "N", "logits within N standard deviations of the best; -1: off", .real = &(o).top_n_sigma },        \
    { "--dynatemp-range",     "R",  "temperature +- R by the entropy; 0: off", .real = &(o).dynamic_range },                            \
    { "--dynatemp-exp",       "E",  "and its exponent (default: 1)", .real = &(o).dynamic_exponent },                                   \
    { "--repeat-last-n",      "N",  "penalties look at the last N tokens; 0: off, -1: all\n(default: 64)", .number = &(o).penalty_tokens }, \
    { "--repeat-penalty",     "X",  "penalty of repeated tokens; 1: off", .real = &(o).repeat_penalty },                                \
    { "--presence-penalty",   "X",  "penalty of tokens that occurred; 0: off", .real = &(o).presence_penalty },                         \
    { "--frequency-penalty",  "X",  "penalty for each occurrence; 0: off", .real = &(o).frequency_penalty },                            \
    { "-l --logit-bias",      "ID(+/-)BIAS", "add BIAS to a token's logit; may be repeated; 15043-inf forbids",                         \
      .parse = parse_bias, .store = &(biases) }
