/* The ladder: what each step of optimising brought, replayed on this machine in one interleaved run. A rung is a choice that the user can
 * make with flags; nothing but these flags differs from one rung to the next. `ridge ladder` measures (cli/ladder_run.h), this says what
 * follows from the samples and writes it. */
#pragma once
#include "base/buffer.h"
#include "perf/bench_result.h"

typedef struct {
    const char *name, *adds;        /* "fused SwiGLU"; what it changes beside the rung below, as a sentence's part */
    const char *isa, *fuse;         /* as --isa and --fuse; NULL: that of the ladder, the default */
    bool        pack, tuned;
} ladder_rung;

/* All rungs, from the lowest; only the highest is tuned. */
const ladder_rung *ladder_rungs(size_t *n);

/* What one rung did with one model in one test; sample i of the result is from round i. */
typedef struct {
    bench_result result;
    char         isa[32], backend[96], model[64], peak[48];     /* what the result's texts point to */
} ladder_cell;

typedef struct { bool decodes; int tokens; } ladder_test;       /* tokens: of the fastest rungs; a slow one measures fewer */

enum { LADDER_TESTS_MOST = 2 };

typedef struct {
    const char  *isa;               /* of the rungs above the scalar one, as --isa; NULL: the best. Borrowed */
    buffer       repeat;            /* "ridge bench --shape qwen2.5-0.5b --type f16,q8_0": what a rung's flags are added to */
    ladder_test  test[LADDER_TESTS_MOST];
    size_t       n_tests, n_rungs, n_models;        /* n_rungs: the lowest of all */
    ladder_cell *cells;             /* [n_tests][n_rungs][n_models], owned */
} ladder;

/* Makes room for the cells, zeroed. */
int  ladder_new(ladder *l, error *err);
void ladder_free(ladder *l);
ladder_cell *ladder_at(const ladder *l, size_t test, size_t rung, size_t model);

/* The flags of a rung, "--isa scalar --no-pack --fuse none --untuned"; "" for the defaults. */
enum { LADDER_FLAGS_ROOM = 128 };
void ladder_flags(const ladder *l, size_t rung, char text[LADDER_FLAGS_ROOM]);
/* "tg64", "pp512". */
void ladder_test_name(const ladder_test *t, char *text, size_t room);

/* How much faster `above` is than `below`: the median of the ratios of their tokens/s in the same round, and its 95 % interval. */
paired_ratio ladder_gain(const bench_result *above, const bench_result *below);

/* What there is to say of a cell. The lowest rung has no gains: they are 0. */
typedef struct {
    const ladder_rung  *rung;
    const bench_result *result;
    char                test[24], flags[LADDER_FLAGS_ROOM];
    bench_summary       s;
    paired_ratio        below, first;       /* gain over the rung below, over the lowest */
} ladder_row;
void ladder_row_make(ladder_row *row, const ladder *l, size_t test, size_t rung, size_t model);

/* How a ladder is written. */
typedef void ladder_printer(const ladder *l, FILE *out);
ladder_printer *ladder_printer_find(const char *name);      /* NULL for an unknown name */
#define LADDER_PRINTERS "md csv json"

/* The line of a history (perf/history.h) for a cell: a new reference, NULL without memory. */
json_t *ladder_history_line(const ladder *l, size_t test, size_t rung, size_t model);

/* Appends the chart as an SVG file of its own, good in light and dark. */
void ladder_svg(buffer *out, const ladder *l);
