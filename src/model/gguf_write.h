/* Writes GGUF files, version 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): first what the file holds is listed, then
 * the tensors' bytes are put to their places in any order, from any thread. The file appears under its name when all is written. */
#pragma once
#include "base/buffer.h"
#include "model/gguf.h"

/* What comes before the data. Zero-initialise; memory that ran out is noticed by gguf_write_open. Free with gguf_header_free. */
typedef struct {
    buffer   values, tensors;
    uint64_t n_values, n_tensors;
    uint64_t data_bytes;        /* of the tensors so far, each padded to the alignment */
    uint32_t alignment;         /* 0: 32; a file with another one needs the key general.alignment too */
} gguf_header;

/* Keys and their values, in the order of the file. Numbers are scalars of that type. */
void gguf_write_u32(gguf_header *h, const char *key, uint32_t v);
void gguf_write_f32(gguf_header *h, const char *key, float v);
void gguf_write_text(gguf_header *h, const char *key, const char *v);
/* An array's beginning: n elements follow by gguf_write_element_u32 (also for i32), gguf_write_element_text or _string. */
void gguf_write_array(gguf_header *h, const char *key, gguf_value_type type, uint64_t n);
void gguf_write_element_u32(gguf_header *h, uint32_t v);
void gguf_write_element_text(gguf_header *h, const char *v);
void gguf_write_element_string(gguf_header *h, gguf_string v);
/* A key and value as another file has them. */
void gguf_write_value(gguf_header *h, const gguf_value *v);

/* A tensor of `bytes` bytes in ggml type `type`; dimension [n_dimensions]. Returns its offset within the data. */
uint64_t gguf_write_tensor(gguf_header *h, gguf_string name, uint32_t type, uint32_t n_dimensions, const uint64_t *dimension, uint64_t bytes);
void gguf_header_free(gguf_header *h);

/* A file that is being written, beside its final name. */
typedef struct gguf_output gguf_output;
/* Creates the temporary file, writes the header and makes the file as long as it will be. */
int  gguf_write_open(gguf_output **out, const char *path, const gguf_header *h, error *err);
/* Where the data begin in the file: a multiple of the alignment. */
uint64_t gguf_write_data_start(const gguf_output *o);
/* Bytes of the data from offset `at` on. Any thread. 0, or errno. */
int  gguf_write_data(gguf_output *o, uint64_t at, const void *data, size_t n);
/* Gives the file its name, in place of what had it before, and frees o; on failure the temporary file is gone. sync: the bytes are
 * on the disk first, so that not even a power failure leaves a mixture. */
int  gguf_write_finish(gguf_output *o, bool sync, error *err);
/* Frees o and removes the temporary file. NULL is fine. */
void gguf_write_discard(gguf_output *o);
