/* NumPy's .npy files, version 1.0: what `ridge logits` writes (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
#pragma once
#include <stdio.h>

/* The header of an array of little-endian f32 in C order, shape [rows][columns]; the values follow. 0, or -1 where out failed. */
int npy_write_header(FILE *out, size_t rows, size_t columns);
