/* Packed files: see gguf_packed.h. Whatever the keys claim is compared with the tensors that hold the panels, whose own bytes the
 * parser has found inside the file: a panel that is pointed to here is there. */
#include "model/gguf_packed.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define KEY(name) "ridge.pack." name

enum { TYPE_I8 = 24 };          /* ggml's: bytes that no other program takes for weights */

/* --- writing --- */

static void write_texts(gguf_header *h, const char *key, const packed_matrix *matrix, size_t n, size_t field) {
    gguf_write_array(h, key, GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) {
        const gguf_string *text = (const gguf_string *)(const void *)((const char *)&matrix[i] + field);
        gguf_write_element_string(h, *text);
    }
}

void gguf_packed_write(gguf_header *h, uint32_t section_k, const packed_matrix *matrix, size_t n) {
    gguf_write_u32(h, KEY("version"), PACKED_VERSION);
    gguf_write_text(h, KEY("note"), "The matrices are stored as panels, for Ridge alone: other programs need the file that this one was made of.");
    gguf_write_u32(h, KEY("panel_rows"), PANEL_ROWS);
    gguf_write_u32(h, KEY("section_k"), section_k);
    write_texts(h, KEY("names"), matrix, n, offsetof(packed_matrix, name));
    write_texts(h, KEY("streams"), matrix, n, offsetof(packed_matrix, stream));
#define WRITE(field, key)                                                               \
    gguf_write_array(h, KEY(key), GGUF_U32, n);                                         \
    for (size_t i = 0; i < n; i++) gguf_write_element_u32(h, matrix[i].field);
    PACKED_NUMBERS(WRITE)
#undef WRITE
}

/* --- reading --- */

typedef struct {
    const gguf_file   *file;
    const gguf_tensor *tensors;
    size_t             n_tensors;
    const gguf_names  *names;           /* of tensors */
    packed_matrix     *matrix;          /* [n] as the file says */
    size_t             n;
    uint32_t           section_k;
    bool              *holds_panels;    /* [n_tensors] */
    gguf_packed       *out;
    error             *err;
} reader;

static const gguf_value *find(const reader *r, const char *key) { return gguf_names_find(&r->file->keys, key, strlen(key)); }

/* Fails about the thing called `name` at `at` in the file. */
__attribute__((format(printf, 6, 0)))
static int bad(const reader *r, int code, const char *kind, gguf_string name, const unsigned char *at, const char *sentence, va_list args) {
    char text[300], shown[GGUF_NAME_TEXT];
    vsnprintf(text, sizeof text, sentence, args);
    return fail(r->err, code, "%s %s, offset %zu: %s", kind, gguf_name_text(name, shown), (size_t)(at - r->file->file.data), text);
}

/* About a key that is there. */
__attribute__((format(printf, 4, 5)))
static int bad_key(const reader *r, int code, const gguf_value *v, const char *sentence, ...) {
    va_list args;
    va_start(args, sentence);
    bad(r, code, "key", v->key, v->data, sentence, args);
    va_end(args);
    return code;
}

static int missing(const reader *r, const char *key) {
    return bad_key(r, RIDGE_E_BAD_FILE, find(r, KEY("version")), "this is a packed file, but its key '%s' is missing", key);
}

/* About one matrix; its name in the file stands behind its length. */
__attribute__((format(printf, 4, 5)))
static int bad_matrix(const reader *r, int code, const packed_matrix *m, const char *sentence, ...) {
    va_list args;
    va_start(args, sentence);
    bad(r, code, "packed matrix", m->name, (const unsigned char *)m->name.text - 8, sentence, args);
    va_end(args);
    return code;
}

/* The version, and the numbers that hold for all panels. */
static int read_layout(reader *r, const gguf_value *v, uint32_t *version) {
    uint64_t number = 0, rows = 0, section_k = 0;
    if (!gguf_value_u64(v, &number) || !number)
        return bad_key(r, RIDGE_E_BAD_FILE, v, "it should be the version of the packed file's layout, an integer from 1");
    if (number > PACKED_VERSION)
        return bad_key(r, RIDGE_E_UNSUPPORTED, v, "the file was packed by a newer Ridge, in version %" PRIu64 " of the layout; this one reads version %d: "
                       "update Ridge, or pack the original file again", number, PACKED_VERSION);
    if (number < PACKED_VERSION)
        return bad_key(r, RIDGE_E_UNSUPPORTED, v, "the file was packed by an older Ridge, in version %" PRIu64 " of the layout; this one reads version %d: "
                       "pack the original file again", number, PACKED_VERSION);
    const gguf_value *panel = find(r, KEY("panel_rows"));
    if (!panel) return missing(r, KEY("panel_rows"));
    if (!gguf_value_u64(panel, &rows) || rows != PANEL_ROWS)
        return bad_key(r, RIDGE_E_BAD_FILE, panel, "panels of %" PRIu64 " rows, but those of version %d have %d", rows, PACKED_VERSION, PANEL_ROWS);
    const gguf_value *section = find(r, KEY("section_k"));
    if (!section) return missing(r, KEY("section_k"));
    if (!gguf_value_u64(section, &section_k) || !section_k || section_k > UINT32_MAX || section_k % SECTION_MULTIPLE)
        return bad_key(r, RIDGE_E_BAD_FILE, section, "sections of %" PRIu64 " values: not a multiple of %d", section_k, SECTION_MULTIPLE);
    r->section_k = (uint32_t)section_k;
    *version = (uint32_t)number;
    return 0;
}

/* An array of `type`; it has an element for each matrix. */
static int find_array(const reader *r, const char *key, gguf_value_type type, const gguf_value **out) {
    const gguf_value *v = *out = find(r, key);
    if (!v) return missing(r, key);
    if (!v->is_array || v->type != type)
        return bad_key(r, RIDGE_E_BAD_FILE, v, "expected an %s, but the file has %s", gguf_type_text(type, true), gguf_type_text(v->type, v->is_array));
    if (r->matrix && v->count != r->n) return bad_key(r, RIDGE_E_BAD_FILE, v, "%" PRIu64 " elements for %zu matrices", v->count, r->n);
    return 0;
}

static int read_texts(const reader *r, const char *key, size_t field) {
    const gguf_value *v;
    const int code = find_array(r, key, GGUF_STRING, &v);
    if (code) return code;
    gguf_cursor cursor = {0};
    gguf_string text;
    for (size_t i = 0; gguf_next_string(v, &cursor, &text); i++) {
        if (!text.n) return bad_key(r, RIDGE_E_BAD_FILE, v, "element %zu is empty", i);
        memcpy((char *)&r->matrix[i] + field, &text, sizeof text);
    }
    return 0;
}

static int read_matrices(reader *r) {
    const gguf_value *v;
    int code = find_array(r, KEY("names"), GGUF_STRING, &v);
    if (code) return code;
    r->n = (size_t)v->count;
    r->matrix = memory_new(r->n, sizeof *r->matrix);
    if (!r->matrix) return fail_memory(r->err, r->n * sizeof *r->matrix, "the table of a packed file");
    if ((code = read_texts(r, KEY("names"), offsetof(packed_matrix, name)))) return code;
    if ((code = read_texts(r, KEY("streams"), offsetof(packed_matrix, stream)))) return code;
#define READ(field, key)                                                                                                    \
    if ((code = find_array(r, KEY(key), GGUF_U32, &v))) return code;                                                        \
    for (size_t i = 0; i < r->n; i++) r->matrix[i].field = (uint32_t)gguf_element_i64(v, i);
    PACKED_NUMBERS(READ)
#undef READ
    return 0;
}

static uint64_t panels_of(const packed_matrix *m) { return ((uint64_t)m->rows + PANEL_ROWS - 1) / PANEL_ROWS; }

/* Where a matrix's panels lie: *out, checked against the tensor that holds them, which is *holder then. */
static int find_panels(reader *r, const packed_matrix *m, gguf_panels *out, const gguf_tensor **holder) {
    const format *f = format_by_gguf_type(m->type), *p = format_by_gguf_type(m->panel_type);
    if (!f || !p) return bad_matrix(r, RIDGE_E_UNSUPPORTED, m, "panels of type number %" PRIu32 " made of %" PRIu32 ", which this Ridge does not have", m->panel_type, m->type);
    if (p != f && !(p == &formats[FORMAT_bf16] && f->arithmetic == ARITHMETIC_F32))
        return bad_matrix(r, RIDGE_E_BAD_FILE, m, "%s panels cannot be made of %s", p->name, f->name);
    if (!m->columns || m->columns % f->block_k || !m->rows || !m->tensor_rows || m->first_row > m->tensor_rows || m->rows > m->tensor_rows - m->first_row)
        return bad_matrix(r, RIDGE_E_BAD_FILE, m, "%" PRIu32 " rows from %" PRIu32 " on of %" PRIu32 "x%" PRIu32 " in %s contradict each other",
                          m->rows, m->first_row, m->columns, m->tensor_rows, f->name);
    const gguf_tensor *t = gguf_names_find(r->names, m->stream.text, m->stream.n);
    char name[GGUF_NAME_TEXT];
    if (!t || t->type != TYPE_I8)
        return bad_matrix(r, RIDGE_E_BAD_FILE, m, "tensor %s, which should hold its panels, is %s", gguf_name_text(m->stream, name), t ? "of another type than i8" : "missing");
    if ((uintptr_t)t->data % PANEL_ALIGNMENT)
        return bad_matrix(r, RIDGE_E_BAD_FILE, m, "its panels begin at %" PRIu64 ", which is no multiple of %d", t->offset, PANEL_ALIGNMENT);
    if (m->matrices < 1 || m->matrices > 2 || m->place >= m->matrices)
        return bad_matrix(r, RIDGE_E_BAD_FILE, m, "it cannot be number %" PRIu32 " of %" PRIu32 " matrices that take turns", m->place, m->matrices);
    const panel_layout layout = { .format = p, .n = m->columns, .section_k = r->section_k, .panels = (uint32_t)panels_of(m), .matrices = m->matrices, .place = m->place };
    const uint64_t panels = panels_of(m) * m->matrices;
    if (p->panel_bytes(m->columns) > t->bytes || panel_layout_panel_bytes(&layout) > t->bytes / panels)
        return bad_matrix(r, RIDGE_E_BAD_FILE, m, "%" PRIu64 " panels of %zu bytes do not fit tensor %s, which has %" PRIu64 " bytes; the file is damaged",
                          panels, p->panel_bytes(m->columns), gguf_name_text(m->stream, name), t->bytes);
    r->holds_panels[t - r->tensors] = true;
    *out = (gguf_panels){ .first_row = m->first_row, .rows = m->rows, .layout = layout, .data = t->data };
    *holder = t;
    return 0;
}

/* Appends matrix i: a tensor of its own, or another slice of the last one. */
static int add_matrix(reader *r, size_t i) {
    const packed_matrix *m = &r->matrix[i], *before = i ? m - 1 : NULL;
    gguf_packed *out = r->out;
    const gguf_tensor *holder = NULL;
    const int code = find_panels(r, m, &out->panels[i], &holder);
    if (code) return code;
    const uint64_t bytes = panels_of(m) * out->panels[i].layout.format->panel_bytes(m->columns);
    gguf_tensor *last = out->n_tensors ? &out->tensors[out->n_tensors - 1] : NULL;
    if (before && before->name.n == m->name.n && !memcmp(before->name.text, m->name.text, m->name.n)) {
        if (before->type != m->type || before->columns != m->columns || before->tensor_rows != m->tensor_rows)
            return bad_matrix(r, RIDGE_E_BAD_FILE, m, "its slices have different types or shapes");
        last->n_panels++;
        last->bytes += bytes;
        return 0;
    }
    out->tensors[out->n_tensors++] = (gguf_tensor){
        .name = m->name, .type = m->type, .n_dimensions = 2, .dimension = { m->columns, m->tensor_rows, 1, 1 },
        .part = holder->part, .offset = holder->offset + panel_section_at(&out->panels[i].layout, 0).offset, .bytes = bytes, .panels = &out->panels[i], .n_panels = 1,
    };
    return 0;
}

/* Tensors with rows are kept; those that only hold panels give way to what the panels were made of. */
static int make_tensors(reader *r) {
    gguf_packed *out = r->out;
    out->panels = memory_new(r->n, sizeof *out->panels);
    out->tensors = memory_new(r->n + r->n_tensors, sizeof *out->tensors);
    r->holds_panels = memory_new(r->n_tensors, sizeof *r->holds_panels);
    if (!out->panels || !out->tensors || !r->holds_panels)
        return fail_memory(r->err, (r->n + r->n_tensors) * sizeof *out->tensors, "the table of a packed file");
    for (size_t i = 0; i < r->n; i++) {
        const int code = add_matrix(r, i);
        if (code) return code;
    }
    for (size_t i = 0; i < r->n_tensors; i++)
        if (!r->holds_panels[i]) out->tensors[out->n_tensors++] = r->tensors[i];
    return 0;
}

int gguf_packed_read(gguf_packed *out, const gguf_file *file, const gguf_tensor *tensors, size_t n, const gguf_names *names, error *err) {
    *out = (gguf_packed){0};
    reader r = { .file = file, .tensors = tensors, .n_tensors = n, .names = names, .out = out, .err = err };
    const gguf_value *version = find(&r, KEY("version"));
    if (!version) return 0;
    int code = read_layout(&r, version, &out->version);
    if (!code) code = read_matrices(&r);
    if (!code) code = make_tensors(&r);
    memory_free(r.matrix);
    memory_free(r.holds_panels);
    if (!code) return 0;
    memory_free(out->tensors);
    memory_free(out->panels);
    *out = (gguf_packed){0};
    return code;
}
