/* Time: monotonic, for measuring. */
#pragma once
#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline double clock_seconds(void) { return (double)clock_ns() * 1e-9; }

/* When this process began, on clock_seconds: for the first line of main, behind which only the loader of libraries has run. */
static inline double clock_process_began(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return clock_seconds() - (double)used.tv_sec - (double)used.tv_nsec * 1e-9;
}
