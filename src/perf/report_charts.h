/* The charts of the report: how a test went over time, and a roofline. They append SVG to a buffer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/buffer.h"

/* One result: the value with its interval, and whether it is significantly below (-1) or above (1) the one before it. */
typedef struct { double value, low, high; int change; const char *commit, *time; } chart_point;

/* Values over commits, the latest at the right. class: the colour. name and unit: "tokens per second", "tok/s". Values > 0; n >= 1. */
void chart_values(buffer *b, const chart_point *points, size_t n, const char *class, const char *name, const char *unit);

/* A step or a test on the roofline: operations per byte, Gop/s; both > 0. Drawn as its number, from 1, in one of two colours. */
typedef struct { const char *name; double intensity, gop_per_s; bool second; } roofline_point;

enum { ROOFLINE_POINTS_MOST = 40 };

/* Log-log, below the roof of `read` GB/s and `peak` Gop/s; both > 0. peak_of: "int8 by avx512". Marks that would hide each other move apart. */
void chart_roofline(buffer *b, const roofline_point *points, size_t n, double read, double peak, const char *peak_of);
