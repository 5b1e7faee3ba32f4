/* The search of `ridge tune`: knobs are turned one at a time, each candidate measured in turn with the value so far, and kept only where it is
 * faster beyond noise. What is measured is the caller's: a model, or a test's fake.
 *
 * A candidate is compared in rounds of pairs until it is clear that it wins, or that it cannot win by the threshold; the best of those that won
 * must win again over new pairs alone, since the best of many draws is often luck. The threshold is 1 % of the time of the matrices that a knob
 * is about, as far as their share of the bytes is one of the time. */
#pragma once
#include <stdbool.h>
#include "perf/compare.h"

enum { TUNE_CANDIDATES_MOST = 8 };

struct tune_coordinate;
struct tune_trial;

typedef struct {
    void             *user;
    const ridge_knob *knob;         /* [n_knobs]; borrowed. starting at default_value; `value` follows `set`. Those of one name have the same candidates */
    size_t            n_knobs;
    bool              prompts_count;        /* what is faster at decoding must not be slower at prompts */
    double            budget_seconds;
    double            sample_seconds[RIDGE_KNOB_PROMPT + 1];        /* about what a sample of each use takes: no round begins that would be too long */
    int  (*set)(void *user, size_t knob, uint32_t value, error *err);
    int  (*measure)(void *user, ridge_knob_use use, double *seconds, error *err);       /* one sample */
    double (*spent_seconds)(void *user);                                                /* of the budget, so far */
    /* Hears of each candidate that is decided (where there is no time left, of the first); may be NULL. */
    void (*progress)(void *user, const struct tune_coordinate *c, const struct tune_trial *t);
} tune_subject;

typedef enum { TUNE_KEPT, TUNE_SLOWER, TUNE_SAME, TUNE_UNCONFIRMED, TUNE_HARMFUL, TUNE_BEATEN, TUNE_UNTRIED } tune_verdict;
/* "kept", "slower", "no difference", "not confirmed", ... */
const char *tune_verdict_name(tune_verdict v);

/* A candidate beside the value so far. */
typedef struct tune_trial {
    uint32_t     value;
    comparison   speed;             /* over the value so far; ratio 1 where it was not tried */
    int          pairs;
    tune_verdict verdict;
} tune_trial;

/* What is turned at once: one knob, or all of one name that have the same default. */
typedef struct tune_coordinate {
    const char    *name;            /* "columns" */
    char           of[80];          /* "q8_0 4864x896"; "all matrices"; "all matrices with 8" where others have another default */
    ridge_knob_use use;
    size_t         knob;            /* the index; of several: the first */
    bool           together;
    double         share;           /* of the weights' bytes */
    uint32_t       before, after;
    comparison     gain;            /* of after over before, by the pairs that confirmed it; ratio 1 where nothing was kept */
    tune_trial     trial[TUNE_CANDIDATES_MOST];
    size_t         n_trials;
} tune_coordinate;

typedef struct {
    tune_coordinate *coordinate;    /* in the order of the search */
    size_t           n;
    bool             changed;       /* a knob is not what it was */
    bool             taken_back;    /* all together was slower: every knob is what it was */
    comparison       decode, prompt;        /* of all choices together over what was before; ratio 1 where nothing changed */
} tune_result;

/* Searches, and leaves the knobs at what was chosen. Free *r in any case. */
int  tune_search(const tune_subject *s, tune_result *r, error *err);
void tune_result_free(tune_result *r);
