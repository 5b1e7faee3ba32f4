/* Reading in each of READ_PATTERNS, in the vectors of the file that includes this, which defines
 *   vector                 a register
 *   vector_zero()          0
 *   vector_xor(a, b)       a ^ b
 *   vector_line(p)         what depends on all 64 bytes at p, which is aligned to them
 *   vector_fold(a)         what depends on all of a, as uint64_t
 * READ_LOOPS: the loops, for peak_loops.read. */
#pragma once
#include "perf/peaks.h"

/* The loop over streams is unrolled, so that each has a sum in a register. */
static inline __attribute__((always_inline)) uint64_t read_streams(const char *p, size_t bytes, size_t streams, size_t ahead, int level) {
    enum { SUMS = 8 };
    vector sum[SUMS];
    const size_t part = bytes / streams, lines = SUMS / streams;
    for (int i = 0; i < SUMS; i++) sum[i] = vector_zero();
    for (const char *end = p + part; p < end; p += 64 * lines) {
#pragma GCC unroll 8
        for (size_t i = 0; i < SUMS; i++) {
            const char *line = p + i / lines * part + i % lines * 64;
            if (level == 1) _mm_prefetch(line + ahead, _MM_HINT_T0);
            else            _mm_prefetch(line + ahead, _MM_HINT_T1);
            sum[i] = vector_xor(sum[i], vector_line(line));
        }
    }
    for (int i = 1; i < SUMS; i++) sum[0] = vector_xor(sum[0], sum[i]);
    return vector_fold(sum[0]);
}

#define READ(name, streams, ahead, level) static uint64_t read_##name(const void *from, size_t bytes) { return read_streams(from, bytes, streams, ahead, level); }
READ_PATTERNS(READ)
#undef READ

#define READ_LOOP(name, streams, ahead, level) [READ_##name] = read_##name,
#define READ_LOOPS { READ_PATTERNS(READ_LOOP) }
