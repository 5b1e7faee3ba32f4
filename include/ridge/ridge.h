/* libridge: load a GGUF model, turn text into tokens, tokens into logits, logits into text.
 *
 * Conventions, true of every function unless it says otherwise:
 *   - A function that can fail returns 0, or a negative RIDGE_E_ code, and then *err holds one full sentence. err may be NULL.
 *   - X_open and X_new hand ownership to the caller, who ends it with X_close or X_free; those accept NULL.
 *   - Pointers that are passed in are borrowed for the call only; `const` results are owned by the object they came from.
 *   - Strings are UTF-8. Sizes are in bytes when they are called so, counts are in tokens when they are called so.
 *   - Objects are not locked: one thread at a time per object. Different objects are independent.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Errors. The texts are what ridge_error_name() returns. */
#define RIDGE_ERRORS(X)                                                                                  \
    X(RIDGE_E_BAD_ARGUMENT, -1, "bad argument")      /* the caller's mistake: a flag, a range, a null */  \
    X(RIDGE_E_BAD_FILE,     -2, "bad file")          /* the file contradicts itself or its format */      \
    X(RIDGE_E_UNSUPPORTED,  -3, "unsupported")       /* sound, but not something Ridge can do */          \
    X(RIDGE_E_NO_MEMORY,    -4, "out of memory")                                                          \
    X(RIDGE_E_IO,           -5, "input/output")      /* the operating system said no */                   \
    X(RIDGE_E_NOT_FOUND,    -6, "not found")                                                              \
    X(RIDGE_E_CONTEXT_FULL, -7, "context full")      /* more tokens than the context holds */             \
    X(RIDGE_E_CANCELLED,    -8, "cancelled")                                                              \
    X(RIDGE_E_INTERNAL,     -9, "internal")          /* a check of our own failed: please report it */

enum {
#define RIDGE_ERROR_ENUM(name, value, text) name = value,
    RIDGE_ERRORS(RIDGE_ERROR_ENUM)
#undef RIDGE_ERROR_ENUM
};

typedef struct {
    int  code;          /* 0 or one of the above */
    char text[500];     /* one sentence, always terminated */
} ridge_error;

/* "bad file" and so on; "unknown error" for anything else. Never NULL. */
const char *ridge_error_name(int code);

#ifdef __cplusplus
}
#endif
