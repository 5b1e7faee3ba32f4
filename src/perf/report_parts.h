/* Parts of the report's page that are files of their own: see report_html.c. */
#pragma once
#include "perf/history.h"

/* One test over time: entries of the history, the latest last. */
typedef struct {
    const history_entry *const *entry;
    size_t n;
} report_series;

/* The latest entry. */
static inline const history_entry *report_latest(const report_series *s) { return s->entry[s->n - 1]; }

/* -1 where entry i is significantly slower than the one before it, 1 where it is faster, else 0. *ratio: how fast it is beside that one, 0 for the first. */
int report_change(const report_series *s, size_t i, int *change, double *ratio, error *err);

/* Roofline charts of the latest results, one for each model, machine, number of threads and kind of arithmetic. Nothing where no ceilings are known. */
void report_rooflines(buffer *b, const report_series *series, size_t n);

/* The ladder: the rungs of the latest commit that has any, as bars. Nothing where there are none. */
void report_ladder(buffer *b, const history *h);

extern const char report_style[];      /* the style sheet, less chart_colours */
