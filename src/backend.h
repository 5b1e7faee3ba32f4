/* What a backend provides. The engine binds a plan and its weights to one backend and then only runs batches. */
#pragma once
#include "plan/batch.h"
#include "plan/weights.h"

typedef struct backend backend;

typedef struct {
    uint32_t    n_threads;      /* 0: as many as the machine and its limits allow */
    const char *isa;            /* NULL: the best that this CPU has; a name forces that one */
    bool        precise;        /* 24-bit activations for quantised weights, f32 for dense ones; the plan says what K and V are kept in */
    bool        no_pack;        /* keep weights in file order and pack each panel just before use */
    uint32_t    max_tokens;     /* most tokens in a batch */
    uint32_t    max_outputs;    /* most rows of logits in a batch */
    uint32_t    n_pages;        /* of the KV cache */
} backend_options;

/* When one thread worked on one step, on clock_ns(): from start to done; then it waited for the others until `left`. */
typedef struct { uint64_t start, done, left; } step_time;

/* Each returns 0, or a negative code with *err filled in. */
typedef struct {
    const char *name;
    int  (*open)(backend **b, const backend_options *o, error *err);
    int  (*bind)(backend *b, const plan *p, const weights *w, error *err);      /* borrows both; checks everything; once */
    /* logits: [batch_outputs(in)][n_vocab]. largest: [batch_outputs(in)][logit_blocks(n_vocab)], each block's largest logit (NaN counts as
     * minus infinity); may be NULL. */
    int  (*run)(backend *b, const batch *in, float *logits, float *largest, error *err);
    void (*close)(backend *b);                                                  /* NULL is fine */
    const char *(*describe)(const backend *b);                                  /* "avx512, 2 threads": for reports; owned by b */
    uint32_t (*n_threads)(const backend *b);
    /* From the next run on, each run overwrites times [n_threads][n_steps of the plan]; NULL: no more. Costs about 0.1 us a step.
     * NULL where a backend cannot. */
    void (*time_steps)(backend *b, step_time *times);
    /* What may be chosen for speed, once a plan is bound; [*n], owned by b. A knob of the whole model is `of` "". NULL where there is nothing. */
    const ridge_knob *(*knobs)(const backend *b, size_t *n);
    /* From the next run on, knob i has this value, one of its candidates: same bits. */
    void (*set_knob)(backend *b, size_t i, uint32_t value);
} backend_api;
