/* Writes GGUF files for tests: sound ones by default, broken ones where a test asks for it. Not part of the library: it ends the
 * program where memory is missing. */
#pragma once
#include "base/buffer.h"
#include "model/gguf.h"

/* Zero-initialise, then set what differs from the defaults. Ended by gguf_writer_free. */
typedef struct {
    uint32_t version;               /* 0: version 3 */
    uint64_t alignment;             /* 0: 32, without the key general.alignment; else the key is written first */
    uint64_t n_values, n_tensors;   /* what the header will claim: counted, and a test may change them */
    buffer   values, tensors, data; /* the file's sections so far */
    bool     started;
} gguf_writer;

/* One scalar; `value` points to the number in its C type (a bool is a byte). */
void gguf_writer_scalar(gguf_writer *w, const char *key, gguf_value_type type, const void *value);
void gguf_writer_u32(gguf_writer *w, const char *key, uint32_t value);
void gguf_writer_f32(gguf_writer *w, const char *key, float value);
void gguf_writer_bool(gguf_writer *w, const char *key, bool value);
void gguf_writer_string(gguf_writer *w, const char *key, const char *value);
/* An array of `count` numbers that lie one after another. */
void gguf_writer_array(gguf_writer *w, const char *key, gguf_value_type type, const void *values, uint64_t count);
void gguf_writer_strings(gguf_writer *w, const char *key, const char *const *values, uint64_t count);
/* A key followed by bytes as they are: type, value and all. */
void gguf_writer_raw(gguf_writer *w, const char *key, const void *bytes, size_t n);

/* A tensor and its data, padded to the alignment; data NULL: zeros. */
void gguf_writer_tensor(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dimensions, const uint64_t *dimensions,
                        const void *data, size_t bytes);
/* Only the record, with any offset. */
void gguf_writer_record(gguf_writer *w, const char *name, uint32_t type, uint32_t n_dimensions, const uint64_t *dimensions, uint64_t offset);

/* Appends the whole file to *out. */
void gguf_writer_build(gguf_writer *w, buffer *out);
/* Writes it to path; a failure ends the program. */
void gguf_writer_save(gguf_writer *w, const char *path);
void gguf_writer_free(gguf_writer *w);
