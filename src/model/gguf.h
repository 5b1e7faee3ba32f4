/* GGUF: the file format of models (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3.
 *
 * Everything a file claims is checked against the file's size before it is touched; nothing is copied that can be
 * pointed to, and arrays are walked lazily. Opening reads the header and the table of tensors only. A split model
 * (NAME-00001-of-00003.gguf) is opened by any of its parts and behaves as one file. A packed file (docs/packed-file.md)
 * lists the tensors of the file that it was made of: their names, types and shapes, with panels in place of rows. */
#pragma once
#include "base/error.h"
#include "base/files.h"
#include "formats/layout.h"

enum { GGUF_MAX_DIMENSIONS = 4 };

typedef enum {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64,
} gguf_value_type;

/* Text that lies in the file: not terminated, not necessarily UTF-8. */
typedef struct { const char *text; size_t n; } gguf_string;

/* A metadata value that lies in the file. For an array, `type` is its elements' and `count` their number. */
typedef struct {
    gguf_string          key;
    gguf_value_type      type;
    bool                 is_array;
    uint64_t             count;         /* 1 for a scalar */
    const unsigned char *data;          /* the first element, unaligned */
    size_t               bytes;         /* of all elements */
} gguf_value;

/* Rows [first_row, first_row + rows) of a tensor as panels of 16 rows (formats/format.h). */
typedef struct {
    uint32_t             first_row, rows;
    panel_layout         layout;        /* its format: the tensor's own, or bf16 where that holds every value of a dense one */
    const unsigned char *data;          /* the start of the layout: inside the mapping, 64-byte aligned */
} gguf_panels;

typedef struct {
    gguf_string   name;
    uint32_t      type;                             /* ggml's number; format_by_gguf_type() may not know it */
    uint32_t      n_dimensions;
    uint64_t      dimension[GGUF_MAX_DIMENSIONS];   /* dimension[0] runs fastest: a matrix is {columns, rows}; unused ones are 1 */
    uint32_t      part;                             /* which file of a split model */
    uint64_t      offset;                           /* from the start of that file */
    uint64_t      bytes;
    const unsigned char *data;                      /* rows, inside the mapping; NULL where there are panels instead */
    const gguf_panels *panels;                      /* [n_panels] slices of a packed matrix; NULL: it has rows */
    size_t        n_panels;
} gguf_tensor;

typedef struct gguf gguf;

/* RIDGE_E_BAD_FILE sentences name the key or the tensor and the offset. */
int  gguf_open(gguf **out, const char *path, error *err);
void gguf_close(gguf *g);

size_t             gguf_n_parts(const gguf *g);
const mapped_file *gguf_part(const gguf *g, size_t part);
uint32_t           gguf_version(const gguf *g);
uint64_t           gguf_alignment(const gguf *g);
uint32_t           gguf_packed_version(const gguf *g);      /* 0: no packed file */

size_t             gguf_n_values(const gguf *g);
const gguf_value  *gguf_value_at(const gguf *g, size_t i);
const gguf_value  *gguf_find(const gguf *g, const char *key);        /* NULL where there is none */
size_t             gguf_n_tensors(const gguf *g);
const gguf_tensor *gguf_tensor_at(const gguf *g, size_t i);
const gguf_tensor *gguf_find_tensor(const gguf *g, const char *name);

/* What is wrong with an opened file, said as gguf_open says it: "PATH: key 'NAME', offset N: <sentence>" of a value, the same of a tensor and
 * the place of its name, and "PATH: <sentence>" of what the file lacks. Each returns code. The arguments may point to err's own text. */
int gguf_fail_key(error *err, int code, const gguf *g, const gguf_value *v, const char *sentence, ...) __attribute__((format(printf, 5, 6)));
int gguf_fail_tensor(error *err, int code, const gguf *g, const gguf_tensor *t, const char *sentence, ...) __attribute__((format(printf, 5, 6)));
int gguf_fail(error *err, int code, const gguf *g, const char *sentence, ...) __attribute__((format(printf, 4, 5)));

/* Scalars. Integers of any width are accepted where they fit; *out is left alone where the key is absent (a default, then).
 * Each returns 0, or RIDGE_E_BAD_FILE naming file, key, offset and what it holds instead. */
int gguf_get_u32(const gguf *g, const char *key, uint32_t *out, error *err);
int gguf_get_u64(const gguf *g, const char *key, uint64_t *out, error *err);
int gguf_get_f32(const gguf *g, const char *key, float *out, error *err);
int gguf_get_bool(const gguf *g, const char *key, bool *out, error *err);
int gguf_get_string(const gguf *g, const char *key, gguf_string *out, error *err);

/* The i-th element of an integer or float array, widened; i < count. */
int64_t gguf_element_i64(const gguf_value *v, uint64_t i);
double  gguf_element_f64(const gguf_value *v, uint64_t i);

/* Walks an array of strings: start with a zeroed cursor; false at the end. Lengths were checked by gguf_open. */
typedef struct { uint64_t index; size_t at; } gguf_cursor;
bool gguf_next_string(const gguf_value *v, gguf_cursor *cursor, gguf_string *out);
