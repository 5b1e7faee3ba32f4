/* How far something long has come, on stderr: a bar that is redrawn on a terminal, otherwise a line now and then. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *label;              /* borrowed until progress_end */
    uint64_t    done_before, total; /* bytes */
    double      started, shown;     /* clock_seconds */
    bool        terminal;
    int         columns;
} progress;

/* done: bytes that were there before, which do not count as speed. */
void progress_begin(progress *p, const char *label, uint64_t done, uint64_t total);
void progress_update(progress *p, uint64_t done);
void progress_end(progress *p, uint64_t done);

/* "98.4 MB": decimal units, as file managers and the Hub show them. room: at least 16 bytes. */
const char *progress_size(char *text, int room, double bytes);
