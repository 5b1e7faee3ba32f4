/* What may be chosen for the CPU backend's speed: its knobs, their candidates, what they are where no record of `ridge tune` says otherwise.
 * No choice changes a bit of the results. */
#pragma once
#include "backend.h"

enum {
    TUNING_MOST_CHUNK_FLOATS = 262144,      /* of all candidates: what working memory is made for */
    TUNING_MOST_OWN_ROWS = 8,
};

/* For all matrices of one panel format and shape. */
typedef struct {
    format_id panel;
    uint32_t  rows, n;
    double    bytes;                /* of all their panels */
    uint32_t  most_columns;         /* that the kernel takes */
    uint32_t  columns;              /* panels that a thread works on side by side while decoding: 1, 2, 4 or 8 */
    uint32_t  prefetch_bytes;       /* how far ahead they are asked for, all columns together */
    uint32_t  prefetch_step;        /* bytes from one line asked for to the next: 64 for each, 256 for one of four */
} matrix_tuning;

typedef struct {
    uint32_t       columns, prefetch_bytes, prefetch_step;      /* what matrices start with */
    bool           columns_fixed;               /* by RIDGE_GEMV_COLS */
    uint32_t       section_k;                   /* of panels that are packed here (formats/layout.h): no knob, for it says where they lie */
    uint32_t       next_step_bytes;             /* of the next linear step's panels, asked for before a barrier */
    uint32_t       few_prefetch_bytes;          /* how far ahead panels are asked for by a few tokens, but more than two */
    uint32_t       own_rows;                    /* up to so many rows each thread prepares activations itself instead of waiting for the others */
    uint32_t       chunk_floats;                /* most results that one call of a kernel leaves, before the epilogue */
    uint32_t       group_panels;                /* panels in a call that kernels for many tokens work best with */
    uint32_t       most_panels;                 /* panels in a call at most */
    matrix_tuning *matrix;
    size_t         n_matrices;
    ridge_knob    *knob;
    uint32_t     **place;                       /* [n_knobs]: where each one's value is read */
    size_t         n_knobs;
} cpu_tuning;

/* RIDGE_E_BAD_ARGUMENT where RIDGE_GEMV_COLS is none of 1, 2, 4 and 8. */
int tuning_defaults(cpu_tuning *t, error *err);

/* When the panels are laid out: finds the groups of matrices and lists the knobs. Memory: the backend's. */
int tuning_bind(backend *b, error *err);
