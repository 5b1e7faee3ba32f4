/* The loops whose rates are ceilings: reading, copying, and arithmetic that touches no memory. One entry an instruction set.
 *
 * Arithmetic peaks keep at least 16 independent accumulators in registers: with fewer the latency shows, and in an array
 * the compiler may keep them in memory, which reads as less than half the peak. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/machine.h"

/*   name   unit of the loop, as reports explain it */
#define PEAKS(X)                                    \
    X(f32,  "f32 fma")                              \
    X(bf16, "dot of bf16 pairs into f32")           \
    X(int8, "dot of u8 x s8 into s32")

typedef enum {
#define PEAK_ENUM(name, meaning) PEAK_##name,
    PEAKS(PEAK_ENUM)
#undef PEAK_ENUM
    PEAK_COUNT
} peak_kind;

extern const char *const peak_name[PEAK_COUNT];

/* How memory is read: so many streams side by side, each a part of the bytes, asked for so far ahead, into the cache of that level. Which one is
 * fastest depends on the processor: by up to 8 % (docs/performance.md).
 *     name   streams  bytes ahead         level */
#define READ_PATTERNS(X)                        \
    X(one,    1,       STREAM_AHEAD_BYTES, 1)   \
    X(four,   4,       1024,               2)   \
    X(eight,  8,       512,                1)

enum {
#define READ_ENUM(name, streams, ahead, level) READ_##name,
    READ_PATTERNS(READ_ENUM)
#undef READ_ENUM
    READ_COUNT,
    READ_GRAIN = 1024,          /* bytes of a read or copy are a multiple of this, and aligned to 64 */
    STREAM_AHEAD_BYTES = 4096,  /* how far ahead one stream is asked for */
};

typedef struct {
    const char *isa;            /* as --isa calls it */
    const char *needs;          /* machine features, separated by spaces */
    /* Each reads `bytes` once; the result depends on every one of them, so that none is left out. All of them or none; plain C: the first alone. */
    uint64_t (*read[READ_COUNT])(const void *from, size_t bytes);
    /* Copies with stores that go around the caches where the set has them. */
    void     (*copy)(void *to, const void *from, size_t bytes);
    /* Does `rounds` rounds and returns the operations of them, a multiplication and an addition being two; NULL: not in this set. */
    double   (*peak[PEAK_COUNT])(uint64_t rounds);
} peak_loops;

/* The entries that machine m can run, best last: *n of them (at least one). */
const peak_loops *const *peaks_of(const machine *m, size_t *n);

/* The best of them that can read and copy. */
const peak_loops *peaks_reader(const machine *m);

/* The loops whose peak of `kind` limits code for `isa` (as --isa calls it; NULL or one without peaks of its own: any) on m; NULL where
 * none has it. A set without a dot of bf16 pairs does that work with f32 fma: its limit is that peak. */
const peak_loops *peaks_limit(const machine *m, peak_kind kind, const char *isa);
