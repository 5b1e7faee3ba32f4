/* Measuring a ladder: every rung of every model once a round, so that what the machine does meanwhile meets all of them. For ladder.c. */
#pragma once
#include "cli/bench_models.h"
#include "perf/ladder.h"

typedef struct {
    const bench_models *models;
    int    threads, rounds;
    double most_seconds;            /* of one run: a rung that would take longer runs fewer tokens */
    bool   progress;                /* say on stderr what is running */
} ladder_setting;

/* Fills in the ladder's cells (ladder_new). Models are loaded anew for each run: one at a time is in memory, and where memory happens to
 * lie is part of the noise, not of the result. */
int ladder_run(ladder *l, const ladder_setting *setting, error *err);
