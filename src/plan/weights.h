/* The bytes of a plan's tensors: what the model loader found, what backends pack or read. */
#pragma once
#include "base/files.h"
#include "formats/format.h"
#include "plan/plan.h"

/* One tensor of the plan. Borrowed from the mapped file, for as long as the model lives. */
typedef struct {
    const format      *format;
    const void        *data;            /* rows, row_bytes apart, in file order */
    size_t             row_bytes;
    uint32_t           rows, n;         /* as plan_tensor says */
    const mapped_file *file;            /* where data lies, so that its pages can be dropped once it is packed; NULL: in memory */
} weight;

/* weight[i] belongs to plan.tensor[i]. */
typedef struct { const weight *weight; size_t n; } weights;
