/* What `ridge tune` found, as a table and as JSON. tune_record.h keeps it. */
#pragma once
#include <jansson.h>
#include <stdio.h>
#include "perf/tune_search.h"

/* One model, tuned. Texts are borrowed. */
typedef struct {
    const char        *model, *file, *shape;        /* "qwen2 494M Q8_0"; the path; as ridge_model_info has it */
    const char        *backend;                     /* that was tuned: "cpu: avx512, 2 threads" */
    const char        *usual_backend;               /* where nobody says how many threads */
    const tune_result *threads;                     /* NULL: they were given */
    const tune_result *knobs;
    const ridge_knob  *knob;                        /* [n_knobs], with the values that were chosen */
    size_t             n_knobs;
    int                decode_tokens, prompt_tokens;        /* of the tests */
    double             seconds, budget_seconds;
    double             processor_share;             /* as crew_share, the smaller of before and after */
    char               date[24];                    /* "2026-01-31T23:59:59Z" */
} tune_outcome;

void    tune_outcome_print(const tune_outcome *o, FILE *out);
/* A new reference; NULL without memory. */
json_t *tune_outcome_json(const tune_outcome *o);

/* "+3.1 % [+2.8, +3.4]", "no difference". */
void    tune_gain_text(const comparison *c, char *text, size_t room);

/* What the record keeps of the choice of a knob, or of threads: a new reference; NULL without memory. */
json_t *tune_choice_json(const tune_outcome *o, size_t knob);
json_t *tune_threads_json(const tune_outcome *o);
/* And of the run as a whole. */
json_t *tune_run_json(const tune_outcome *o);
