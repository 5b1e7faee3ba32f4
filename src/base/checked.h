/* Arithmetic on sizes that come from files: each returns false, and leaves *out alone, where the result does not fit. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool checked_add(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t r;
    if (__builtin_add_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

static inline bool checked_mul(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t r;
    if (__builtin_mul_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

/* The next multiple of `unit`, which is a power of two. */
static inline bool checked_round_up(uint64_t a, uint64_t unit, uint64_t *out) {
    uint64_t r;
    if (!checked_add(a, unit - 1, &r)) return false;
    *out = r & ~(unit - 1);
    return true;
}
