/* See gguf_write.h. */
#include "model/gguf_write.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/memory.h"

enum { VERSION = 3, ALIGNMENT_DEFAULT = 32 };

static void put_u32(buffer *b, uint32_t v) { buffer_append(b, &v, sizeof v); }
static void put_u64(buffer *b, uint64_t v) { buffer_append(b, &v, sizeof v); }
static void put_string(buffer *b, const char *text, size_t n) { put_u64(b, n); buffer_append(b, text, n); }

static void put_key(gguf_header *h, const char *key, size_t n, gguf_value_type type) {
    put_string(&h->values, key, n);
    put_u32(&h->values, type);
    h->n_values++;
}

void gguf_write_u32(gguf_header *h, const char *key, uint32_t v) { put_key(h, key, strlen(key), GGUF_U32); put_u32(&h->values, v); }
void gguf_write_f32(gguf_header *h, const char *key, float v)    { put_key(h, key, strlen(key), GGUF_F32); buffer_append(&h->values, &v, sizeof v); }

void gguf_write_text(gguf_header *h, const char *key, const char *v) {
    put_key(h, key, strlen(key), GGUF_STRING);
    put_string(&h->values, v, strlen(v));
}

void gguf_write_array(gguf_header *h, const char *key, gguf_value_type type, uint64_t n) {
    put_key(h, key, strlen(key), GGUF_ARRAY);
    put_u32(&h->values, type);
    put_u64(&h->values, n);
}

void gguf_write_element_u32(gguf_header *h, uint32_t v)      { put_u32(&h->values, v); }
void gguf_write_element_text(gguf_header *h, const char *v)  { put_string(&h->values, v, strlen(v)); }
void gguf_write_element_string(gguf_header *h, gguf_string v) { put_string(&h->values, v.text, v.n); }

void gguf_write_value(gguf_header *h, const gguf_value *v) {
    put_key(h, v->key.text, v->key.n, v->is_array ? GGUF_ARRAY : v->type);
    if (v->is_array) {
        put_u32(&h->values, v->type);
        put_u64(&h->values, v->count);
    }
    buffer_append(&h->values, v->data, v->bytes);
}

static uint64_t alignment_of(const gguf_header *h)                { return h->alignment ? h->alignment : ALIGNMENT_DEFAULT; }
static uint64_t padded(const gguf_header *h, uint64_t bytes)      { return (bytes + alignment_of(h) - 1) / alignment_of(h) * alignment_of(h); }

uint64_t gguf_write_tensor(gguf_header *h, gguf_string name, uint32_t type, uint32_t n_dimensions, const uint64_t *dimension, uint64_t bytes) {
    const uint64_t offset = h->data_bytes;
    put_string(&h->tensors, name.text, name.n);
    put_u32(&h->tensors, n_dimensions);
    for (uint32_t i = 0; i < n_dimensions; i++) put_u64(&h->tensors, dimension[i]);
    put_u32(&h->tensors, type);
    put_u64(&h->tensors, offset);
    h->n_tensors++;
    h->data_bytes += padded(h, bytes);
    return offset;
}

void gguf_header_free(gguf_header *h) {
    buffer_free(&h->values);
    buffer_free(&h->tensors);
    *h = (gguf_header){0};
}

struct gguf_output {
    int      file;              /* -1: not open */
    uint64_t data_at;           /* in the file */
    buffer   path, temporary;
};

static int write_at(int file, const void *data, size_t n, uint64_t at) {
    const char *p = data;
    while (n) {
        const ssize_t written = pwrite(file, p, n, (off_t)at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written < 0 ? errno : EIO;
        p += written;
        at += (uint64_t)written;
        n -= (size_t)written;
    }
    return 0;
}

/* The system's last error as a sentence about the file. */
static int cannot(const gguf_output *o, const char *what, error *err) {
    return fail(err, RIDGE_E_IO, "%s cannot be %s: %s", buffer_text(&o->path), what, strerror(errno));
}

/* Everything before the data, padded. */
static void put_header(buffer *out, const gguf_header *h) {
    buffer_append(out, "GGUF", 4);
    put_u32(out, VERSION);
    put_u64(out, h->n_tensors);
    put_u64(out, h->n_values);
    buffer_append(out, h->values.data, h->values.n);
    buffer_append(out, h->tensors.data, h->tensors.n);
    const size_t end = padded(h, out->n);
    while (out->n < end && !out->failed) buffer_append_char(out, 0);
    out->failed |= h->values.failed || h->tensors.failed;
}

int gguf_write_open(gguf_output **out, const char *path, const gguf_header *h, error *err) {
    *out = NULL;
    int code = 0;
    buffer head = {0};
    gguf_output *o = memory_new(1, sizeof *o);
    if (!o) return fail_memory(err, sizeof *o, "a file to write");
    o->file = -1;
    buffer_append_text(&o->path, path);
    buffer_printf(&o->temporary, "%s.%ld.part", path, (long)getpid());
    put_header(&head, h);
    o->data_at = head.n;
    if (head.failed || o->path.failed || o->temporary.failed) code = fail_memory(err, h->values.n + h->tensors.n, "the file's header");
    if (!code && (o->file = open(o->temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0) code = cannot(o, "created", err);
    if (!code && (errno = write_at(o->file, head.data, head.n, 0))) code = cannot(o, "written", err);
    if (!code && ftruncate(o->file, (off_t)(head.n + h->data_bytes))) code = cannot(o, "written", err);
    buffer_free(&head);
    if (code) gguf_write_discard(o);
    else *out = o;
    return code;
}

uint64_t gguf_write_data_start(const gguf_output *o) { return o->data_at; }

int gguf_write_data(gguf_output *o, uint64_t at, const void *data, size_t n) { return write_at(o->file, data, n, o->data_at + at); }

int gguf_write_finish(gguf_output *o, bool sync, error *err) {
    int code = 0;
    if (sync && fsync(o->file)) code = cannot(o, "written", err);
    const int closed = close(o->file);
    o->file = -1;
    if (!code && closed) code = cannot(o, "written", err);
    if (!code && rename(o->temporary.data, o->path.data)) code = cannot(o, "replaced", err);
    if (!code) buffer_clear(&o->temporary);             /* it is no more */
    gguf_write_discard(o);
    return code;
}

void gguf_write_discard(gguf_output *o) {
    if (!o) return;
    if (o->file >= 0) close(o->file);
    if (o->temporary.n) unlink(o->temporary.data);
    buffer_free(&o->path);
    buffer_free(&o->temporary);
    memory_free(o);
}
