/* Errors: see error.h. */
#include "base/error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ridge_error_name(int code) {
    switch (code) {
#define ERROR_CASE(name, value, text) case name: return text;
    RIDGE_ERRORS(ERROR_CASE)
#undef ERROR_CASE
    }
    return "unknown error";
}

int fail(error *err, int code, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return code;
}

int fail_memory(error *err, size_t bytes, const char *what) {
    return fail(err, RIDGE_E_NO_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
}

int fail_within(error *err, const char *format, ...) {
    if (!err) return RIDGE_E_INTERNAL;
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof text) snprintf(text + n, sizeof text - (size_t)n, ": %s", err->text);
    memcpy(err->text, text, sizeof text);
    return err->code;
}
