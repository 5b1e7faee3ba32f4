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
