/* The panels of a plan's matrices as streams of bytes, in the order of their use: what a packed file holds (docs/packed-file.md).
 * A matrix is a stream of its own, or alternates with another: gate and up, panel by panel, where the CPU backend reads them so. */
#pragma once
#include "cpu/team.h"
#include "plan/weights.h"

enum { PANEL_STREAM_MATRICES = 2 };

typedef struct {
    tensor_id    tensor[PANEL_STREAM_MATRICES];     /* of the plan: layout.matrices of them */
    panel_layout layout;                            /* of the first; its format is bf16 for dense weights that bf16 holds */
} panel_stream;

typedef struct panel_streams panel_streams;

/* Borrows both until panel_streams_free. Every matrix that a linear step of the plan uses is in one stream. n_threads: 0 for one per
 * usable core; they look at dense weights here and are the team below. */
int  panel_streams_new(panel_streams **out, const plan *p, const weights *w, uint32_t n_threads, error *err);
void panel_streams_free(panel_streams *s);

const panel_stream *panel_streams_list(const panel_streams *s, size_t *n);
team               *panel_streams_team(const panel_streams *s);

/* A section of panels [from, to) of each matrix of a stream, as they follow each other in it, with zeros behind what the format needs.
 * out: 64-byte aligned. Any thread. */
void panel_streams_pack(const panel_streams *s, const panel_stream *stream, size_t section, uint32_t from, uint32_t to, uint8_t *out);
