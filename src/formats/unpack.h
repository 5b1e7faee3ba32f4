/* Rows out of panels: for whoever has panels and no rows, as in a packed file (docs/packed-file.md). */
#pragma once
#include "formats/format.h"

/* The values of row r (0 to 15) of a panel of format f, y [n]: the floats that dequantize gave of the row that was packed, bit for bit. */
void format_panel_row(const format *f, float *y, const void *panel, size_t r, size_t n);
