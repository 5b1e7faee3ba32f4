/* A model whose knobs are turned: what `ridge tune` measures, and the proof that its logits stay the same. */
#pragma once
#include <ridge/ridge.h>
#include "base/error.h"

enum { TUNE_DECODE_TOKENS = 64 };

/* How a model is opened: without any record. Texts are borrowed. */
typedef struct {
    const char *path, *isa;             /* isa NULL: the best */
    int         threads;                /* 0: the library's choice */
    bool        precise;
} tune_loading;

typedef struct {
    ridge_model   *model;
    ridge_session *session;
    int32_t       *ids;                 /* the token at each position, whatever the test */
    int            prompt_tokens;       /* of the test with a prompt: 512, or what the model was trained for */
    int            decode_steps;        /* of one sample: enough to be timed */
    double         sample_seconds[RIDGE_KNOB_PROMPT + 1];       /* what a sample of each use took first */
} tune_model;

/* *m is zeroed first; close it also after a failure. */
int  tune_model_open(tune_model *m, const tune_loading *how, error *err);
void tune_model_close(tune_model *m);

/* One sample of a batch of one token, behind at most TUNE_DECODE_TOKENS others; of batches of 8, 4, 2 and 1; of a prompt. */
int  tune_model_measure(tune_model *m, ridge_knob_use use, double *seconds, error *err);

/* Runs a prompt, a few tokens and single ones with the knobs as they are and with all at their defaults, and compares the logits' bytes.
 * RIDGE_E_INTERNAL where they differ. The knobs are as before. */
int  tune_model_same_bits(tune_model *m, error *err);
