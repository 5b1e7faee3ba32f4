/* GGUF models: see gguf.h. Puts the parts of a split model together and answers lookups; gguf_parse.c reads a file,
 * gguf_values.c its values. The metadata of a split model is that of its first part; the others repeat only split.*. */
#include "model/gguf.h"
#include "base/memory.h"
#include "model/gguf_packed.h"
#include "model/gguf_parse.h"
#include <inttypes.h>
#include <stdio.h>

enum { MAX_PARTS = 99999, SUFFIX_ROOM = 32 };       /* NAME-00001-of-99999.gguf */

struct gguf {
    gguf_file   *parts;
    size_t       n_parts;
    gguf_tensor *tensors;       /* of all parts, in order */
    size_t       n_tensors;
    gguf_names   tensor_names;
    gguf_panels *panels;        /* of a packed file: what its tensors point to */
    uint32_t     packed_version;
};

/* Puts the part and, where it has that key, the key's place in front of err's sentence. */
static int fail_about(const gguf_file *part, const char *key, int code, error *err) {
    const gguf_value *v = gguf_names_find(&part->keys, key, strlen(key));
    if (v) fail_within(err, "key '%s', offset %zu", key, (size_t)(v->data - part->file.data));
    return gguf_fail_in_file(err, code, part->file.path);
}

/* split.X of a part; `absent` where the key is missing. */
static int split_number(const gguf_file *part, const char *key, uint64_t absent, uint64_t *out, error *err) {
    const gguf_value *v = gguf_names_find(&part->keys, key, strlen(key));
    *out = absent;
    if (!v || gguf_value_u64(v, out)) return 0;
    const int code = fail(err, RIDGE_E_BAD_FILE, "expected an integer from 0, but the file has %s", gguf_type_text(v->type, v->is_array));
    return fail_about(part, key, code, err);
}

/* Appends a part to g, which takes it over. */
static int append_part(gguf *g, gguf_file *part, error *err) {
    if (!(g->n_parts & (g->n_parts - 1))) {         /* room doubles at every power of two */
        gguf_file *parts = memory_grow(g->parts, g->n_parts ? 2 * g->n_parts : 1, sizeof *parts);
        if (!parts) return fail_memory(err, 2 * g->n_parts * sizeof *parts, "the parts of a split model");
        g->parts = parts;
    }
    g->parts[g->n_parts++] = *part;
    *part = (gguf_file){0};
    return 0;
}

/* Refuses a file that stands in the place of part `number` of `count` but says it is another. */
static int check_part(const gguf_file *part, uint64_t number, uint64_t count, error *err) {
    uint64_t its_number, its_count;
    int code;
    if ((code = split_number(part, "split.no", UINT64_MAX, &its_number, err))
        || (code = split_number(part, "split.count", 0, &its_count, err))) return code;
    if (its_number == number && its_count == count) return 0;
    if (its_number == UINT64_MAX) {
        code = fail(err, RIDGE_E_BAD_FILE, "key 'split.no' is missing in what should be part %" PRIu64 " of %" PRIu64, number + 1, count);
    } else {
        code = fail(err, RIDGE_E_BAD_FILE, "this should be part %" PRIu64 " of %" PRIu64 ", but its keys split.no and split.count say "
                    "part %" PRIu64 " of %" PRIu64, number + 1, count, its_number + 1, its_count);
    }
    return fail_about(part, its_number == number ? "split.count" : "split.no", code, err);
}

/* Opens parts 0 .. count - 1, which lie beside `path`; *one is the part that was opened by that path. */
static int open_parts(gguf *g, gguf_file *one, uint64_t count, const char *path, error *err) {
    uint64_t number, total;
    int code = split_number(one, "split.no", UINT64_MAX, &number, err);
    if (!code && (count > MAX_PARTS || number >= count)) {
        code = fail(err, RIDGE_E_BAD_FILE, "the keys split.no (%" PRIu64 ") and split.count (%" PRIu64 ") contradict each other", number, count);
        return fail_about(one, "split.count", code, err);
    }
    if (code) return code;
    const size_t length = strlen(path);
    char suffix[SUFFIX_ROOM];
    const size_t n = (size_t)snprintf(suffix, sizeof suffix, "-%05u-of-%05u.gguf", (unsigned)number + 1, (unsigned)count);
    if (length < n || strcmp(path + length - n, suffix)) {
        code = fail(err, RIDGE_E_BAD_FILE, "this is part %" PRIu64 " of %" PRIu64 " of a split model; its name must end in \"%s\", "
                    "so that the others can be found", number + 1, count, suffix);
        return gguf_fail_in_file(err, code, path);
    }
    char *name = memory_copy_text(path, length);
    if (!name) return fail_memory(err, length, "a file's name");
    for (uint64_t i = 0; i < count && !code; i++) {
        gguf_file other = {0}, *part = i == number ? one : &other;
        snprintf(name + length - n, n + 1, "-%05u-of-%05u.gguf", (unsigned)i + 1, (unsigned)count);
        if (i != number && (code = gguf_file_open(&other, name, (uint32_t)i, err))) {
            fail_within(err, "part %" PRIu64 " of %" PRIu64, i + 1, count);
            break;
        }
        for (size_t k = 0; k < part->n_tensors; k++) part->tensors[k].part = (uint32_t)i;
        code = check_part(part, i, count, err);
        if (!code) code = append_part(g, part, err);
        gguf_file_close(&other);
    }
    memory_free(name);
    if (!code) code = split_number(&g->parts[0], "split.tensors.count", UINT64_MAX, &total, err);
    if (code) return code;
    for (size_t i = 0; i < g->n_parts; i++) g->n_tensors += g->parts[i].n_tensors;
    if (total != UINT64_MAX && total != g->n_tensors) {
        code = fail(err, RIDGE_E_BAD_FILE, "it says %" PRIu64 " tensors, but the %" PRIu64 " parts have %zu",
                    total, count, g->n_tensors);
        return fail_about(&g->parts[0], "split.tensors.count", code, err);
    }
    return 0;
}

static int index_tensors(gguf *g, error *err) {
    size_t twice = 0;
    const int code = gguf_names_build(&g->tensor_names, g->tensors, sizeof *g->tensors, g->n_tensors, &twice);
    if (code == RIDGE_E_NO_MEMORY) return fail_memory(err, g->n_tensors * 16, "the index of a model's tensors");
    if (!code) return 0;
    char name[GGUF_NAME_TEXT];
    const gguf_tensor *t = &g->tensors[twice];
    const mapped_file *file = &g->parts[t->part].file;
    fail(err, code, "tensor %s, offset %zu: a second tensor of the same name", gguf_name_text(t->name, name),
         (size_t)((const unsigned char *)t->name.text - file->data) - 8);
    return gguf_fail_in_file(err, code, file->path);
}

/* One list of the tensors of all parts, and its index. */
static int join_tensors(gguf *g, error *err) {
    if (g->n_parts == 1) {
        g->tensors = g->parts[0].tensors;
        g->n_tensors = g->parts[0].n_tensors;
        g->parts[0].tensors = NULL;
    } else {
        g->tensors = memory_new(g->n_tensors, sizeof *g->tensors);
        if (!g->tensors) return fail_memory(err, g->n_tensors * sizeof *g->tensors, "a model's tensors");
        size_t n = 0;
        for (size_t i = 0; i < g->n_parts; i++) {
            memcpy(g->tensors + n, g->parts[i].tensors, g->parts[i].n_tensors * sizeof *g->tensors);
            n += g->parts[i].n_tensors;
            memory_free(g->parts[i].tensors);
            g->parts[i].tensors = NULL;
        }
    }
    return index_tensors(g, err);
}

/* Of a packed file: puts the tensors that it was made of in the place of those that hold their panels. */
static int restore_tensors(gguf *g, error *err) {
    gguf_packed packed;
    int code = gguf_packed_read(&packed, &g->parts[0], g->tensors, g->n_tensors, &g->tensor_names, err);
    if (code) return gguf_fail_in_file(err, code, g->parts[0].file.path);
    if (!packed.version) return 0;
    memory_free(g->tensors);
    gguf_names_free(&g->tensor_names);
    g->tensors = packed.tensors;
    g->n_tensors = packed.n_tensors;
    g->panels = packed.panels;
    g->packed_version = packed.version;
    return index_tensors(g, err);
}

int gguf_open(gguf **out, const char *path, error *err) {
    *out = NULL;
    gguf *g = memory_new(1, sizeof *g);
    if (!g) return fail_memory(err, sizeof *g, "a model file");
    gguf_file part;
    uint64_t count;
    int code = gguf_file_open(&part, path, 0, err);
    if (!code) code = split_number(&part, "split.count", 1, &count, err);
    if (!code) code = count > 1 ? open_parts(g, &part, count, path, err) : append_part(g, &part, err);
    gguf_file_close(&part);
    if (!code) code = join_tensors(g, err);
    if (!code) code = restore_tensors(g, err);
    if (code) gguf_close(g);
    else *out = g;
    return code;
}

void gguf_close(gguf *g) {
    if (!g) return;
    for (size_t i = 0; i < g->n_parts; i++) gguf_file_close(&g->parts[i]);
    gguf_names_free(&g->tensor_names);
    memory_free(g->parts);
    memory_free(g->tensors);
    memory_free(g->panels);
    memory_free(g);
}

size_t             gguf_n_parts(const gguf *g)                  { return g->n_parts; }
const mapped_file *gguf_part(const gguf *g, size_t part)        { return &g->parts[part].file; }
uint32_t           gguf_version(const gguf *g)                  { return g->parts[0].version; }
uint64_t           gguf_alignment(const gguf *g)                { return g->parts[0].alignment; }
uint32_t           gguf_packed_version(const gguf *g)           { return g->packed_version; }
size_t             gguf_n_values(const gguf *g)                 { return g->parts[0].n_values; }
const gguf_value  *gguf_value_at(const gguf *g, size_t i)       { return &g->parts[0].values[i]; }
size_t             gguf_n_tensors(const gguf *g)                { return g->n_tensors; }
const gguf_tensor *gguf_tensor_at(const gguf *g, size_t i)      { return &g->tensors[i]; }

const gguf_value *gguf_find(const gguf *g, const char *key) { return gguf_names_find(&g->parts[0].keys, key, strlen(key)); }

const gguf_tensor *gguf_find_tensor(const gguf *g, const char *name) { return gguf_names_find(&g->tensor_names, name, strlen(name)); }
