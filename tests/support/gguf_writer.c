/* GGUF files for tests: see gguf_writer.h. Written from the specification, independently of the reader. */
#include "support/gguf_writer.h"
#include "base/files.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(buffer *b, const void *bytes, size_t n) {
    buffer_append(b, bytes, n);
    if (b->failed) { fprintf(stderr, "gguf_writer: out of memory\n"); abort(); }
}

static void put_u32(buffer *b, uint32_t v) { put(b, &v, sizeof v); }
static void put_u64(buffer *b, uint64_t v) { put(b, &v, sizeof v); }

static void put_string(buffer *b, const char *text) {
    put_u64(b, strlen(text));
    put(b, text, strlen(text));
}

static void put_zeros(buffer *b, size_t n) {
    static const char zeros[4096];
    for (; n > sizeof zeros; n -= sizeof zeros) put(b, zeros, sizeof zeros);
    put(b, zeros, n);
}

static size_t type_bytes(gguf_value_type type) {
    switch (type) {
    case GGUF_U8:  case GGUF_I8:  case GGUF_BOOL: return 1;
    case GGUF_U16: case GGUF_I16: return 2;
    case GGUF_U32: case GGUF_I32: case GGUF_F32: return 4;
    default: return 8;
    }
}

/* The alignment's key comes first, once. */
static void start(gguf_writer *w) {
    if (w->started) return;
    w->started = true;
    if (w->alignment) gguf_writer_u32(w, "general.alignment", (uint32_t)w->alignment);
    else w->alignment = 32;
}

static void put_key(gguf_writer *w, const char *key) {
    start(w);
    put_string(&w->values, key);
    w->n_values++;
}

void gguf_writer_scalar(gguf_writer *w, const char *key, gguf_value_type type, const void *value) {
    put_key(w, key);
    put_u32(&w->values, type);
    put(&w->values, value, type_bytes(type));
}

void gguf_writer_u32(gguf_writer *w, const char *key, uint32_t value) { gguf_writer_scalar(w, key, GGUF_U32, &value); }
void gguf_writer_f32(gguf_writer *w, const char *key, float value)    { gguf_writer_scalar(w, key, GGUF_F32, &value); }
void gguf_writer_bool(gguf_writer *w, const char *key, bool value)    { gguf_writer_scalar(w, key, GGUF_BOOL, &(uint8_t){ value }); }

void gguf_writer_string(gguf_writer *w, const char *key, const char *value) {
    put_key(w, key);
    put_u32(&w->values, GGUF_STRING);
    put_string(&w->values, value);
}

static void put_array(gguf_writer *w, const char *key, gguf_value_type type, uint64_t count) {
    put_key(w, key);
    put_u32(&w->values, GGUF_ARRAY);
    put_u32(&w->values, type);
    put_u64(&w->values, count);
}

void gguf_writer_array(gguf_writer *w, const char *key, gguf_value_type type, const void *values, uint64_t count) {
    put_array(w, key, type, count);
    put(&w->values, values, (size_t)count * type_bytes(type));
}

void gguf_writer_strings(gguf_writer *w, const char *key, const char *const *values, uint64_t count) {
    put_array(w, key, GGUF_STRING, count);
    for (uint64_t i = 0; i < count; i++) put_string(&w->values, values[i]);
}

void gguf_writer_raw(gguf_writer *w, const char *key, const void *bytes, size_t n) {
    put_key(w, key);
    put(&w->values, bytes, n);
}

void gguf_writer_record(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dimensions, const uint64_t *dimensions, uint64_t offset) {
    start(w);
    put_string(&w->tensors, name);
    put_u32(&w->tensors, n_dimensions);
    for (uint32_t i = 0; i < n_dimensions; i++) put_u64(&w->tensors, dimensions[i]);
    put_u32(&w->tensors, type);
    put_u64(&w->tensors, offset);
    w->n_tensors++;
}

void gguf_writer_tensor(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dimensions, const uint64_t *dimensions,
                        const void *data, size_t bytes) {
    gguf_writer_record(w, name, type, n_dimensions, dimensions, w->data.n);
    if (data) put(&w->data, data, bytes);
    else put_zeros(&w->data, bytes);
    put_zeros(&w->data, (size_t)(-w->data.n & (w->alignment - 1)));
}

void gguf_writer_build(gguf_writer *w, buffer *out) {
    start(w);
    const size_t from = out->n;
    put(out, "GGUF", 4);
    put_u32(out, w->version ? w->version : 3);
    put_u64(out, w->n_tensors);
    put_u64(out, w->n_values);
    put(out, w->values.data, w->values.n);
    put(out, w->tensors.data, w->tensors.n);
    if (w->data.n) put_zeros(out, (size_t)(-(out->n - from) & (w->alignment - 1)));
    put(out, w->data.data, w->data.n);
}

void gguf_writer_save(gguf_writer *w, const char *path) {
    buffer file = {0};
    error err;
    gguf_writer_build(w, &file);
    if (write_whole_file(path, file.data, file.n, &err)) { fprintf(stderr, "gguf_writer: %s\n", err.text); abort(); }
    buffer_free(&file);
}

void gguf_writer_free(gguf_writer *w) {
    buffer_free(&w->values);
    buffer_free(&w->tensors);
    buffer_free(&w->data);
    *w = (gguf_writer){0};
}
