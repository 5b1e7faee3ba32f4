/* Reading and copying in plain C: what any machine can run. It has no arithmetic peak: compilers vectorise such loops as they like. */
#include <string.h>
#include "perf/peaks.h"

static uint64_t plain_read(const void *from, size_t bytes) {
    const unsigned char *p = from;
    uint64_t sum[8] = {0};
    for (size_t at = 0; at < bytes; at += 64) {
        uint64_t v[8];
        __builtin_prefetch(p + at + STREAM_AHEAD_BYTES, 0, 3);
        memcpy(v, p + at, sizeof v);
        for (int i = 0; i < 8; i++) sum[i] ^= v[i];
    }
    return sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
}

static void plain_copy(void *to, const void *from, size_t bytes) { memcpy(to, from, bytes); }

const peak_loops peak_loops_plain = { .isa = "scalar", .needs = "", .read = { [READ_one] = plain_read }, .copy = plain_copy };
