/* Sizes of our own making, far from overflowing; checked.h has those of files. */
#pragma once
#include <stddef.h>

/* The least multiple of `unit` that is n or more. */
static inline size_t round_up_size(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }
