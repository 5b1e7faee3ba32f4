/* One GGUF file, parsed: what gguf.c puts together to a model, and the helpers that its parts share. Internal to gguf*.c. */
#pragma once
#include <string.h>
#include "model/gguf.h"
#include "model/gguf_names.h"

typedef struct {
    mapped_file  file;
    uint32_t     version;
    uint64_t     alignment;
    gguf_value  *values;        /* in file order */
    size_t       n_values;
    gguf_names   keys;          /* of values */
    gguf_tensor *tensors;       /* in file order; gguf.c may take them away */
    size_t       n_tensors;
} gguf_file;

/* Opens and parses one file, which becomes part `number`. On failure *part is empty, and the sentence begins with the path. */
int  gguf_file_open(gguf_file *part, const char *path, uint32_t number, error *err);
void gguf_file_close(gguf_file *part);

/* Most bytes of gguf_name_text's result, its terminator included. */
enum { GGUF_NAME_TEXT = 72 };
/* A name as a sentence may show it: quoted, cut where it is long, '?' for what a terminal should not see. Returns out. */
const char *gguf_name_text(gguf_string name, char out[GGUF_NAME_TEXT]);
/* "string", "array of u32" and so on. */
const char *gguf_type_text(gguf_value_type type, bool is_array);
/* Puts "path: " in front of err's sentence; a long path loses its beginning. Returns err's code. */
int gguf_fail_in_file(error *err, int code, const char *path);

/* A scalar integer as 64 bits, by its key's value: false where v is no scalar integer or does not fit. */
bool gguf_value_u64(const gguf_value *v, uint64_t *out);

/* Little-endian loads from unaligned file bytes; every machine that Ridge runs on is little-endian. */
static inline uint32_t gguf_load_u32(const unsigned char *p) { uint32_t v; memcpy(&v, p, sizeof v); return v; }
static inline uint64_t gguf_load_u64(const unsigned char *p) { uint64_t v; memcpy(&v, p, sizeof v); return v; }
