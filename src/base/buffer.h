/* A byte buffer that grows. After a failed append the buffer is `failed` and stays so: check once, at the end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char  *data;        /* n bytes and a terminating 0; NULL while empty */
    size_t n, room;
    bool   failed;      /* memory ran out, or `limit` was passed */
    size_t limit;       /* most bytes allowed; 0: none */
} buffer;

void buffer_append(buffer *b, const void *data, size_t n);
void buffer_append_text(buffer *b, const char *text);
void buffer_append_char(buffer *b, char c);
void buffer_printf(buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_clear(buffer *b);           /* empty again, memory kept, failed reset */
void buffer_free(buffer *b);
/* The text, terminated, never NULL ("" when empty); owned by the buffer. */
const char *buffer_text(const buffer *b);
