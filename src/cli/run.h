/* What `ridge run` was asked to do, for its two halves: one answer (run.c) and a chat (chat.c). */
#pragma once
#include "cli/answer.h"
#include "cli/model_flags.h"

typedef struct {
    model_arguments model;
    answer_settings answer;
    const char *prompt, *file, *system;
    bool chat_template;             /* the prompt is a turn of a chat; false: plain text to be continued */
    bool chat;                      /* a conversation was asked for, prompt or not */
    bool escape, json, profile;
    double started;                 /* when the process began, on clock_seconds */
} run_arguments;

/* The chat: reads lines until their end or /bye. Returns 0 or a negative code. */
int chat_run(ridge_model *m, run_arguments *a, error *err);
