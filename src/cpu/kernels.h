/* The kernels of the CPU backend: one typed table per ISA, chosen at start-up by what the processor has.
 *
 * Every kernel is written once (*.inc, in the words of words_*.h) and compiled once per ISA by kernels_<isa>.c; the results have
 * the same bits on all of them (docs/arithmetic.md). Whoever calls them works on panels (formats/format.h) and on activations
 * that were prepared in one of the forms below. A thread calls kernels_enter_thread() before its first kernel. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "cpu/attend.h"
#include "cpu/rows.h"
#include "formats/format.h"

/* The forms of the activations of a linear step. Which one a weight wants follows from its format's arithmetic and --precise. */
typedef enum {
    ACTIVATION_INT8,        /* quantised weights: activation8 [units] */
    ACTIVATION_INT24,       /* quantised weights, --precise: activation24 [units] */
    ACTIVATION_BF16,        /* panels of bf16 pairs: see bf16_pairs below */
    ACTIVATION_F32,         /* any dense panel: float [n rounded up to UNIT] */
    ACTIVATION_COUNT,
} activation_kind;

/* One unit of 32 activations: x[k] ~ d * q[k]. One cache line holds all that a kernel wants of it.
 * bias and dsum: [0] of the whole unit, [1] and [2] of its halves of 16, which formats with units of 16 use. */
typedef struct {
    int8_t  q[UNIT];
    float   d;
    int32_t bias[3];        /* -128 * sum of q: what an offset of 128 in the codes adds to a dot; smaller offsets shift it */
    float   dsum[3];        /* d * sum of q, rounded once */
    uint32_t unused;
} activation8;
_Static_assert(sizeof(activation8) == 64, "a cache line");

/* The same with 24 bits in three planes: x[k] ~ d * v[k], v[k] = 256 * h[k] + lo[k], h[k] = 256 * hi[k] + mid[k], |v| <= INT24_MOST.
 * Kernels sum h and lo apart, so each has biases: [0] of the whole unit, [1] of its first half; there is no room for the second's, which is
 * the difference. dsum: as above, of v. */
enum { INT24_MOST = 8355710 };
typedef struct {
    int8_t  hi[UNIT], mid[UNIT], lo[UNIT];
    float   d;
    int32_t bias_h[2], bias_lo[2];
    float   dsum[3];
} activation24;
_Static_assert(sizeof(activation24) == 128, "two cache lines");

/* Tokens of prepared activations: token t is at data + t * token_bytes (64-byte aligned). Values from n to the next multiple
 * of UNIT are zero. A sub-range of tokens is the same struct with data moved. */
typedef struct {
    const void *data;
    size_t token_bytes;
    size_t n;               /* values of a token */
} activations;

/* y[t * ldy + 16 * p + r] = row r of panel p times x[t], for all panels and tokens; 16 * panels floats of each token are written.
 * Long rows take a call for each of their sections (formats/layout.h). */
typedef struct {
    const void *w;          /* the first panel */
    size_t panels;
    size_t panel_stride;    /* bytes from one panel to the next: panel_bytes(n), or more where matrices take turns */
    const activations *x;
    size_t tokens;
    float *y;
    size_t ldy;             /* floats from one token's y to the next */
    bool   goes_on;         /* quantised weights: sums go on from what y has, as if the panels of the call before were the beginning of these */
    size_t columns;         /* panels worked on side by side while there is one token: 1, 2, 4 or 8; more than most_columns: that many */
    size_t prefetch_bytes;  /* how far ahead of its use a weight is asked for, all panels side by side together; may point past the end */
    size_t prefetch_step;   /* bytes from one line that is asked for to the next: 64, or more for one line of four */
} matmul_args;
typedef void matmul_fn(const matmul_args *a);

/* Packs 16 rows into a panel: format.pack, faster, the same bytes. */
typedef void pack_fn(void *panel, const void *rows, size_t row_bytes, size_t n_rows, size_t n);

typedef struct {
    const char *name;                   /* "avx512": what --isa says */
    const char *needs;                  /* the processor features it wants, for people */
    bool (*supported)(void);            /* by this processor and operating system */
    bool bf16_pairs;                    /* ACTIVATION_BF16 is uint16_t [n] (bf16); otherwise float [n], rounded to bf16. Padded as all. */

    /* By panel and form of the activations; NULL where the pair has no arithmetic. A dense tensor that bf16 holds exactly is packed
     * as FORMAT_bf16, whatever its file's format. */
    matmul_fn *matmul[FORMAT_COUNT][ACTIVATION_COUNT];

    /* matmul_args.columns that the kernel of the pair makes a difference of; 0 where there is no kernel. */
    uint8_t most_columns[FORMAT_COUNT][ACTIVATION_COUNT];

    pack_fn *pack[FORMAT_COUNT];            /* never NULL */
    pack_fn *pack_as_bf16[FORMAT_COUNT];    /* as format_pack_as_bf16: of the dense formats */

    row_kernels    rows;
    attend_kernels attend;
} cpu_kernels;

/* Every table of this build, best first; scalar, which runs everywhere, is last. */
extern const cpu_kernels *const kernels_all[];
extern const size_t kernels_all_n;

/* The table that is best on this machine; or the one called `name`, RIDGE_E_BAD_ARGUMENT naming those there are
 * where it is unknown, RIDGE_E_UNSUPPORTED where the processor lacks it. name NULL or "best": the best, never fails. */
int kernels_choose(const cpu_kernels **chosen, const char *name, error *err);

/* Bytes of one token's activations of a kind. */
size_t kernels_activation_bytes(const cpu_kernels *k, activation_kind kind, size_t n);

/* Sets the floating-point mode that the arithmetic is defined in: subnormal operands and results are zero, round to nearest.
 * Per thread; returns the mode before, for kernels_leave_thread where the thread is not ours. */
uint32_t kernels_enter_thread(void);
void     kernels_leave_thread(uint32_t mode);
