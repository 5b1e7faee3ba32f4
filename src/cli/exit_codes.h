/* What the program's exit code means: the table that --help and the README print, and the way from an error to its code. */
#pragma once
#include <ridge/ridge.h>

#define EXIT_CODES(X)                                                                                     \
    X(EXIT_OK,            0, "the work was done")                                                         \
    X(EXIT_FAILED,        1, "the work failed: input/output, network, memory, a bug")                     \
    X(EXIT_BAD_INPUT,     2, "bad input: an unknown flag, a broken file, a prompt that does not fit")     \
    X(EXIT_NOT_FOUND,     3, "a file or a model is not there")                                            \
    X(EXIT_UNSUPPORTED,   4, "the input is sound, but not something Ridge can do")                        \
    X(EXIT_INTERRUPTED, 130, "stopped by Ctrl-C")

enum {
#define EXIT_CODE_ENUM(name, value, meaning) name = value,
    EXIT_CODES(EXIT_CODE_ENUM)
#undef EXIT_CODE_ENUM
};

/* The exit code for 0 or a RIDGE_E_ code. */
static inline int exit_code(int code) {
    switch (code) {
        case 0:                    return EXIT_OK;
        case RIDGE_E_BAD_ARGUMENT:
        case RIDGE_E_BAD_FILE:
        case RIDGE_E_CONTEXT_FULL: return EXIT_BAD_INPUT;
        case RIDGE_E_NOT_FOUND:    return EXIT_NOT_FOUND;
        case RIDGE_E_UNSUPPORTED:  return EXIT_UNSUPPORTED;
        case RIDGE_E_CANCELLED:    return EXIT_INTERRUPTED;
        default:                   return EXIT_FAILED;
    }
}
