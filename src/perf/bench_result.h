/* The result of one benchmark: what was run, every sample, what it could have been. A superset of llama-bench's fields, so that
 * its users' scripts read it; every field always has a value.
 *
 * The limit of a run is computed by the roofline: for each batch the larger of bytes / read rate and operations / peak rate, with the
 * rates probed beside that repetition; the share is that time over the time it took. */
#pragma once
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include "perf/pairing.h"
#include "perf/statistics.h"

enum { BENCH_REPETITIONS_MOST = 1000, BENCH_STEPS_MOST = 48 };

/* What all steps of one text moved, computed and took, waits included, in one run that was profiled. */
typedef struct { const char *name; double bytes, operations, seconds; } bench_step;

typedef struct {
    /* What was run. Texts are borrowed. */
    const char *version;                        /* of the library, "0.1.0" */
    const char *model_file, *model_type;        /* "qwen2 494M Q8_0" */
    uint64_t    model_bytes, model_parameters;
    const char *backend;                        /* "cpu: avx512, 2 threads" */
    const char *isa, *fuse, *arithmetic, *peak; /* "avx512", "all", "int8", "int8 by avx512" */
    const char *type_k, *type_v;        /* of the KV cache: "bf16", ... */
    bool        precise, packed, tuned;         /* tuned: by a record of `ridge tune` */
    int         threads, batch, micro_batch;
    int         n_prompt, n_gen, n_depth;
    double      load_seconds;
    char        time[24];                       /* when it started: "2026-01-31T23:59:59Z" */

    /* What it had to do. */
    double      bytes, operations;              /* of one repetition */

    /* What was measured; index: repetition. */
    int         n;
    double      seconds[BENCH_REPETITIONS_MOST];
    double      limit_seconds[BENCH_REPETITIONS_MOST];      /* by the roofline */
    int         n_steps;                        /* 0: not profiled */
    bench_step  step[BENCH_STEPS_MOST];
    double      read[BENCH_REPETITIONS_MOST], peak_rate[BENCH_REPETITIONS_MOST];    /* of the probes beside it: GB/s, Gop/s */
} bench_result;

/* What follows from the samples. */
typedef struct {
    double       tokens;                    /* n_prompt + n_gen */
    double       per_second[BENCH_REPETITIONS_MOST];
    double       mean, sd, least, median, most;             /* tokens/s */
    interval     range;                     /* 95 % of the median */
    double       gb_per_s, gop_per_s;       /* at the median time */
    bool         memory_bound;              /* what binds most of it */
    double       ceiling;                   /* of what binds: median GB/s or Gop/s */
    paired_ratio share;                     /* limit over time */
} bench_summary;
void bench_summarise(const bench_result *r, bench_summary *s);

/* What the KV cache keeps where nobody asks for a type: by the arithmetic that is computed in. */
const char *bench_usual_cache(const char *arithmetic, bool precise);

/* "pp512", "tg128", "pp512+tg128", "tg128 @ d4096". */
void bench_test_name(const bench_result *r, char *text, size_t room);

/* All fields, as the JSON formats have them: a new reference, NULL without memory. */
json_t *bench_result_json(const bench_result *r);

/* A value between quotes, which are doubled inside it: as csv and sql want it. */
void bench_put_quoted(FILE *out, const char *value, char quote);

/* How results are written. begin, then row for each, then end. */
typedef struct {
    const char *name;                       /* "md" */
    void (*begin)(FILE *out);
    void (*row)(FILE *out, const bench_result *r, size_t index);
    void (*end)(FILE *out);
} bench_printer;
/* NULL for an unknown name. */
const bench_printer *bench_printer_find(const char *name);
#define BENCH_PRINTERS "md csv json jsonl sql"
