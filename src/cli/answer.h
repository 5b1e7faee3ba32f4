/* Asking a session for an answer and printing it while it comes: what one-shot runs and the chat share. */
#pragma once
#include "base/buffer.h"
#include "cli/flags.h"
#include "cli/sampling_flags.h"
#include "cli/summary.h"

/* How to generate; flags of `ridge run` and /set of the chat change it. */
typedef struct {
    ridge_sampler_options sampling;
    bias_list biases;
    text_list stops;
    int  max_tokens;                /* -1: no limit */
    bool ignore_end, special;
    bool stream;                    /* print while it comes */
    bool timings;                   /* and a line about its speed, on stderr */
    bool chat;                      /* Ctrl-C never ends more than the answer */
} answer_settings;

typedef struct {
    buffer           text;
    ridge_tokens     tokens;
    ridge_generation g;
} answer;

/* Continues the prompt. Ctrl-C ends it; a->g.end tells. On failure what has come so far is in *a. */
int  answer_ask(answer *a, ridge_session *s, ridge_sampler *sampler, const ridge_tokens *prompt, const answer_settings *settings, error *err);
void answer_free(answer *a);

/* Puts "; <hint>" behind the sentence that err holds. */
void answer_hint(error *err, const char *hint);
