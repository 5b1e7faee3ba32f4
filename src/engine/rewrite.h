/* What writing a model file from another one takes, whatever becomes of its tensors: metadata that are carried over, an output that
 * must not be the input, and the data made piece by piece by all threads. For quantising and packing. */
#pragma once
#include "cpu/team.h"
#include "model/gguf_write.h"

/* RIDGE_E_BAD_ARGUMENT where `output` is one of g's files. */
int rewrite_refuse_input(const gguf *g, const char *output, error *err);

/* A number that the new file has under this key, whatever the old one had. */
typedef struct { const char *key; uint32_t value; } rewrite_number;
/* g's metadata, but the keys of a split model, since the new file is one, and those that begin with `without` (NULL: none). */
void rewrite_metadata(gguf_header *h, const gguf *g, const rewrite_number *ours, size_t n, const char *without);

/* A tensor's work: `n` units (rows, panels, bytes), `piece` of them at a time. */
typedef struct { uint64_t n, piece, first_piece; } rewrite_job;

typedef struct {
    const char  *path;              /* of the output, for sentences */
    rewrite_job *jobs;              /* [n_jobs] n and piece are set */
    size_t       n_jobs;
    size_t       room_bytes;        /* that a thread needs for its pieces: 64-byte aligned */
    uint64_t     all_bytes;         /* the sum of all done_bytes, for progress */
    /* Makes units [from, from + n) of a job and writes them. 0, errno, or -1: the input's values cannot be used. Any thread. */
    int        (*make)(void *user, size_t job, uint64_t from, uint64_t n, void *room, uint64_t *done_bytes);
    void        *user;
    ridge_progress_callback *on_progress;       /* may be NULL; called by the thread that called rewrite_run */
    void        *progress_user;
    size_t       failed_job;        /* set by rewrite_run */
} rewrite_work;

/* Makes all pieces; the first failure ends it. RIDGE_E_NO_MEMORY, RIDGE_E_IO; or RIDGE_E_BAD_FILE where `make` returned -1, in
 * failed_job: that sentence is the caller's to write. */
int rewrite_run(team *t, rewrite_work *w, error *err);
