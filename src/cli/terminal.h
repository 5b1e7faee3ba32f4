/* Whether a stream is a terminal, and whether it wants colours: never off a terminal, never with NO_COLOR (https://no-color.org). */
#pragma once
#include <stdbool.h>
#include <stdio.h>

bool terminal_is(FILE *f);
/* ESC sequences, or "" where f wants none. */
const char *terminal_dim(FILE *f);
const char *terminal_plain(FILE *f);
