/* The bytes of a plan's tensors: what the model loader found, what backends pack or read. */
#pragma once
#include "base/files.h"
#include "formats/layout.h"
#include "plan/plan.h"

/* A matrix as panels of 16 rows (formats/format.h), from a packed file: what the CPU backend would otherwise make of its rows. */
typedef struct {
    panel_layout layout;                /* its format: the tensor's, or bf16 where that holds every value of a dense one */
    const void  *data;                  /* the start of the layout, 64-byte aligned; NULL: there are rows instead */
} weight_panels;

/* One tensor of the plan. Borrowed from the mapped file, for as long as the model lives. */
typedef struct {
    const format      *format;
    const void        *data;            /* rows, row_bytes apart, in file order; NULL: there are panels instead */
    size_t             row_bytes;       /* of a row in `format` */
    uint32_t           rows, n;         /* as plan_tensor says */
    const mapped_file *file;            /* where they lie: pages of rows can be dropped once they are packed; NULL: in memory */
    weight_panels      panels;
} weight;

/* weight[i] belongs to plan.tensor[i]. */
typedef struct { const weight *weight; size_t n; } weights;

/* The values of row i of a matrix: y [w->n], the same bits whether the file has rows or panels. */
static inline void weight_row(const weight *w, size_t i, float *y) {
    if (w->data) w->format->dequantize(y, (const char *)w->data + i * w->row_bytes, w->n);
    else panel_layout_row(&w->panels.layout, y, w->panels.data, i);
}
