/* Lines from a person: edited, with history and pasted blocks, where standard input is a terminal; as they come, where it is not. What
 * is shown while editing goes to standard error, so that standard output has generated text alone. */
#pragma once
#include "base/buffer.h"
#include "base/error.h"

typedef struct console console;

typedef enum { CONSOLE_LINE, CONSOLE_END, CONSOLE_INTERRUPTED } console_result;

int  console_open(console **out, error *err);
void console_close(console *c);
/* Replaces *line by the next line, without its newline; a pasted block, or what is typed behind one, may have several.
 * CONSOLE_END: Ctrl-D, or the end of the input. CONSOLE_INTERRUPTED: Ctrl-C; what was typed is gone. Check line->failed. */
console_result console_read(console *c, const char *prompt, buffer *line);
/* Adds to the history, which is kept in the user's state directory. */
void console_remember(console *c, const char *text);
