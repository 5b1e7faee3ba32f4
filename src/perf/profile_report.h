/* Reports of profiles: steps that do the same are one line, each with its distance to the limit that binds it, and everything that a
 * token's time goes to sums to 100 %. For `ridge profile`, `ridge why` and `ridge run --profile`.
 *
 * A line's limit is the least time that its bytes and operations allow: the larger of bytes / read bandwidth and operations / peak. */
#pragma once
#include <jansson.h>
#include <stdio.h>
#include "base/buffer.h"
#include "perf/limits.h"

typedef struct {
    const char *text, *kind, *arithmetic;   /* borrowed from the profile; arithmetic of the first step added */
    int         layer;                      /* -1: of several layers, or outside them */
    uint64_t    calls;
    double      work_ns, imbalance_ns, barrier_ns;
    double      bytes, operations;
    double      limit_ns;                   /* 0: nothing that it moves or computes is counted */
    double      memory_ns;                  /* of limit_ns, where memory binds */
} profile_line;

typedef struct {
    profile_line        *line;
    size_t               n, room;
    ridge_profile_totals totals;
    limits               limits;
} profile_report;

/* Adds a phase's rows. by_layer: a line a step; otherwise one for each text. Call it again to put phases together. */
int  profile_report_add(profile_report *r, const limits *l, const ridge_profile_row *rows, size_t n, const ridge_profile_totals *totals, bool by_layer,
                        error *err);
void profile_report_sort(profile_report *r);            /* what takes longest first */
void profile_report_free(profile_report *r);

double profile_line_ns(const profile_line *line);       /* work and waits */
double profile_report_limit_ns(const profile_report *r);        /* the sum over all lines */
/* What the parts sum to, over the time that passed: 1, but for rounding. */
double profile_report_sum(const profile_report *r);

void    profile_report_print(const profile_report *r, FILE *out);
json_t *profile_report_json(const profile_report *r);   /* an object; NULL without memory */

/* Writes spans as Chrome's trace events (the "JSON object format" of its Trace Event Format), which Perfetto opens: complete events, a
 * track a thread, waits beside steps. source is ridge_profile_get_span. */
typedef bool profile_span_source(const ridge_profile *p, size_t i, ridge_profile_span *out);
int profile_trace_write(const char *path, profile_span_source *source, const ridge_profile *p, error *err);
