/* What `ridge bench` does with results besides printing them: recording, and comparing with earlier ones or with another program. */
#pragma once
#include <stdio.h>
#include "base/buffer.h"
#include "perf/compare.h"
#include "perf/history.h"

typedef struct {
    /* From the command line. NULL: not asked for. */
    const char *record;             /* a file, or "default" */
    const char *compare;            /* a file of results, a program, or a commit in the user's own history */
    const char *binary;             /* another program */
    const char *recorded;           /* take these results instead of running */
    float       threshold;          /* percent */

    /* While it runs. */
    buffer      record_path, reference_path;
    const char *commit;             /* only this one counts; NULL: any */
    history     before, now;
} bench_history;

/* Sorts out what `compare` means (a program becomes `binary`) and reads what it needs, before anything is run or recorded. */
int bench_history_begin(bench_history *h, error *err);

/* Records a result and keeps it for the comparison, as far as either is asked for. */
int bench_history_result(bench_history *h, const bench_result *r, error *err);

/* Compares what is asked for and prints a table. *slower: a test is significantly slower, and by more than the threshold.
 * RIDGE_E_NOT_FOUND where nothing can be compared. */
int bench_history_end(bench_history *h, FILE *out, bool *slower, error *err);

/* Compares with h->binary instead: both programs run `ridge bench` with the arguments of argv less what concerns this file, in turn,
 * `rounds` times each, and the samples are compared in pairs. */
int bench_history_race(bench_history *h, int argc, char **argv, int rounds, bool progress, FILE *out, bool *slower, error *err);

void bench_history_free(bench_history *h);

/* The table, for both kinds of comparison: as bench prints its own. */
typedef struct {
    const history_entry *test;
    const char          *commit, *by, *verdict;     /* of before; what the ratio is of; "slower" */
    double               before, now;               /* tokens/s, medians */
    const comparison    *c;                         /* NULL: there was nothing to compare with */
} bench_comparison;
void bench_comparison_head(FILE *out);
void bench_comparison_row(FILE *out, const bench_comparison *row);
/* The sentence below it. */
void bench_comparison_end(FILE *out, int slower, int compared, float threshold);
