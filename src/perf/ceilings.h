/* Ceilings: the limits of this machine as measured, kept as JSON under the user's cache directory by the machine's fingerprint.
 *
 * For `ridge ceilings`, for the one-line summary of `ridge run`, for reports. Bench pairs with fresh probes instead. */
#pragma once
#include <jansson.h>
#include <stdio.h>
#include "perf/probes.h"

/*   name      unit of a row's values */
#define CEILINGS(X)         \
    X(read,    "GB/s")      \
    X(copy,    "GB/s")      \
    X(cache,   "GB/s")      \
    X(peak,    "Gop/s")     \
    X(barrier, "ns")

typedef enum {
#define CEILING_ENUM(name, unit) CEILING_##name,
    CEILINGS(CEILING_ENUM)
#undef CEILING_ENUM
    CEILING_COUNT
} ceiling_kind;

typedef struct {
    ceiling_kind  kind;
    char          what[24];         /* "L2"; "avx512 int8"; "" for the others */
    int           threads;
    size_t        bytes;            /* read, copy, cache: of memory, over all threads; others: 0 */
    probe_samples samples;
} ceiling;

enum { CEILINGS_MOST = 200 };

typedef struct {
    ceiling row[CEILINGS_MOST];
    size_t  n;
    bool    complete;               /* all of them; otherwise only what ceilings_read_bandwidth has measured so far */
    char    measured[24];           /* when: "2026-01-31T23:59:59Z" */
} ceilings;

/* Measures everything in less than 15 s. progress, which may be NULL, hears what comes next. */
typedef void ceilings_progress(void *user, const char *what);
int ceilings_measure(ceilings *out, ceilings_progress *progress, void *user, error *err);

/* RIDGE_E_NOT_FOUND where this machine has none stored. */
int ceilings_load(ceilings *out, error *err);
int ceilings_store(const ceilings *c, error *err);

/* The row, or NULL. */
const ceiling *ceilings_find(const ceilings *c, ceiling_kind kind, const char *what, int threads);

/* False where the samples differ so much that something else used the machine meanwhile: good enough for now, not for keeping. */
bool ceiling_is_steady(const ceiling *row);

/* The read bandwidth of `threads` threads in GB/s: the stored one where it was steady, or one measured now in less than 0.4 s, and stored where it was steady.
 * More threads than there are processors count as one for each core. Failures are told as EVENT_bandwidth_unmeasured, too. */
int ceilings_read_bandwidth(int threads, double *gb_per_s, error *err);

/* A table for people; the same as JSON (a new reference, NULL without memory). */
void    ceilings_print(const ceilings *c, FILE *out);
json_t *ceilings_json(const ceilings *c);
