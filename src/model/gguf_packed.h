/* Packed files: GGUF files in which matrices are the CPU backend's panels (docs/packed-file.md). The keys ridge.pack.* say which
 * tensor of the original file each matrix is and where its panels lie. Internal to gguf.c, which reads such files, and to the packer. */
#pragma once
#include "model/gguf_parse.h"
#include "model/gguf_write.h"

enum { PACKED_VERSION = 3 };

/* Tensors that hold panels are called so, and behind it the name of the first matrix in them. */
#define PACKED_STREAM_PREFIX "ridge.panels."

/* The arrays of u32 with an element for each matrix: a field of packed_matrix, and the key behind "ridge.pack.". */
#define PACKED_NUMBERS(X)                                                                               \
    X(type,        "types")         /* of the original tensor, as ggml numbers it */                    \
    X(columns,     "columns")       /* and its shape */                                                 \
    X(tensor_rows, "tensor_rows")                                                                       \
    X(first_row,   "first_rows")    /* the matrix is a slice of it, */                                  \
    X(rows,        "rows")          /* mostly all of it */                                              \
    X(panel_type,  "panel_types")   /* of the panels: `type`, or bf16's number */                       \
    X(matrices,    "matrices")      /* that take turns in the stream: 1 or 2 */                         \
    X(place,       "places")        /* of this one among them: 0 or 1 */

/* A matrix of the original: all rows of a tensor, or those that the plan takes as one. */
typedef struct {
    gguf_string name;               /* of the original tensor; slices of one tensor follow each other */
    gguf_string stream;             /* of the tensor that holds the panels */
#define PACKED_FIELD(field, key) uint32_t field;
    PACKED_NUMBERS(PACKED_FIELD)
#undef PACKED_FIELD
} packed_matrix;

/* Writes the keys. section_k: formats/layout.h. */
void gguf_packed_write(gguf_header *h, uint32_t section_k, const packed_matrix *matrix, size_t n);

/* The tensors of the original file: first those that are panels here, then those that have rows as they had. Owned by whoever asked. */
typedef struct {
    uint32_t     version;           /* 0: no packed file, and nothing else is set */
    gguf_tensor *tensors;
    size_t       n_tensors;
    gguf_panels *panels;
} gguf_packed;

/* Reads the keys of `file` and checks them against its tensors [n], of all parts, and their names. On failure *out is empty.
 * RIDGE_E_UNSUPPORTED: another version, or panels of a format that Ridge does not have. */
int gguf_packed_read(gguf_packed *out, const gguf_file *file, const gguf_tensor *tensors, size_t n, const gguf_names *names, error *err);
