/* Importance matrices: for the inputs of each matrix of a model, the mean square of what they were while the model read some text. Reads
 * what llama-imatrix writes: GGUF files of general.type "imatrix", and the older .dat files; writes the former. For quantising. */
#pragma once
#include "model/gguf.h"

typedef struct {
    gguf_string name;               /* of the tensor */
    float      *mean_square;        /* [n]: an input each; of stacked matrices (experts), those of one after those of another */
    uint64_t    n;
} imatrix_entry;

typedef struct imatrix imatrix;

/* RIDGE_E_BAD_FILE: no such file of either kind, or it ends early, or a value is negative or not finite. */
int  imatrix_open(imatrix **out, const char *path, error *err);
void imatrix_close(imatrix *m);

/* The entry of a tensor, or NULL. */
const imatrix_entry *imatrix_find(const imatrix *m, gguf_string tensor);
size_t      imatrix_n_entries(const imatrix *m);
gguf_string imatrix_dataset(const imatrix *m);      /* the name of the text, "" where the file has none */
uint32_t    imatrix_n_chunks(const imatrix *m);     /* of the text, 0 where the file does not say */

/* Sums to write: of squares of the n inputs of a tensor, over `count` tokens. */
typedef struct { const char *name; const double *sum; uint32_t n; } imatrix_sums;
typedef struct {
    const imatrix_sums *tensors;    /* [n_tensors], each name once */
    size_t      n_tensors;
    uint64_t    tokens;             /* that were counted, alike for all tensors */
    const char *dataset;
    uint32_t    n_chunks, chunk_tokens;
} imatrix_totals;
/* Fails where imatrix_write could not create its file: to be asked before the work that the sums take. */
int imatrix_check_path(const char *path, error *err);
int imatrix_write(const char *path, const imatrix_totals *t, error *err);
