/* Parses one GGUF file: header, metadata, table of tensors. Every count and length is compared with the bytes that are left
 * before anything is allocated or read for it, so time and memory are bounded by the file's size. Splits are gguf.c's work. */
#include "model/gguf_parse.h"
#include "base/checked.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    MAX_KEYS = 1 << 16, MAX_TENSORS = 1 << 18,      /* far above any model's; what keeps a hostile file's refusal quick */
    MAX_KEY_BYTES = 65535,                          /* the specification's */
    MAX_TENSOR_NAME_BYTES = 1024,                   /* the specification says 64; some writers exceed it */
    MIN_VALUE_BYTES = 8 + 1 + 4 + 1,                /* key's length, key, type, value */
    MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8,       /* name's length, name, number of dimensions, one dimension, type, offset */
    DEFAULT_ALIGNMENT = 32,
};

typedef struct {
    const unsigned char *data;
    size_t      size, at;
    const char *kind;           /* "key" or "tensor": what is being read */
    size_t      index, start;   /* which one, and the offset where it begins */
    gguf_string name;           /* its name; text is NULL until that was read */
    error      *err;
} reader;

static void reader_next(reader *r, const char *kind, size_t index) {
    r->kind = kind;
    r->index = index;
    r->start = r->at;
    r->name = (gguf_string){0};
}

/* Fails about the key or tensor that is being read. */
__attribute__((format(printf, 4, 5)))
static int bad(const reader *r, int code, size_t offset, const char *sentence, ...) {
    char text[300], name[GGUF_NAME_TEXT];
    va_list args;
    va_start(args, sentence);
    vsnprintf(text, sizeof text, sentence, args);
    va_end(args);
    if (r->name.text) return fail(r->err, code, "%s %s, offset %zu: %s", r->kind, gguf_name_text(r->name, name), offset, text);
    return fail(r->err, code, "%s %zu, offset %zu: %s", r->kind, r->index, offset, text);
}

/* The next n bytes, or NULL with the error filled, RIDGE_E_BAD_FILE, where the file ends before. */
static const unsigned char *take(reader *r, uint64_t n, const char *what) {
    const size_t left = r->size - r->at;
    if (n > left) {
        bad(r, RIDGE_E_BAD_FILE, r->at, "%s needs %" PRIu64 " bytes, but the file ends after %zu; it is truncated or damaged", what, n, left);
        return NULL;
    }
    const unsigned char *p = r->data + r->at;
    r->at += (size_t)n;
    return p;
}

static int take_u32(reader *r, const char *what, uint32_t *out) {
    const unsigned char *p = take(r, 4, what);
    if (!p) return RIDGE_E_BAD_FILE;
    *out = gguf_load_u32(p);
    return 0;
}

static int take_u64(reader *r, const char *what, uint64_t *out) {
    const unsigned char *p = take(r, 8, what);
    if (!p) return RIDGE_E_BAD_FILE;
    *out = gguf_load_u64(p);
    return 0;
}

/* The name of a key or a tensor; it names the reader's subject from here on. */
static int take_name(reader *r, uint64_t max_bytes, gguf_string *out) {
    uint64_t n;
    const size_t at = r->at;
    if (take_u64(r, "the length of its name", &n)) return RIDGE_E_BAD_FILE;
    if (!n || n > max_bytes) return bad(r, RIDGE_E_BAD_FILE, at, "its name has %" PRIu64 " bytes, allowed are 1 to %" PRIu64, n, max_bytes);
    const unsigned char *p = take(r, n, "its name");
    if (!p) return RIDGE_E_BAD_FILE;
    *out = r->name = (gguf_string){ (const char *)p, (size_t)n };
    return 0;
}

static int read_header(reader *r, gguf_file *part) {
    if (!r->size) return fail(r->err, RIDGE_E_BAD_FILE, "the file is empty");
    const unsigned char *h = r->data;
    if (r->size >= 4 && memcmp(h, "GGUF", 4)) {
        return fail(r->err, RIDGE_E_BAD_FILE, "not a GGUF file: at offset 0 it has the bytes %02x %02x %02x %02x instead of \"GGUF\"",
                    h[0], h[1], h[2], h[3]);
    }
    if (r->size < 24) return fail(r->err, RIDGE_E_BAD_FILE, "the file ends after %zu bytes, inside the 24 bytes of the header at offset 0", r->size);
    part->version = gguf_load_u32(h + 4);
    if (part->version == 1) {
        return fail(r->err, RIDGE_E_UNSUPPORTED, "GGUF version 1 (offset 4) is not supported: convert the model again, to version 3");
    }
    if (part->version && !(part->version & 0xffff)) {
        return fail(r->err, RIDGE_E_UNSUPPORTED, "this is a big-endian GGUF file (offset 4), which is not supported: convert it to little-endian");
    }
    if (part->version != 2 && part->version != 3) {
        return fail(r->err, RIDGE_E_UNSUPPORTED, "GGUF version %" PRIu32 " (offset 4) is not supported: Ridge reads versions 2 and 3", part->version);
    }
    const uint64_t n_tensors = gguf_load_u64(h + 8), n_values = gguf_load_u64(h + 16);
    r->at = 24;
    uint64_t value_bytes, tensor_bytes, bytes;
    if (!checked_mul(n_values, MIN_VALUE_BYTES, &value_bytes) || !checked_mul(n_tensors, MIN_TENSOR_BYTES, &tensor_bytes)
        || !checked_add(value_bytes, tensor_bytes, &bytes) || bytes > r->size - r->at) {
        return fail(r->err, RIDGE_E_BAD_FILE, "the header, offset 8, claims %" PRIu64 " tensors and %" PRIu64 " keys, "
                    "more than the %zu bytes of the file can hold", n_tensors, n_values, r->size);
    }
    if (n_values > MAX_KEYS || n_tensors > MAX_TENSORS) {
        return fail(r->err, RIDGE_E_UNSUPPORTED, "the header, offset 8, claims %" PRIu64 " tensors and %" PRIu64 " keys; "
                    "at most %d and %d are supported", n_tensors, n_values, MAX_TENSORS, MAX_KEYS);
    }
    part->n_values = (size_t)n_values;
    part->n_tensors = (size_t)n_tensors;
    return 0;
}

/* Bytes of an element; of a string: of its length. 0: no such type, or an array. */
static unsigned element_bytes(uint32_t type) {
    static const unsigned char bytes[] = {
        [GGUF_U8] = 1, [GGUF_I8] = 1, [GGUF_BOOL] = 1, [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4,
        [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8, [GGUF_STRING] = 8,
    };
    return type < sizeof bytes ? bytes[type] : 0;
}

/* Steps over `count` strings, touching their lengths only. */
static int skip_strings(reader *r, uint64_t count) {
    size_t at = r->at;
    for (uint64_t i = 0; i < count; i++) {
        if (r->size - at < 8) return bad(r, RIDGE_E_BAD_FILE, at, "string %" PRIu64 " of %" PRIu64 " lies past the end of the file", i, count);
        const uint64_t n = gguf_load_u64(r->data + at);
        if (n > r->size - at - 8) {
            return bad(r, RIDGE_E_BAD_FILE, at, "string %" PRIu64 " of %" PRIu64 " has %" PRIu64 " bytes, but the file ends after %zu",
                       i, count, n, r->size - at - 8);
        }
        at += 8 + (size_t)n;
    }
    r->at = at;
    return 0;
}

static int read_value(reader *r, gguf_value *v) {
    uint32_t type;
    int code = take_name(r, MAX_KEY_BYTES, &v->key);
    if (!code) code = take_u32(r, "its type", &type);
    if (code) return code;
    v->count = 1;
    v->is_array = type == GGUF_ARRAY;
    if (v->is_array) {
        if ((code = take_u32(r, "its elements' type", &type)) || (code = take_u64(r, "its elements' number", &v->count))) return code;
        if (type == GGUF_ARRAY) return bad(r, RIDGE_E_UNSUPPORTED, r->at - 12, "arrays of arrays are not supported");
    }
    const unsigned each = element_bytes(type);
    if (!each) return bad(r, RIDGE_E_BAD_FILE, r->at - (v->is_array ? 12 : 4), "its type is %" PRIu32 ", which GGUF does not define", type);
    v->type = (gguf_value_type)type;
    if (v->count > (r->size - r->at) / each) {
        return bad(r, RIDGE_E_BAD_FILE, r->at, "%" PRIu64 " elements of at least %u bytes are claimed, but the file ends after %zu bytes; "
                   "it is truncated or damaged", v->count, each, r->size - r->at);
    }
    v->data = r->data + r->at;
    if (type == GGUF_STRING) code = skip_strings(r, v->count);
    else r->at += (size_t)v->count * each;
    v->bytes = (size_t)(r->data + r->at - v->data);
    if (!code && type == GGUF_BOOL) {
        for (size_t i = 0; i < v->bytes; i++) {
            if (v->data[i] > 1) return bad(r, RIDGE_E_BAD_FILE, (size_t)(v->data + i - r->data), "a truth value is %d instead of 0 or 1", v->data[i]);
        }
    }
    return code;
}

static int read_values(reader *r, gguf_file *part) {
    part->values = memory_new(part->n_values, sizeof *part->values);
    if (!part->values) return fail_memory(r->err, part->n_values * sizeof *part->values, "a file's metadata");
    for (size_t i = 0; i < part->n_values; i++) {
        reader_next(r, "key", i);
        const int code = read_value(r, &part->values[i]);
        if (code) return code;
    }
    size_t twice = 0;
    const int code = gguf_names_build(&part->keys, part->values, sizeof *part->values, part->n_values, &twice);
    if (code == RIDGE_E_NO_MEMORY) return fail_memory(r->err, part->n_values * 16, "the index of a file's keys");
    if (code) {
        r->name = part->values[twice].key;
        return bad(r, code, (size_t)((const unsigned char *)r->name.text - r->data) - 8, "a second value of the same key");
    }
    return 0;
}

static int read_alignment(reader *r, gguf_file *part) {
    static const char key[] = "general.alignment";
    part->alignment = DEFAULT_ALIGNMENT;
    const gguf_value *v = gguf_names_find(&part->keys, key, sizeof key - 1);
    if (!v) return 0;
    r->name = v->key;
    const size_t offset = (size_t)(v->data - r->data);
    if (!gguf_value_u64(v, &part->alignment)) {
        return bad(r, RIDGE_E_BAD_FILE, offset, "it is of type %s, or negative, and should be a power of two", gguf_type_text(v->type, v->is_array));
    }
    if (!part->alignment || part->alignment & (part->alignment - 1)) {
        return bad(r, RIDGE_E_BAD_FILE, offset, "it is %" PRIu64 ", and should be a power of two", part->alignment);
    }
    return 0;
}

/* The one place where a tensor's size is computed: *bytes, or false where it exceeds 64 bits. The row is a multiple of the block. */
static bool tensor_bytes(const gguf_tensor *t, const gguf_type_info *type, uint64_t *bytes) {
    uint64_t n = t->dimension[0] / type->block_k;
    for (int i = 1; i < GGUF_MAX_DIMENSIONS; i++) {
        if (!checked_mul(n, t->dimension[i], &n)) return false;
    }
    return checked_mul(n, type->block_bytes, bytes);
}

/* One record of the table of tensors. Its offset is still relative to the file's data. */
static int read_tensor(reader *r, gguf_tensor *t) {
    int code = take_name(r, MAX_TENSOR_NAME_BYTES, &t->name);
    if (!code) code = take_u32(r, "its number of dimensions", &t->n_dimensions);
    if (code) return code;
    if (!t->n_dimensions || t->n_dimensions > GGUF_MAX_DIMENSIONS) {
        return bad(r, RIDGE_E_BAD_FILE, r->at - 4, "it has %" PRIu32 " dimensions, allowed are 1 to %d", t->n_dimensions, GGUF_MAX_DIMENSIONS);
    }
    for (uint32_t i = 0; i < GGUF_MAX_DIMENSIONS; i++) {
        t->dimension[i] = 1;
        if (i < t->n_dimensions && (code = take_u64(r, "a dimension", &t->dimension[i]))) return code;
        if (!t->dimension[i]) return bad(r, RIDGE_E_BAD_FILE, r->at - 8, "dimension %" PRIu32 " is 0", i);
    }
    if ((code = take_u32(r, "its type", &t->type))) return code;
    const gguf_type_info *type = gguf_type(t->type);
    if (!type) return bad(r, RIDGE_E_BAD_FILE, r->at - 4, "its type is number %" PRIu32 ", which Ridge does not know", t->type);
    if (t->dimension[0] % type->block_k) {
        return bad(r, RIDGE_E_BAD_FILE, r->at - 4, "its rows of %" PRIu64 " values are no multiple of the %" PRIu32 " of a %s block",
                   t->dimension[0], type->block_k, type->name);
    }
    if (!tensor_bytes(t, type, &t->bytes) || t->bytes > r->size) {
        return bad(r, RIDGE_E_BAD_FILE, r->start, "its shape %" PRIu64 "x%" PRIu64 "x%" PRIu64 "x%" PRIu64 " of %s is larger than the whole file "
                   "of %zu bytes; it is truncated or damaged", t->dimension[0], t->dimension[1], t->dimension[2], t->dimension[3], type->name, r->size);
    }
    return take_u64(r, "its offset", &t->offset);
}

/* Sifts order[i] down in a heap of n, the greatest offset on top. */
static void sift(uint32_t *order, size_t i, size_t n, const gguf_tensor *tensors) {
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && tensors[order[child + 1]].offset > tensors[order[child]].offset) child++;
        if (tensors[order[i]].offset >= tensors[order[child]].offset) return;
        const uint32_t swap = order[i];
        order[i] = order[child];
        order[child] = swap;
    }
}

/* Orders tensor numbers by offset. Heap sort: no input makes it slow, and it needs no memory of its own. */
static void sort_by_offset(uint32_t *order, size_t n, const gguf_tensor *tensors) {
    for (size_t i = n / 2; i-- > 0; ) sift(order, i, n, tensors);
    for (size_t last = n; last-- > 1; ) {
        const uint32_t swap = order[0];
        order[0] = order[last];
        order[last] = swap;
        sift(order, 0, last, tensors);
    }
}

/* Refuses tensors that share bytes. Nearly every file lists its tensors in order: then nothing is sorted. */
static int check_overlaps(reader *r, const gguf_file *part) {
    const gguf_tensor *t = part->tensors;
    const size_t n = part->n_tensors;
    bool ordered = true;
    for (size_t i = 1; i < n && ordered; i++) ordered = t[i - 1].offset + t[i - 1].bytes <= t[i].offset;
    if (ordered) return 0;
    uint32_t *order = memory_new(n, sizeof *order);
    if (!order) return fail_memory(r->err, n * sizeof *order, "a file's tensors in order");
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    sort_by_offset(order, n, t);
    int code = 0;
    for (size_t i = 1; i < n && !code; i++) {
        const gguf_tensor *low = &t[order[i - 1]], *high = &t[order[i]];
        if (low->offset + low->bytes <= high->offset) continue;
        char other[GGUF_NAME_TEXT];
        r->name = high->name;
        code = bad(r, RIDGE_E_BAD_FILE, (size_t)high->offset, "its data begins before that of tensor %s ends", gguf_name_text(low->name, other));
    }
    memory_free(order);
    return code;
}

/* Turns the tensors' offsets into places in the file, and checks that each is aligned, inside, and its own. */
static int place_tensors(reader *r, gguf_file *part, uint32_t number) {
    uint64_t start, end;
    const bool fits = checked_round_up(r->at, part->alignment, &start);
    for (size_t i = 0; i < part->n_tensors; i++) {
        gguf_tensor *t = &part->tensors[i];
        r->name = t->name;
        const size_t record = (size_t)((const unsigned char *)t->name.text - r->data) - 8;
        if (t->offset & (part->alignment - 1)) {
            return bad(r, RIDGE_E_BAD_FILE, record, "its data's offset %" PRIu64 " is no multiple of the alignment %" PRIu64,
                       t->offset, part->alignment);
        }
        if (!fits || !checked_add(start, t->offset, &t->offset) || !checked_add(t->offset, t->bytes, &end) || end > r->size) {
            return bad(r, RIDGE_E_BAD_FILE, record, "its %" PRIu64 " bytes of data end past the file's %zu bytes; the file is truncated or damaged",
                       t->bytes, r->size);
        }
        t->part = number;
        t->data = r->data + t->offset;
    }
    return check_overlaps(r, part);
}

static int read_tensors(reader *r, gguf_file *part, uint32_t number) {
    part->tensors = memory_new(part->n_tensors, sizeof *part->tensors);
    if (!part->tensors) return fail_memory(r->err, part->n_tensors * sizeof *part->tensors, "a file's tensors");
    for (size_t i = 0; i < part->n_tensors; i++) {
        reader_next(r, "tensor", i);
        const int code = read_tensor(r, &part->tensors[i]);
        if (code) return code;
    }
    return place_tensors(r, part, number);
}

int gguf_file_open(gguf_file *part, const char *path, uint32_t number, error *err) {
    *part = (gguf_file){0};
    int code = mapped_file_open(&part->file, path, err);
    if (code) return code;
    reader r = { .data = part->file.data, .size = part->file.size, .kind = "key", .err = err };
    if ((code = read_header(&r, part)) || (code = read_values(&r, part)) || (code = read_alignment(&r, part))
        || (code = read_tensors(&r, part, number))) {
        gguf_fail_in_file(err, code, path);
        gguf_file_close(part);
    }
    return code;
}

void gguf_file_close(gguf_file *part) {
    gguf_names_free(&part->keys);
    memory_free(part->values);
    memory_free(part->tensors);
    mapped_file_close(&part->file);
    *part = (gguf_file){0};
}
