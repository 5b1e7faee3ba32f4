/* See terminal.h. */
#include "cli/terminal.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_is(FILE *f) { return isatty(fileno(f)); }

static bool wants_colour(FILE *f) {
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    return terminal_is(f) && !(none && *none) && term && *term && strcmp(term, "dumb");
}

const char *terminal_dim(FILE *f) { return wants_colour(f) ? "\033[2m" : ""; }
const char *terminal_plain(FILE *f) { return wants_colour(f) ? "\033[0m" : ""; }
