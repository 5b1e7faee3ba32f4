/* A byte buffer that grows: see buffer.h. */
#include "base/buffer.h"
#include "base/memory.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool reserve(buffer *b, size_t more) {
    if (b->failed || more > SIZE_MAX / 2 - b->n || (b->limit && b->n + more > b->limit)) { b->failed = true; return false; }
    const size_t need = b->n + more + 1;
    if (need <= b->room) return true;
    size_t room = b->room ? b->room : 64;
    while (room < need) room *= 2;
    char *data = memory_grow(b->data, room, 1);
    if (!data) { b->failed = true; return false; }
    b->data = data;
    b->room = room;
    return true;
}

void buffer_append(buffer *b, const void *data, size_t n) {
    if (!reserve(b, n)) return;
    if (n) memcpy(b->data + b->n, data, n);
    b->n += n;
    b->data[b->n] = 0;
}

void buffer_append_text(buffer *b, const char *text) { buffer_append(b, text, strlen(text)); }
void buffer_append_char(buffer *b, char c) { buffer_append(b, &c, 1); }

void buffer_printf(buffer *b, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n >= 0 && reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buffer_clear(buffer *b) {
    b->n = 0;
    b->failed = false;
    if (b->data) b->data[0] = 0;
}

void buffer_free(buffer *b) {
    memory_free(b->data);
    *b = (buffer){ .limit = b->limit };
}

const char *buffer_text(const buffer *b) { return b->data ? b->data : ""; }
