/* Errors inside Ridge: the public codes and struct, and the one way to raise one. */
#pragma once
#include <ridge/ridge.h>

typedef ridge_error error;

/* Fills *err (which may be NULL) with code and the formatted sentence, and returns code: `return fail(err, RIDGE_E_IO, "…")`. */
int fail(error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The sentence for a failed allocation of `bytes` for `what`; returns RIDGE_E_NO_MEMORY. */
int fail_memory(error *err, size_t bytes, const char *what);

/* Puts "<formatted>: " in front of the sentence that err already holds, so that a caller can say where; returns err->code. */
int fail_within(error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
