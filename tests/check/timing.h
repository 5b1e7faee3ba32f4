/* Timing kernels: what each reaches, beside what the machine allows at the same moment. The --bench half of the check of kernels:
 *
 *   test_check_kernels --bench [t=THREADS] [ahead=PREFETCH_BYTES] [step=PREFETCH_STEP] [seconds=S] [cpu] [WORD ...]
 *
 * ahead, step: of one and two tokens (as the backend starts with on this machine). seconds: of each sample (0.02). cpu: count the threads' processor time, on a machine that others are using. Other words choose what is timed:
 * instruction sets, formats, forms of activations (x=int8, x=int24, x=bf16, x=f32), and parts: one, few, many (tokens), pack, rows, attention.
 *
 * Kernel and ceilings take turns. The share is of the time that the ceilings allow: the larger of bytes / rate of the memory and
 * operations / peak of the arithmetic. Weights, pages and rows that are packed come from memory, all else from the first-level cache, whose rate
 * is that of the kernel `add`: two loads and a store. */
#pragma once
#include "data.h"
#include "cpu/tuning.h"
#include "perf/probes.h"

typedef struct {
    int     threads;
    double  seconds;
    bool    processor_time;
    cpu_tuning tuning;
    int     n_words;
    char  **words;
    /* Memory larger than the caches, a part for each thread. As 16-bit values all are f16 from 2^-24 to 2^-7, so any format can be read from it. */
    char   *data;
    size_t  part_bytes;
    int     read_pattern;           /* READ_... */
} timing;

/* This thread's part. */
static inline char *timing_part(const timing *t, uint32_t rank) { return t->data + rank * t->part_bytes; }

/* "int8" and so on. */
extern const char *const timing_forms[ACTIVATION_COUNT];

/* What the words ask for: everything of a list that none of them names something of. */
bool timing_wants_part(const timing *t, const char *part);
bool timing_wants_format(const timing *t, format_id id);
bool timing_wants_form(const timing *t, activation_kind kind);
bool timing_wants_isa(const timing *t, const cpu_kernels *k);           /* and this processor has it */

/* What the bytes of a kernel come from. */
typedef enum { FROM_MEMORY, FROM_MEMORY_TO_MEMORY, FROM_CACHE } timing_source;

/* A kernel, and what one call of `step` does. */
typedef struct {
    const char        *kernel, *format, *form;      /* "matmul", "q8_0", "int8"; "" where there is no such thing */
    const cpu_kernels *k;
    size_t             tokens, columns;             /* 0: no such thing */
    timing_source      source;
    double             bytes, operations;           /* operations 0: not counted */
    activation_kind    kind;                        /* whose arithmetic the operations are */
    double           (*step)(void *user, uint32_t rank);    /* does a bit of work; returns its amount in these bytes and operations, usually 1 */
    void              *user;
} timed_kernel;

/* Times it and prints its line. */
void timing_print_head(void);
void timing_print(const timing *t, const timed_kernel *kernel);

/* All of a kind. */
void time_matmuls(const timing *t);
void time_packing(const timing *t);
void time_rows(const timing *t);
void time_attention(const timing *t);
