/* Text that a user hands to a command: on the command line, in a file, through a pipe. */
#pragma once
#include "base/buffer.h"
#include "base/error.h"

/* Replaces \n \r \t \' \" \\ and \xHH by what they mean, in place; other backslashes stay. */
void unescape(buffer *text);

/* The words [n], joined by a space. */
int join_words(char **words, int n, buffer *out, error *err);

/* A file's text, at most 1 GiB; "-" is standard input. A final newline stays. */
int read_text(const char *path, buffer *out, error *err);

/* What takes the place of the first token of each chunk of a text: begin of sequence, where the model wants one in front of a text; -1
 * where it does not. */
int text_first_token(const ridge_model *m, int32_t *out, error *err);
