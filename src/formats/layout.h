/* Where the panels of a matrix lie, in memory and in a packed file (docs/packed-file.md).
 *
 * Rows of quantised weights are cut along k into sections of about equal size, section_k values at most. The first sections of all panels
 * follow each other, then all second ones, and so on. A kernel works through a section of all its panels before the next one: the
 * activations that belong to it stay in the first-level cache while weights stream through, however long rows are. Dense weights, which
 * stream more bytes for each activation, are not cut. */
#pragma once
#include "formats/format.h"

enum { SECTION_MULTIPLE = 256, PANEL_ALIGNMENT = 64 };

typedef struct {
    const format *format;           /* of the panels */
    uint32_t n;                     /* values of a row, a multiple of the format's block */
    uint32_t section_k;             /* of a section at most, a multiple of SECTION_MULTIPLE */
    uint32_t panels;                /* of each matrix */
    uint32_t matrices, place;       /* so many matrices take turns, panel by panel (gate, up, gate, up ...); this one's place among them */
} panel_layout;

/* Values [k, k + n) of all rows. Offsets in bytes, all multiples of PANEL_ALIGNMENT. */
typedef struct {
    size_t k, n;
    size_t offset;                  /* from the start of the layout to this matrix's first panel */
    size_t bytes;                   /* of a panel, rounded up */
    size_t stride;                  /* from one panel of this matrix to the next */
} panel_section;

size_t        panel_sections(const panel_layout *l);
panel_section panel_section_at(const panel_layout *l, size_t i);

/* Bytes of a panel, all sections together, and of the whole layout with all its matrices. */
size_t panel_layout_panel_bytes(const panel_layout *l);
size_t panel_layout_bytes(const panel_layout *l);

/* The values of row i of the matrix, y [l->n]; data: the start of the layout. */
void panel_layout_row(const panel_layout *l, float *y, const void *data, size_t i);
