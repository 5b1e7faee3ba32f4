/* Measuring a ladder: every rung of every model once a round, so that what the machine does meanwhile meets all of them. For ladder.c. */
#pragma once
#include "cli/bench_models.h"
#include "perf/ladder.h"

typedef struct {
    const bench_models *models;
    int    threads, rounds;         /* threads 0: the library's choice */
    double most_seconds;            /* of one run: a rung that would take longer runs fewer tokens */
    bool   progress;                /* say on stderr what is running */
} ladder_setting;

/* Fills in the ladder's cells (ladder_new); without a record of `ridge tune` (EVENT_tuning_missing) it takes the tuned rung off. Models are loaded anew for each run: one at a time is in memory, and where memory happens to
 * lie is part of the noise, not of the result. */
int ladder_run(ladder *l, const ladder_setting *setting, error *err);
