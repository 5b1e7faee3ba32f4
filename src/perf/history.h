/* History: results of benchmarks kept as JSON lines, one test each, only ever appended. `ridge bench --record` writes them,
 * `ridge bench --compare` and `ridge report` read them.
 *
 * A line is what `ridge bench -o jsonl` prints, plus "schema", "ceilings" (the machine's stored ones) and "machine_info". Optional:
 *     "rung"     text: the entry is one rung of the ladder, called so; "rung_flags" are what it was run with
 *     "profile"  [{"name", "bytes", "operations", "seconds"}]: what each kind of step of the plan did
 * Fields that are not known are left alone; a line that cannot be used is skipped with an event. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "perf/bench_result.h"
#include "perf/compare.h"

enum {
    HISTORY_SCHEMA       = 1,
    HISTORY_MOST_BYTES   = 256 << 20,   /* of a file that is read */
    HISTORY_LINE_BYTES   = 4 << 20,     /* of a line */
    HISTORY_MOST_ENTRIES = 100000,
    HISTORY_MOST_STEPS   = 200,         /* of a profile */
    HISTORY_MOST_TEXT    = 500,         /* bytes of a text; longer ones are cut */
};

/* One line. Texts belong to the history and are never NULL; numbers that the line lacks are 0. */
typedef struct {
    const char *commit, *time;              /* "1a2b3c4d5", "2026-01-31T23:59:59Z" */
    const char *machine, *cpu;              /* the fingerprint, the processor's name */
    const char *model, *file;               /* "qwen2 494M Q8_0"; the last part of the path */
    const char *isa, *fuse, *arithmetic, *bound_by, *peak_of, *type_k, *type_v, *rung, *rung_flags;
    bool        precise, packed, tuned;                 /* by a record of `ridge tune` */
    int         threads, micro_batch, n_prompt, n_gen, n_depth;
    double      speed, speed_low, speed_high;           /* tokens/s: the median and its 95 % interval */
    double      share, share_low, share_high;           /* of the ceiling; 0: not known */
    double      read, peak;                             /* GB/s, Gop/s: the ceilings beside it */
    double      bytes, operations;                      /* of a token */
    size_t      n;                                      /* samples */
    double     *per_second, *shares;                    /* [n]: tokens/s; share of the ceiling, NULL where not recorded */
    size_t      n_steps;
    bench_step *steps;
} history_entry;

typedef struct {
    history_entry *entry;                   /* in the file's order: the latest last */
    size_t         n, room;
    arena          memory;
} history;                                  /* starts zeroed */

/* The line for a result: a new reference, NULL without memory. */
json_t *history_line(const bench_result *r);

/* Appends a line to the file, which is made, with its folders, where it is not there. One write, so that several processes may append to one
 * file; "schema" is added to the line. */
int history_append(const char *path, json_t *line, error *err);

/* Reads the file's entries, behind those that h holds. RIDGE_E_NOT_FOUND; RIDGE_E_BAD_FILE where no line can be used. */
int history_load(history *h, const char *path, error *err);

/* The same of one line. RIDGE_E_BAD_FILE says what is wrong with it. */
int history_add(history *h, json_t *line, error *err);
void history_free(history *h);

/* Appends the path of the user's own history to *out. */
int history_default_path(buffer *out, error *err);

/* True where the same was measured in the same way on the same machine, whatever the commit. Rungs are their own thing. */
bool history_same_test(const history_entry *a, const history_entry *b);

/* Compares two results of the same test: by their shares of the ceiling where both know them, so that a machine that drifts is no loss, else by
 * their tokens/s; *by says which. Where the ceilings themselves are a fifth apart the verdict is COMPARE_UNLIKE: work that takes the processors
 * away costs a program more than it costs the probes, so that shares fall although nothing got worse. Both have samples. */
int history_compare(comparison *out, const history_entry *now, const history_entry *before, double threshold, const char **by, error *err);

/* "pp512", "tg128 @ d16". */
void history_test_name(const history_entry *e, char *text, size_t room);
