/* Stop texts: they end a generation, may be spread over several tokens, and are not part of its text. What may be the
 * beginning of one is held back until more is known. */
#pragma once
#include "base/buffer.h"

typedef struct {
    const char *const *texts;       /* [n], borrowed; empty ones stop nothing */
    size_t n;
    buffer held;                    /* the bytes that may still become a stop text */
} stop_filter;

/* Takes n more bytes; what is final is appended to *out. True where a stop text was found: *out ends before it. Check out->failed
 * and stop->held.failed. */
bool stop_push(stop_filter *stop, const char *text, size_t n, buffer *out);
/* The end: what is held back is final. */
void stop_flush(stop_filter *stop, buffer *out);
void stop_free(stop_filter *stop);
