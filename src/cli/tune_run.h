/* Tuning one model: how many threads, where nobody says, then its knobs. For tune.c. */
#pragma once
#include "cli/tune_model.h"
#include "perf/tune_report.h"

typedef struct {
    tune_model   model;             /* open, with what was chosen */
    tune_result  threads, knobs;
    tune_outcome outcome;           /* borrows from all of this */
    char         name[64], shape[96], backend[128], usual_backend[128];
} tune_run;

/* Says on stderr what it tries. Nothing is recorded. Free *r in any case. */
int  tune_run_search(tune_run *r, const tune_loading *how, double budget_seconds, error *err);
void tune_run_free(tune_run *r);
