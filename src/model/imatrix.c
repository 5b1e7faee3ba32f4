/* See imatrix.h. The formats are those of llama-imatrix (https://github.com/ggml-org/llama.cpp, tools/imatrix), stated as facts.
 *
 * GGUF: two f32 tensors for a tensor NAME: NAME.in_sum2, a row of sums of squares for each of its stacked matrices, and NAME.counts, the
 * number of tokens that each row is the sum of. imatrix.datasets, imatrix.chunk_count and imatrix.chunk_size say what was read.
 *
 * The older one, all integers i32: the number of entries; for each the length of its name, the name, a number of chunks, the number of
 * values, and these as f32: mean squares times the number of chunks. Behind them, perhaps, the number of chunks and the text's name. */
#include "model/imatrix.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "model/gguf_parse.h"
#include "model/gguf_write.h"

struct imatrix {
    gguf          *file;            /* NULL: in the older format */
    mapped_file    bytes;           /* the same file, which may be in the older format */
    imatrix_entry *entry;
    size_t         n;
    gguf_names     names;
    gguf_string    dataset;
    uint32_t       n_chunks;
    arena          memory;          /* entries and values */
};

static int add_entry(imatrix *m, gguf_string name, uint64_t n, error *err) {
    imatrix_entry *e = &m->entry[m->n];
    *e = (imatrix_entry){ .name = name, .mean_square = arena_new(&m->memory, n, sizeof(float)), .n = n };
    if (!e->mean_square) return fail_memory(err, n * sizeof(float), "an importance matrix");
    m->n++;
    return 0;
}

/* Entries from `from` on: values [n], which lie in the file, divided. Returns the first that is no importance, or n. */
static uint64_t fill(const imatrix_entry *e, uint64_t from, const unsigned char *values, uint64_t n, float divisor) {
    for (uint64_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, values + i * sizeof x, sizeof x);
        x /= divisor;
        e->mean_square[from + i] = x;
        if (!(x >= 0) || !isfinite(x)) return i;
    }
    return n;
}

#define NO_IMPORTANCE "the importance of input %llu is %g, but must be finite and not negative"

/* ---- GGUF ---------------------------------------------------------------------------------------------------------- */

/* The name in front of `suffix`; false where `name` does not end so. */
static bool stem(gguf_string name, const char *suffix, gguf_string *out) {
    const size_t n = strlen(suffix);
    if (name.n <= n || memcmp(name.text + name.n - n, suffix, n)) return false;
    *out = (gguf_string){ name.text, name.n - n };
    return true;
}

/* NAME.counts. */
static int find_counts(const imatrix *m, const gguf_tensor *sums, gguf_string name, const gguf_tensor **out, error *err) {
    char *text = memory_new(name.n + sizeof ".counts", 1);
    if (!text) return fail_memory(err, name.n, "a tensor's name");
    memcpy(text, name.text, name.n);
    strcpy(text + name.n, ".counts");
    *out = gguf_find_tensor(m->file, text);
    memory_free(text);
    return *out ? 0 : gguf_fail_tensor(err, RIDGE_E_BAD_FILE, m->file, sums, "there are no counts (.counts) beside these sums");
}

static int read_sums(imatrix *m, const gguf_tensor *sums, gguf_string name, error *err) {
    const gguf_tensor *counts;
    int code = find_counts(m, sums, name, &counts, err);
    if (code) return code;
    const uint64_t n = sums->bytes / sizeof(float), rows = counts->bytes / sizeof(float);
    if (sums->type != formats[FORMAT_f32].gguf_type || counts->type != formats[FORMAT_f32].gguf_type || !n || !rows || n % rows)
        return gguf_fail_tensor(err, RIDGE_E_BAD_FILE, m->file, sums, "sums and counts must be f32, as many sums for each count (there are %llu and %llu)",
                                (unsigned long long)n, (unsigned long long)rows);
    code = add_entry(m, name, n, err);
    const uint64_t row = n / rows;
    for (uint64_t r = 0; !code && r < rows; r++) {
        const imatrix_entry *e = &m->entry[m->n - 1];
        float count;
        memcpy(&count, counts->data + r * sizeof count, sizeof count);
        if (count > 0) {
            const uint64_t done = fill(e, r * row, sums->data + r * row * sizeof(float), row, count);
            if (done < row) code = gguf_fail_tensor(err, RIDGE_E_BAD_FILE, m->file, sums, NO_IMPORTANCE, (unsigned long long)(r * row + done),
                                                    (double)e->mean_square[r * row + done]);
        } else {
            for (uint64_t i = 0; i < row; i++) e->mean_square[r * row + i] = 1;         /* an expert that no token chose: all alike */
        }
    }
    return code;
}

/* Every sentence names the file. */
static int open_gguf(imatrix *m, const char *path, error *err) {
    gguf_string type = { "", 0 };
    gguf_cursor cursor = {0};
    int code = gguf_open(&m->file, path, err);
    if (!code) code = gguf_get_string(m->file, "general.type", &type, err);
    if (!code) code = gguf_get_u32(m->file, "imatrix.chunk_count", &m->n_chunks, err);
    if (code) return code;
    const gguf_value *datasets = gguf_find(m->file, "imatrix.datasets");
    if (datasets && datasets->is_array && datasets->type == GGUF_STRING) gguf_next_string(datasets, &cursor, &m->dataset);
    if (type.n == 7 && !memcmp(type.text, "imatrix", 7)) return 0;
    const gguf_value *v = gguf_find(m->file, "general.type");
    if (!v) return gguf_fail(err, RIDGE_E_BAD_FILE, m->file, "the file has no key 'general.type', so it is no importance matrix");
    return gguf_fail_key(err, RIDGE_E_BAD_FILE, m->file, v, "this GGUF file is no importance matrix: it is \"%.*s\", not \"imatrix\"",
                         (int)(type.n < 40 ? type.n : 40), type.text);
}

/* Every sentence names the file. */
static int read_gguf(imatrix *m, error *err) {
    const size_t n = gguf_n_tensors(m->file);
    gguf_string name;
    m->entry = arena_new(&m->memory, n, sizeof *m->entry);
    int code = m->entry ? 0 : fail_memory(err, n * sizeof *m->entry, "an importance matrix");
    for (size_t i = 0; !code && i < n; i++) {
        const gguf_tensor *t = gguf_tensor_at(m->file, i);
        if (stem(t->name, ".in_sum2", &name)) code = read_sums(m, t, name, err);
    }
    return code;
}

/* ---- the older format ---------------------------------------------------------------------------------------------- */

typedef struct { const unsigned char *data; size_t at, size; bool short_of; } reader;

/* n bytes, or NULL where the file ends before: then all that follows is NULL too. */
static const unsigned char *take(reader *r, uint64_t n) {
    if (r->short_of || n > r->size - r->at) {
        r->short_of = true;
        return NULL;
    }
    r->at += n;
    return r->data + r->at - n;
}

/* A count that cannot be negative; 0 at the end of the file. */
static uint32_t take_count(reader *r) {
    const unsigned char *p = take(r, 4);
    const uint32_t n = p ? gguf_load_u32(p) : 0;
    if (n > INT32_MAX) r->short_of = true;
    return n > INT32_MAX ? 0 : n;
}

static int read_old_entry(imatrix *m, reader *r, error *err) {
    const size_t begin = r->at;
    gguf_string name = { .n = take_count(r) };
    name.text = (const char *)take(r, name.n);
    const uint32_t chunks = take_count(r), n = take_count(r);
    const unsigned char *values = take(r, (uint64_t)n * sizeof(float));
    if (!values) return 0;
    const int code = add_entry(m, name, n, err);
    if (code) return code;
    const imatrix_entry *e = &m->entry[m->n - 1];
    const uint64_t done = fill(e, 0, values, n, chunks ? (float)chunks : 1);
    char shown[GGUF_NAME_TEXT];
    return done == n ? 0 : fail(err, RIDGE_E_BAD_FILE, "tensor %s, offset %zu: " NO_IMPORTANCE, gguf_name_text(name, shown), begin,
                                (unsigned long long)done, (double)e->mean_square[done]);
}

static int read_old(imatrix *m, error *err) {
    reader r = { .data = m->bytes.data, .size = m->bytes.size };
    const uint32_t n = take_count(&r);
    if (!n || n > r.size / 16)                                          /* an entry takes 16 bytes at least */
        return fail(err, RIDGE_E_BAD_FILE, "this is no importance matrix: neither a GGUF file nor the older format of llama-imatrix");
    m->entry = arena_new(&m->memory, n, sizeof *m->entry);
    int code = m->entry ? 0 : fail_memory(err, n * sizeof *m->entry, "an importance matrix");
    size_t begin = 0;
    for (uint32_t i = 0; !code && !r.short_of && i < n; i++) {
        begin = r.at;
        code = read_old_entry(m, &r, err);
    }
    if (!code && r.short_of) return fail(err, RIDGE_E_BAD_FILE, "the file ends within entry %zu of %u, which begins at offset %zu", m->n + 1, n, begin);
    if (code || r.at == r.size) return code;
    begin = r.at;
    m->n_chunks = take_count(&r);
    m->dataset.n = take_count(&r);
    m->dataset.text = (const char *)take(&r, m->dataset.n);
    return r.short_of ? fail(err, RIDGE_E_BAD_FILE, "the file ends within the name of the text behind its %u entries, offset %zu", n, begin) : 0;
}

/* ---- both ---------------------------------------------------------------------------------------------------------- */

static int index_names(imatrix *m, error *err) {
    size_t twice;
    char name[GGUF_NAME_TEXT];
    const int code = gguf_names_build(&m->names, m->entry, sizeof *m->entry, m->n, &twice);
    if (code == RIDGE_E_NO_MEMORY) return fail_memory(err, m->n * 16, "the index of an importance matrix");
    if (!code) return 0;
    const gguf_string entry = m->entry[twice].name;                     /* of the older format: a GGUF file's names were compared when it was opened */
    return fail(err, code, "tensor %s, offset %zu: a second entry of the same name", gguf_name_text(entry, name),
                (size_t)((const unsigned char *)entry.text - m->bytes.data) - 4);
}

static int read_entries(imatrix *m, const char *path, error *err) {
    int code = m->file ? read_gguf(m, err) : read_old(m, err);
    if (!code) code = index_names(m, err);
    return code && !m->file ? gguf_fail_in_file(err, code, path) : code;
}

int imatrix_open(imatrix **out, const char *path, error *err) {
    *out = NULL;
    imatrix *m = memory_new(1, sizeof *m);
    if (!m) return fail_memory(err, sizeof *m, "an importance matrix");
    m->dataset.text = "";
    int code = mapped_file_open(&m->bytes, path, err);
    if (!code && m->bytes.size >= 4 && !memcmp(m->bytes.data, "GGUF", 4)) code = open_gguf(m, path, err);
    if (!code) code = read_entries(m, path, err);
    if (code) imatrix_close(m);
    else *out = m;
    return code;
}

void imatrix_close(imatrix *m) {
    if (!m) return;
    gguf_names_free(&m->names);
    gguf_close(m->file);
    mapped_file_close(&m->bytes);
    arena_free(&m->memory);
    memory_free(m);
}

const imatrix_entry *imatrix_find(const imatrix *m, gguf_string tensor) { return gguf_names_find(&m->names, tensor.text, tensor.n); }
size_t      imatrix_n_entries(const imatrix *m) { return m->n; }
gguf_string imatrix_dataset(const imatrix *m)   { return m->dataset; }
uint32_t    imatrix_n_chunks(const imatrix *m)  { return m->n_chunks; }

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static uint64_t list_tensor(gguf_header *h, const char *name, const char *suffix, uint32_t n) {
    char full[128];
    const int length = snprintf(full, sizeof full, "%s%s", name, suffix);
    const uint64_t dimension = n;
    return gguf_write_tensor(h, (gguf_string){ full, (size_t)length }, formats[FORMAT_f32].gguf_type, 1, &dimension, n * sizeof(float));
}

static int write_sums(gguf_output *o, const uint64_t *offset, const imatrix_totals *t, error *err) {
    const float count = (float)t->tokens;
    int failed = 0;
    for (size_t i = 0; !failed && i < t->n_tensors; i++) {
        const imatrix_sums *s = &t->tensors[i];
        float *sum = memory_new(s->n, sizeof *sum);
        if (!sum) return fail_memory(err, s->n * sizeof *sum, "a row of sums");
        bool finite = true;
        for (uint32_t k = 0; k < s->n; k++) finite &= isfinite(sum[k] = (float)s->sum[k]) != 0;
        if (!finite) {
            memory_free(sum);
            return fail(err, RIDGE_E_BAD_FILE, "the inputs of tensor %s are not finite: the model is broken", s->name);
        }
        failed = gguf_write_data(o, offset[2 * i], sum, s->n * sizeof *sum);
        if (!failed) failed = gguf_write_data(o, offset[2 * i + 1], &count, sizeof count);
        memory_free(sum);
    }
    return failed ? fail(err, RIDGE_E_IO, "cannot write: %s", strerror(failed)) : 0;
}

int imatrix_check_path(const char *path, error *err) {
    const gguf_header empty = {0};
    gguf_output *o = NULL;
    const int code = gguf_write_open(&o, path, &empty, err);
    gguf_write_discard(o);
    return code;
}

int imatrix_write(const char *path, const imatrix_totals *t, error *err) {
    gguf_header h = {0};
    gguf_output *o = NULL;
    uint64_t *offset = memory_new(2 * t->n_tensors, sizeof *offset);
    if (!offset) return fail_memory(err, 2 * t->n_tensors * sizeof *offset, "a table of tensors");
    gguf_write_text(&h, "general.type", "imatrix");
    gguf_write_array(&h, "imatrix.datasets", GGUF_STRING, 1);
    gguf_write_element_text(&h, t->dataset);
    gguf_write_u32(&h, "imatrix.chunk_count", t->n_chunks);
    gguf_write_u32(&h, "imatrix.chunk_size", t->chunk_tokens);
    for (size_t i = 0; i < t->n_tensors; i++) {
        offset[2 * i] = list_tensor(&h, t->tensors[i].name, ".in_sum2", t->tensors[i].n);
        offset[2 * i + 1] = list_tensor(&h, t->tensors[i].name, ".counts", 1);
    }
    int code = gguf_write_open(&o, path, &h, err);
    if (!code) code = write_sums(o, offset, t, err);
    if (code) gguf_write_discard(o);
    else code = gguf_write_finish(o, false, err);
    memory_free(offset);
    gguf_header_free(&h);
    return code;
}
