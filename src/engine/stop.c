/* See stop.h. */
#define _GNU_SOURCE
#include "engine/stop.h"
#include <string.h>

/* The length of the longest end of text [n] that a stop text begins with. */
static size_t unfinished(const stop_filter *stop, const char *text, size_t n) {
    size_t longest = 0;
    for (size_t i = 0; i < stop->n; i++) {
        const size_t size = strlen(stop->texts[i]);
        for (size_t length = size && size - 1 < n ? size - 1 : n; size && length > longest; length--)
            if (!memcmp(text + n - length, stop->texts[i], length)) longest = length;
    }
    return longest;
}

bool stop_push(stop_filter *stop, const char *text, size_t n, buffer *out) {
    buffer_append(&stop->held, text, n);
    const char *first = NULL, *held = buffer_text(&stop->held);
    for (size_t i = 0; i < stop->n; i++) {
        const size_t size = strlen(stop->texts[i]);
        const char *here = size ? memmem(held, stop->held.n, stop->texts[i], size) : NULL;
        if (here && (!first || here < first)) first = here;
    }
    const size_t final = first ? (size_t)(first - held) : stop->held.n - unfinished(stop, held, stop->held.n);
    buffer_append(out, held, final);
    if (first) {
        buffer_clear(&stop->held);
        return true;
    }
    stop->held.n -= final;
    if (stop->held.n) memmove(stop->held.data, stop->held.data + final, stop->held.n + 1);
    return false;
}

void stop_flush(stop_filter *stop, buffer *out) {
    buffer_append(out, buffer_text(&stop->held), stop->held.n);
    buffer_clear(&stop->held);
}

void stop_free(stop_filter *stop) { buffer_free(&stop->held); }
