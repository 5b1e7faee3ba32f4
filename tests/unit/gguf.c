/* The GGUF reader: what it reads, what it refuses and with which sentence, and that it stays quick and whole while it refuses. */
#include "test.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <jansson.h>
#include "base/clock.h"
#include "base/memory.h"
#include "model/gguf.h"
#include "support/gguf_writer.h"
#include "support/memory_file.h"
#include "vectors.h"

enum { F32 = 0, F16 = 1, Q4_0 = 2, Q8_0 = 8, Q4_K = 12 };
#define DIMENSIONS(...) (const uint64_t[]){ __VA_ARGS__ }

static char folder[] = "/tmp/ridge-gguf-XXXXXX";

static int open_written(gguf_writer *w, gguf **g, error *err) {
    buffer file = {0};
    gguf_writer_build(w, &file);
    const int code = gguf_open(g, memory_file(file.data, file.n), err);
    buffer_free(&file);
    return code;
}

static gguf *must_open(gguf_writer *w) {
    gguf *g;
    error err = {0};
    if (open_written(w, &g, &err)) fail_msg("%s", err.text);
    return g;
}

/* The bytes are refused with this code, by one sentence that has every word of the list. */
static void refused_bytes(const void *data, size_t n, int code, const char *const *words) {
    gguf *g = (gguf *)(void *)&n;
    error err = {0};
    const char *path = memory_file(data, n);
    const int got = gguf_open(&g, path, &err);
    if (got != code) fail_msg("expected %s, got %d: %s", ridge_error_name(code), got, err.text);
    assert_null(g);
    assert_int_equal(err.code, code);
    for (; *words; words++) {
        if (!strstr(err.text, *words)) fail_msg("no \"%s\" in: %s", *words, err.text);
    }
}

#define WORDS(...) (const char *const[]){ __VA_ARGS__, "ffset", NULL }

/* As refused_bytes; frees the writer. */
static void refused(gguf_writer *w, int code, const char *const *words) {
    buffer file = {0};
    gguf_writer_build(w, &file);
    refused_bytes(file.data, file.n, code, words);
    buffer_free(&file);
    gguf_writer_free(w);
}

/* ---- what it reads ---- */

static void everything_written_is_read(uint32_t version, uint64_t alignment) {
    gguf_writer w = { .version = version, .alignment = alignment };
    const int8_t i8 = -7;
    const int16_t i16[] = { -300, 300, 7 };
    const uint64_t u64 = UINT64_MAX;
    const double f64 = -1.5e300;
    gguf_writer_string(&w, "general.architecture", "none");
    gguf_writer_scalar(&w, "a.i8", GGUF_I8, &i8);
    gguf_writer_scalar(&w, "a.u64", GGUF_U64, &u64);
    gguf_writer_scalar(&w, "a.f64", GGUF_F64, &f64);
    gguf_writer_array(&w, "a.i16s", GGUF_I16, i16, 3);
    gguf_writer_strings(&w, "a.strings", (const char *const[]){ "one", "", "three" }, 3);
    gguf_writer_strings(&w, "a.empty", NULL, 0);
    gguf_writer_bool(&w, "a.bool", true);
    const float matrix[6] = { 1, 2, 3, 4, 5, 6 };
    uint8_t block[18 * 2];
    memset(block, 0x5a, sizeof block);
    gguf_writer_tensor(&w, "m", F32, 2, DIMENSIONS(3, 2), matrix, sizeof matrix);
    gguf_writer_tensor(&w, "q", Q4_0, 3, DIMENSIONS(32, 1, 2), block, sizeof block);
    gguf *g = must_open(&w);
    assert_int_equal(gguf_version(g), version);
    assert_int_equal(gguf_alignment(g), alignment ? alignment : 32);
    assert_int_equal(gguf_n_parts(g), 1);
    assert_int_equal(gguf_n_values(g), alignment ? 9 : 8);
    assert_int_equal(gguf_n_tensors(g), 2);

    error err;
    gguf_string text;
    assert_int_equal(gguf_get_string(g, "general.architecture", &text, &err), 0);
    assert_int_equal(text.n, 4);
    assert_memory_equal(text.text, "none", 4);
    assert_int_equal(gguf_element_i64(gguf_find(g, "a.i8"), 0), -7);
    assert_true(gguf_element_f64(gguf_find(g, "a.u64"), 0) == 0x1p64);
    assert_true(gguf_element_i64(gguf_find(g, "a.u64"), 0) == INT64_MAX);
    assert_true(gguf_element_f64(gguf_find(g, "a.f64"), 0) == f64);
    assert_true(gguf_element_i64(gguf_find(g, "a.f64"), 0) == INT64_MIN);
    const gguf_value *v = gguf_find(g, "a.i16s");
    assert_true(v->is_array && v->type == GGUF_I16 && v->count == 3 && v->bytes == 6);
    for (size_t i = 0; i < 3; i++) assert_int_equal(gguf_element_i64(v, i), i16[i]);
    v = gguf_find(g, "a.strings");
    gguf_cursor cursor = {0};
    static const char *const expected[] = { "one", "", "three" };
    for (size_t i = 0; i < 3; i++) {
        assert_true(gguf_next_string(v, &cursor, &text));
        assert_int_equal(text.n, strlen(expected[i]));
        assert_memory_equal(text.text, expected[i], text.n);
    }
    assert_false(gguf_next_string(v, &cursor, &text));
    assert_int_equal(cursor.at, v->bytes);
    assert_false(gguf_next_string(gguf_find(g, "a.empty"), &(gguf_cursor){0}, &text));
    assert_null(gguf_find(g, "a"));
    assert_null(gguf_find(g, ""));

    const gguf_tensor *t = gguf_find_tensor(g, "m");
    assert_true(t == gguf_tensor_at(g, 0));
    assert_true(t->n_dimensions == 2 && t->dimension[0] == 3 && t->dimension[1] == 2 && t->dimension[2] == 1 && t->dimension[3] == 1);
    assert_int_equal(t->bytes, sizeof matrix);
    assert_memory_equal(t->data, matrix, sizeof matrix);
    assert_true(t->data == gguf_part(g, 0)->data + t->offset);
    t = gguf_find_tensor(g, "q");
    assert_int_equal(t->bytes, sizeof block);
    assert_memory_equal(t->data, block, sizeof block);
    assert_int_equal(t->offset % gguf_alignment(g), 0);
    assert_null(gguf_find_tensor(g, "n"));
    gguf_close(g);
    gguf_writer_free(&w);
}

static void versions_and_alignments_are_read(void **state) {
    (void)state;
    static const uint64_t alignments[] = { 0, 1, 2, 8, 32, 64, 4096, 65536 };
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        everything_written_is_read(2, alignments[i]);
        everything_written_is_read(3, alignments[i]);
    }
    gguf_close(NULL);
}

static void scalars_convert_or_say_what_they_hold(void **state) {
    (void)state;
    gguf_writer w = {0};
    const int64_t negative = -1, large = 1ll << 32;
    const uint8_t small = 200;
    const double much = 1e39, tenth = 0.1;
    gguf_writer_scalar(&w, "negative", GGUF_I64, &negative);
    gguf_writer_scalar(&w, "large", GGUF_I64, &large);
    gguf_writer_scalar(&w, "small", GGUF_U8, &small);
    gguf_writer_scalar(&w, "much", GGUF_F64, &much);
    gguf_writer_scalar(&w, "tenth", GGUF_F64, &tenth);
    gguf_writer_f32(&w, "nan", NAN);
    gguf_writer_bool(&w, "yes", true);
    gguf_writer_string(&w, "text", "x");
    gguf_writer_array(&w, "list", GGUF_U8, &small, 1);
    gguf *g = must_open(&w);
    error err;
    uint32_t u = 5;
    uint64_t u64 = 5;
    float f = 5;
    bool b = false;
    gguf_string s = { "unchanged", 9 };
    assert_int_equal(gguf_get_u32(g, "small", &u, &err), 0);
    assert_int_equal(u, 200);
    assert_int_equal(gguf_get_u64(g, "large", &u64, &err), 0);
    assert_true(u64 == 1ull << 32);
    assert_int_equal(gguf_get_f32(g, "tenth", &f, &err), 0);
    assert_true(f == 0.1f);
    assert_int_equal(gguf_get_f32(g, "small", &f, &err), 0);
    assert_true(f == 200.0f);
    assert_int_equal(gguf_get_bool(g, "yes", &b, &err), 0);
    assert_true(b);
    /* Absent keys leave the default alone. */
    assert_int_equal(gguf_get_u32(g, "none", &u, &err) | gguf_get_u64(g, "none", &u64, &err) | gguf_get_f32(g, "none", &f, &err)
                     | gguf_get_bool(g, "none", &b, &err) | gguf_get_string(g, "none", &s, &err), 0);
    assert_true(u == 200 && u64 == 1ull << 32 && f == 200.0f && b && s.n == 9);
    /* And wrong ones too, with a sentence. */
#define WRONG(call, key, held)                                              \
    do {                                                                    \
        assert_int_equal(call, RIDGE_E_BAD_FILE);                           \
        assert_non_null(strstr(err.text, "'" key "'"));                     \
        assert_non_null(strstr(err.text, "offset"));                        \
        assert_non_null(strstr(err.text, held));                            \
    } while (0)
    WRONG(gguf_get_u32(g, "negative", &u, &err), "negative", "i64 -1");
    WRONG(gguf_get_u64(g, "negative", &u64, &err), "negative", "i64 -1");
    WRONG(gguf_get_u32(g, "large", &u, &err), "large", "i64 4294967296");
    WRONG(gguf_get_u32(g, "tenth", &u, &err), "tenth", "f64 0.1");
    WRONG(gguf_get_u32(g, "yes", &u, &err), "yes", "bool");
    WRONG(gguf_get_u32(g, "list", &u, &err), "list", "array of u8");
    WRONG(gguf_get_f32(g, "much", &f, &err), "much", "f64 1");
    WRONG(gguf_get_f32(g, "nan", &f, &err), "nan", "f32 nan");
    WRONG(gguf_get_f32(g, "text", &f, &err), "text", "string");
    WRONG(gguf_get_bool(g, "small", &b, &err), "small", "u8 200");
    WRONG(gguf_get_string(g, "yes", &s, &err), "yes", "bool");
    assert_true(u == 200 && u64 == 1ull << 32 && f == 200.0f && b && s.n == 9);
    gguf_close(g);
    gguf_writer_free(&w);
}

/* Types are known, their sizes agree with the formats', and with the reference vectors where they are here. */
static void types_have_their_sizes(void **state) {
    (void)state;
    assert_null(gguf_type(4));
    assert_null(gguf_type(43));
    assert_null(gguf_type(UINT32_MAX));
    assert_string_equal(gguf_type(0)->name, "f32");
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        const gguf_type_info *type = gguf_type(formats[i].gguf_type);
        assert_string_equal(type->name, formats[i].name);
        assert_int_equal(type->block_k, formats[i].block_k);
        assert_int_equal(type->block_bytes, formats[i].block_bytes);
    }
    const char *path = vectors_path("formats/index.json");
    if (!path) return;
    json_t *index = json_load_file(path, 0, NULL), *entry;
    const char *name;
    assert_non_null(index);
    json_object_foreach(json_object_get(index, "formats"), name, entry) {
        const gguf_type_info *type = gguf_type((uint32_t)json_integer_value(json_object_get(entry, "ggml_type")));
        assert_non_null(type);
        assert_int_equal(strcasecmp(type->name, name), 0);
        assert_int_equal(type->block_k, json_integer_value(json_object_get(entry, "block_values")));
        assert_int_equal(type->block_bytes, json_integer_value(json_object_get(entry, "block_bytes")));
    }
    json_decref(index);
}

static void tensors_may_lie_in_any_order(void **state) {
    (void)state;
    gguf_writer w = {0};
    uint8_t bytes[32 * 8];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)i;
    static const uint64_t at[] = { 96, 0, 224, 32, 64, 192, 128, 160 };
    for (size_t i = 0; i < 8; i++) gguf_writer_record(&w, (char[]){ (char)('a' + i), 0 }, F32, 1, DIMENSIONS(8), at[i]);
    buffer_append(&w.data, bytes, sizeof bytes);
    gguf *g = must_open(&w);
    for (size_t i = 0; i < 8; i++) assert_int_equal(gguf_tensor_at(g, i)->data[0], at[i]);
    gguf_close(g);
    gguf_writer_free(&w);
}

/* ---- splits ---- */

static void part_path(char out[200], const char *name, unsigned number, unsigned count) {
    snprintf(out, 200, "%s/%s-%05u-of-%05u.gguf", folder, name, number, count);
}

/* Writes one of `count` parts: 2 tensors each, named after the part. `claims` is what it says it is. */
static void write_part(const char *name, unsigned number, unsigned count, unsigned claims, unsigned claimed_count, int32_t total) {
    gguf_writer w = {0};
    const uint16_t no = (uint16_t)claims, of = (uint16_t)claimed_count;
    char path[200], tensor[32];
    if (number == 0) gguf_writer_string(&w, "general.name", "split");
    gguf_writer_scalar(&w, "split.no", GGUF_U16, &no);
    gguf_writer_scalar(&w, "split.count", GGUF_U16, &of);
    gguf_writer_scalar(&w, "split.tensors.count", GGUF_I32, &total);
    for (unsigned i = 0; i < 2; i++) {
        const float value = (float)(10 * number + i);
        snprintf(tensor, sizeof tensor, "t.%u", 2 * number + i);
        gguf_writer_tensor(&w, tensor, F32, 1, DIMENSIONS(1), &value, sizeof value);
    }
    part_path(path, name, number + 1, count);
    gguf_writer_save(&w, path);
    gguf_writer_free(&w);
}

static void split_refused(const char *name, unsigned number, unsigned count, int code, const char *a, const char *b) {
    char path[200];
    gguf *g;
    error err;
    part_path(path, name, number, count);
    assert_int_equal(gguf_open(&g, path, &err), code);
    if (!strstr(err.text, a) || !strstr(err.text, b)) fail_msg("no \"%s\" or \"%s\" in: %s", a, b, err.text);
}

static void split_models_open_through_any_part(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) write_part("good", i, 3, i, 3, 6);
    for (unsigned i = 0; i < 3; i++) {
        char path[200], name[32];
        gguf *g;
        error err;
        part_path(path, "good", i + 1, 3);
        assert_int_equal(gguf_open(&g, path, &err), 0);
        assert_int_equal(gguf_n_parts(g), 3);
        assert_int_equal(gguf_n_tensors(g), 6);
        assert_non_null(gguf_find(g, "general.name"));
        for (unsigned k = 0; k < 6; k++) {
            snprintf(name, sizeof name, "t.%u", k);
            const gguf_tensor *t = gguf_find_tensor(g, name);
            float value;
            assert_true(t == gguf_tensor_at(g, k));
            assert_int_equal(t->part, k / 2);
            assert_true(t->data == gguf_part(g, t->part)->data + t->offset);
            memcpy(&value, t->data, sizeof value);
            assert_true(value == (float)(10 * (k / 2) + k % 2));
        }
        gguf_close(g);
    }
    write_part("one", 0, 1, 0, 1, 2);       /* a split into one */
    char path[200];
    gguf *g;
    part_path(path, "one", 1, 1);
    assert_int_equal(gguf_open(&g, path, NULL), 0);
    gguf_close(g);
}

static void wrong_splits_are_refused_by_name(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2; i++) write_part("gap", i, 3, i, 3, 6);
    split_refused("gap", 1, 3, RIDGE_E_NOT_FOUND, "part 3 of 3", "gap-00003-of-00003.gguf");
    split_refused("gap", 2, 3, RIDGE_E_NOT_FOUND, "part 3 of 3", "gap-00003-of-00003.gguf");
    for (unsigned i = 0; i < 2; i++) write_part("swapped", i, 2, i == 1 ? 0 : i, 2, 4);
    split_refused("swapped", 1, 2, RIDGE_E_BAD_FILE, "swapped-00002-of-00002.gguf", "part 1 of 2");
    split_refused("swapped", 2, 2, RIDGE_E_BAD_FILE, "swapped-00002-of-00002.gguf", "-00001-of-00002.gguf");
    for (unsigned i = 0; i < 2; i++) write_part("other", i, 2, i, i ? 7 : 2, 4);
    split_refused("other", 1, 2, RIDGE_E_BAD_FILE, "other-00002-of-00002.gguf", "part 2 of 7");
    for (unsigned i = 0; i < 2; i++) write_part("total", i, 2, i, 2, 5);
    split_refused("total", 2, 2, RIDGE_E_BAD_FILE, "split.tensors.count", "5 tensors");
    write_part("outside", 0, 2, 9, 2, 4);
    split_refused("outside", 1, 2, RIDGE_E_BAD_FILE, "split.no (9)", "split.count (2)");
    write_part("damaged", 0, 2, 0, 2, 4);
    char path[200];
    part_path(path, "damaged", 2, 2);
    assert_int_equal(write_whole_file(path, "GGUX", 4, NULL), 0);
    split_refused("damaged", 1, 2, RIDGE_E_BAD_FILE, "part 2 of 2", "not a GGUF file");

    /* The same tensor in two parts; a part without split.no; a file that is a part but is not called like one. */
    for (unsigned i = 0; i < 2; i++) {
        gguf_writer w = {0};
        const uint16_t no = (uint16_t)i, count = 2;
        gguf_writer_scalar(&w, "split.no", GGUF_U16, &no);
        gguf_writer_scalar(&w, "split.count", GGUF_U16, &count);
        gguf_writer_tensor(&w, "same", F32, 1, DIMENSIONS(1), NULL, 4);
        part_path(path, "twice", i + 1, 2);
        gguf_writer_save(&w, path);
        if (i) refused(&w, RIDGE_E_BAD_FILE, (const char *const[]){ "-00002-of-00002.gguf", NULL });
        else gguf_writer_free(&w);
    }
    split_refused("twice", 1, 2, RIDGE_E_BAD_FILE, "tensor 'same'", "offset");
    write_part("bare", 0, 2, 0, 2, 2);
    gguf_writer w = {0};
    gguf_writer_tensor(&w, "t", F32, 1, DIMENSIONS(1), NULL, 4);
    part_path(path, "bare", 2, 2);
    gguf_writer_save(&w, path);
    gguf_writer_free(&w);
    split_refused("bare", 1, 2, RIDGE_E_BAD_FILE, "bare-00002-of-00002.gguf", "split.no");
    w = (gguf_writer){0};
    gguf_writer_string(&w, "split.count", "three");
    refused(&w, RIDGE_E_BAD_FILE, WORDS("'split.count'", "string"));
}

/* ---- what it refuses ---- */

static void headers_are_refused(void **state) {
    (void)state;
    refused_bytes("", 0, RIDGE_E_BAD_FILE, (const char *const[]){ "empty", NULL });
    refused_bytes("ggjt", 4, RIDGE_E_BAD_FILE, WORDS("not a GGUF file"));
    refused_bytes("GGUF\3\0\0\0\0", 9, RIDGE_E_BAD_FILE, WORDS("header", "9 bytes"));
    static const struct { uint32_t version; const char *words; } versions[] = {
        { 1, "version 1" }, { 0x03000000, "big-endian" }, { 0x02000000, "big-endian" }, { 4, "version 4" }, { UINT32_MAX, "version 4294967295" },
    };
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        gguf_writer w = { .version = versions[i].version };
        refused(&w, RIDGE_E_UNSUPPORTED, WORDS(versions[i].words));
    }
    gguf_writer w = {0};
    buffer file = {0};
    gguf_writer_build(&w, &file);
    memset(file.data + 4, 0, 4);
    refused_bytes(file.data, file.n, RIDGE_E_UNSUPPORTED, WORDS("version 0"));
    buffer_free(&file);
    gguf_writer_free(&w);
}

static void values_are_refused(void **state) {
    (void)state;
    gguf_writer w = {0};
    gguf_writer_u32(&w, "once", 1);
    gguf_writer_u32(&w, "twice", 1);
    gguf_writer_u32(&w, "twice", 1);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 'twice'", "second"));
    gguf_writer_raw(&w, "nested", "\11\0\0\0\11\0\0\0\1\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0", 28);
    refused(&w, RIDGE_E_UNSUPPORTED, WORDS("key 'nested'", "arrays of arrays"));
    gguf_writer_raw(&w, "type", "\15\0\0\0\0\0\0\0", 8);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 'type'", "type is 13"));
    gguf_writer_raw(&w, "elements", "\11\0\0\0\377\0\0\0\0\0\0\0\0\0\0\0", 16);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 'elements'", "type is 255"));
    gguf_writer_raw(&w, "truth", "\7\0\0\0\2", 5);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 'truth'", "2 instead of 0 or 1"));
    gguf_writer_array(&w, "truths", GGUF_BOOL, "\1\0\1\377", 4);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 'truths'", "255 instead of 0 or 1"));
    gguf_writer_u32(&w, "", 1);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 0", "0 bytes"));
    gguf_writer_raw(&w, "text", "\10\0\0\0\377\377\377\377\377\377\377\377xx", 14);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 'text'", "18446744073709551615 bytes"));
    gguf_writer_raw(&w, "texts", "\11\0\0\0\10\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0x\2\0\0\0\0\0\0\0y", 34);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 'texts'", "string 1 of 2"));
    char *name = memory_new(70001, 1);
    memset(name, 'k', 70000);
    gguf_writer_u32(&w, name, 1);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 0", "70000 bytes"));
    name[300] = 0;
    memcpy(name, "a\033[2J\n", 6);               /* nothing that a terminal would obey reaches the sentence */
    gguf_writer_raw(&w, name, "\15\0\0\0", 4);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("key 'a?[2J?kkk", "kkk...'"));
    memory_free(name);
    static const uint32_t alignments[] = { 3, 48, 0xffffffff };
    for (size_t i = 0; i < 3; i++) {
        gguf_writer_u32(&w, "general.alignment", alignments[i]);
        refused(&w, RIDGE_E_BAD_FILE, WORDS("'general.alignment'", "power of two"));
    }
    gguf_writer_string(&w, "general.alignment", "32");
    refused(&w, RIDGE_E_BAD_FILE, WORDS("'general.alignment'", "string"));
}

static void tensors_are_refused(void **state) {
    (void)state;
    gguf_writer w = {0};
    gguf_writer_tensor(&w, "twice", F32, 1, DIMENSIONS(4), NULL, 16);
    gguf_writer_tensor(&w, "twice", F32, 1, DIMENSIONS(4), NULL, 16);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'twice'", "second"));
    gguf_writer_tensor(&w, "deep", F32, 5, DIMENSIONS(1, 1, 1, 1, 1), NULL, 4);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'deep'", "5 dimensions"));
    gguf_writer_tensor(&w, "flat", F32, 0, NULL, NULL, 4);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'flat'", "0 dimensions"));
    static const uint32_t unknown[] = { 4, 5, 43, 0x80000000 };
    for (size_t i = 0; i < 4; i++) {
        char number[32];
        snprintf(number, sizeof number, "number %u", unknown[i]);
        gguf_writer_tensor(&w, "odd", unknown[i], 1, DIMENSIONS(32), NULL, 32);
        refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'odd'", number));
    }
    gguf_writer_tensor(&w, "row", Q4_K, 2, DIMENSIONS(288, 8), NULL, 2048);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'row'", "288", "256", "q4_k"));
    gguf_writer_record(&w, "askew", F32, 1, DIMENSIONS(4), 8);
    buffer_append(&w.data, (char[64]){0}, 64);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'askew'", "alignment 32"));
    gguf_writer_tensor(&w, "under", F32, 1, DIMENSIONS(16), NULL, 64);
    gguf_writer_record(&w, "over", F32, 1, DIMENSIONS(8), 32);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'over'", "'under'"));
    for (int i = 0; i < 100; i++) {             /* also where the table is not in order */
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        gguf_writer_record(&w, name, F32, 1, DIMENSIONS(i == 30 ? 9 : 8), (uint64_t)(i * 37 % 100) * 32);
    }
    buffer_append(&w.data, (char[3200]){0}, 3200);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 't3'", "'t30'"));       /* 30 * 37 % 100 is 10, 3 * 37 % 100 is 11 */
    gguf_writer_tensor(&w, "", F32, 1, DIMENSIONS(4), NULL, 16);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 0", "0 bytes"));
}

/* ---- failures of other readers, replayed ---- */

/* CVE-2024-23605, llama.cpp #15711: counts that multiply to a small allocation, or to one far beyond the file. */
static void counts_beyond_the_file(void **state) {
    (void)state;
    static const uint64_t counts[] = { 1000, 1ull << 32, (1ull << 60) + 1, UINT64_MAX / 14 + 1, 1ull << 63, UINT64_MAX };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (int tensors = 0; tensors < 2; tensors++) {
            gguf_writer w = {0};
            gguf_writer_u32(&w, "k", 1);
            *(tensors ? &w.n_tensors : &w.n_values) = counts[i];
            refused(&w, RIDGE_E_BAD_FILE, WORDS("header", "claims"));
        }
    }
}

/* CVE-2024-21802, CVE-2026-33298, PLaMo-2: shapes whose product wraps in 64 or in 32 bits. */
static void shapes_that_wrap(void **state) {
    (void)state;
    static const uint64_t shapes[][4] = {
        { 1ull << 32, 1ull << 32, 1, 1 }, { 32, 1ull << 59, 1, 1 }, { 1ull << 16, 1ull << 16, 1ull << 16, 1ull << 16 }, { 1ull << 32, 1, 1, 1 },
        { (1ull << 32) + 32, 1, 1, 1 }, { 1ull << 62, 1, 1, 1 }, { 1ull << 63, 2, 1, 1 }, { 32, 3, UINT64_MAX, 1 }, { 32, 1ull << 31, 2, 1 },
    };
    static const uint32_t types[] = { F32, F16, Q8_0 };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (size_t k = 0; k < 3; k++) {
            gguf_writer w = {0};
            gguf_writer_tensor(&w, "wraps", types[k], 4, shapes[i], NULL, 4096);
            refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'wraps'", "larger than the whole file"));
        }
    }
}

/* CVE-2025-53630, CVE-2026-27940 and the padding that wraps: offsets whose sum with the size or the alignment wraps. */
static void offsets_that_wrap(void **state) {
    (void)state;
    static const uint64_t offsets[] = { UINT64_MAX - 31, UINT64_MAX - 63, 1ull << 63, (1ull << 63) - 32, 1ull << 32 };
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        gguf_writer w = {0};
        gguf_writer_tensor(&w, "good", F32, 1, DIMENSIONS(16), NULL, 64);
        gguf_writer_record(&w, "far", F32, 1, DIMENSIONS(16), offsets[i]);
        refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'far'", "64 bytes of data end past"));
    }
    gguf_writer w = {0};
    gguf_writer_tensor(&w, "good", F32, 1, DIMENSIONS(16), NULL, 64);
    gguf_writer_record(&w, "odd", F32, 1, DIMENSIONS(16), UINT64_MAX);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'odd'", "alignment"));
}

/* The 65-byte file that divided by a dimension of zero; CVE-2024-8063. */
static void dimensions_of_zero(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t shape[4] = { 32, 32, 32, 32 };
        shape[i] = 0;
        gguf_writer w = {0};
        gguf_writer_record(&w, "nothing", Q8_0, 4, shape, 0);
        refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 'nothing'", "is 0"));
    }
    gguf_writer w = {0};
    gguf_writer_record(&w, "ninebytes", Q8_0, 1, DIMENSIONS(0), 0);
    buffer file = {0};
    gguf_writer_build(&w, &file);
    assert_int_equal(file.n, 65);
    refused_bytes(file.data, file.n, RIDGE_E_BAD_FILE, WORDS("tensor 'ninebytes'", "dimension 0 is 0"));
    buffer_free(&file);
    gguf_writer_free(&w);
}

/* Alignments of 0 (CVE-2025-0317, a division) and 0x80000000 (an abort elsewhere). */
static void alignments_at_the_edge(void **state) {
    (void)state;
    gguf_writer w = {0};
    gguf_writer_u32(&w, "general.alignment", 0);
    gguf_writer_tensor(&w, "t", F32, 1, DIMENSIONS(16), NULL, 64);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("'general.alignment'", "it is 0"));
    gguf_writer_u32(&w, "general.alignment", 0x80000000);
    gguf_writer_tensor(&w, "t", F32, 1, DIMENSIONS(16), NULL, 64);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 't'", "past the file"));
    const uint64_t half = 1ull << 63;
    gguf_writer_scalar(&w, "general.alignment", GGUF_U64, &half);
    gguf_writer_tensor(&w, "t", F32, 1, DIMENSIONS(16), NULL, 64);
    refused(&w, RIDGE_E_BAD_FILE, WORDS("tensor 't'", "past the file"));
    gguf_writer_u32(&w, "general.alignment", 0x80000000);       /* harmless where there is no data */
    gguf_close(must_open(&w));
    gguf_writer_free(&w);
}

/* llama.cpp #26690: scores of one byte that were read as floats, four times past their end. The element type decides. */
static void scores_of_another_type(void **state) {
    (void)state;
    gguf_writer w = {0};
    const uint8_t scores[] = { 1, 2, 255 };
    gguf_writer_array(&w, "tokenizer.ggml.scores", GGUF_U8, scores, 3);
    gguf *g = must_open(&w);
    const gguf_value *v = gguf_find(g, "tokenizer.ggml.scores");
    assert_int_equal(v->type, GGUF_U8);
    assert_int_equal(v->bytes, 3);
    for (size_t i = 0; i < 3; i++) assert_true(gguf_element_f64(v, i) == scores[i]);
    gguf_close(g);
    gguf_writer_free(&w);
}

/* gguf-py #27188: a file of 43 bytes whose array claims 2^63 elements. */
static void array_lengths_beyond_the_file(void **state) {
    (void)state;
    static const uint32_t types[] = { GGUF_U8, GGUF_U16, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_F64 };
    static const uint64_t counts[] = { 1ull << 63, (1ull << 62) + 1, UINT64_MAX, UINT64_MAX / 8 + 2, 9 };
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 5; k++) {
            unsigned char raw[24] = { GGUF_ARRAY };
            memcpy(raw + 4, &types[i], 4);
            memcpy(raw + 8, &counts[k], 8);
            gguf_writer w = {0};
            gguf_writer_raw(&w, "abc", raw, k == 4 ? 24 : 16);
            refused(&w, RIDGE_E_BAD_FILE, WORDS("key 'abc'", "elements of at least"));
        }
    }
}

/* llama.cpp #6774 and Ollama CVE-2026-7482: data past the end of the file. */
static void data_past_the_end(void **state) {
    (void)state;
    gguf_writer w = {0};
    gguf_writer_tensor(&w, "first", F32, 1, DIMENSIONS(1024), NULL, 4096);
    gguf_writer_tensor(&w, "last", F16, 2, DIMENSIONS(1024, 2), NULL, 4096);
    buffer file = {0};
    gguf_writer_build(&w, &file);
    refused_bytes(file.data, file.n - 1, RIDGE_E_BAD_FILE, WORDS("tensor 'last'", "truncated"));
    refused_bytes(file.data, file.n - 4097, RIDGE_E_BAD_FILE, WORDS("tensor 'first'", "truncated"));
    buffer_free(&file);
    gguf_writer_free(&w);
}

/* As many names as are allowed, and the last one wrong: no quadratic time, no memory beyond a few times the file. */
static void many_names_stay_quick(void **state) {
    (void)state;
    for (int tensors = 0; tensors < 2; tensors++) {
        const unsigned n = tensors ? 1 << 17 : 1 << 16;
        gguf_writer w = {0};
        for (unsigned i = 0; i < n; i++) {
            char name[16];
            snprintf(name, sizeof name, "n%u", i + 1 < n ? i : 5);
            if (tensors) gguf_writer_tensor(&w, name, F32, 1, DIMENSIONS(8), NULL, 32);
            else gguf_writer_bool(&w, name, true);
        }
        refused(&w, RIDGE_E_BAD_FILE, WORDS("'n5'", "second"));
    }
    gguf_writer w = {0};
    for (unsigned i = 0; i < (1 << 16) + 1; i++) gguf_writer_bool(&w, (char[]){ (char)i, 'x', 0 }, true);
    refused(&w, RIDGE_E_UNSUPPORTED, WORDS("65537 keys"));
}

static void long_paths_leave_room_for_the_reason(void **state) {
    (void)state;
    char path[4000];
    size_t n = (size_t)snprintf(path, sizeof path, "%s", folder);
    while (n < 3000) n += (size_t)snprintf(path + n, sizeof path - n, "/%0200d", 7);
    error err;
    assert_int_equal(make_directories(path, &err), 0);
    snprintf(path + n, sizeof path - n, "/bad.gguf");
    assert_int_equal(write_whole_file(path, "nonsense", 8, &err), 0);
    gguf *g;
    assert_int_equal(gguf_open(&g, path, &err), RIDGE_E_BAD_FILE);
    assert_non_null(strstr(err.text, "/bad.gguf: not a GGUF file"));
    assert_non_null(strstr(err.text, "offset 0"));
}

/* ---- memory and time ---- */

/* Opens path with the nth allocation failing, for every n, until it succeeds without. */
static void torture(const char *path) {
    for (size_t n = 1; ; n++) {
        gguf *g;
        error err;
        memory_fail_nth(n);
        const int code = gguf_open(&g, path, &err);
        const bool all = memory_requests() < n;
        memory_fail_nth(0);
        assert_int_equal(code, all ? 0 : RIDGE_E_NO_MEMORY);
        if (code) assert_null(g);
        gguf_close(g);
        if (all) { assert_true(n > 4); return; }
    }
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    char path[200];
    for (unsigned i = 0; i < 3; i++) write_part("torture", i, 3, i, 3, 6);
    for (unsigned i = 1; i <= 3; i++) {
        part_path(path, "torture", i, 3);
        torture(path);
    }
    gguf_writer w = {0};
    gguf_writer_u32(&w, "k", 1);
    gguf_writer_record(&w, "b", F32, 1, DIMENSIONS(8), 32);         /* out of order, so that the sort's memory is in it */
    gguf_writer_record(&w, "a", F32, 1, DIMENSIONS(8), 0);
    buffer_append(&w.data, (char[64]){0}, 64);
    buffer file = {0};
    gguf_writer_build(&w, &file);
    torture(memory_file(file.data, file.n));
    buffer_free(&file);
    gguf_writer_free(&w);
}

static void large_vocabularies_open_quickly(void **state) {
    (void)state;
    enum { N = 152000 };
    gguf_writer w = {0};
    char (*text)[16] = memory_new(N, sizeof *text);
    const char **tokens = memory_new(N, sizeof *tokens);
    float *scores = memory_new(N, sizeof *scores);
    assert_true(text && tokens && scores);
    for (unsigned i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "%.*s%u", (int)(i % 7), "Ġtokens", i);
        tokens[i] = text[i];
    }
    gguf_writer_strings(&w, "tokenizer.ggml.tokens", tokens, N);
    gguf_writer_strings(&w, "tokenizer.ggml.merges", tokens, N);
    gguf_writer_array(&w, "tokenizer.ggml.scores", GGUF_F32, scores, N);
    buffer file = {0};
    gguf_writer_build(&w, &file);
    const char *path = memory_file(file.data, file.n);
    double best = INFINITY;
    for (int i = 0; i < 10; i++) {
        gguf *g;
        const double start = clock_seconds();
        assert_int_equal(gguf_open(&g, path, NULL), 0);
        best = fmin(best, clock_seconds() - start);
        assert_int_equal(gguf_find(g, "tokenizer.ggml.merges")->count, N);
        gguf_close(g);
    }
    print_message("opened in %.1f ms\n", best * 1e3);
    buffer_free(&file);
    gguf_writer_free(&w);
    memory_free(text); memory_free(tokens); memory_free(scores);
}

/* Opens every GGUF file of a folder of the vectors; returns how many there were. */
static size_t open_folder(const char *relative) {
    const char *place = vectors_path(relative);
    DIR *d = place ? opendir(place) : NULL;
    size_t n = 0;
    if (!d) return 0;
    for (const struct dirent *e; (e = readdir(d)); ) {
        const size_t length = strlen(e->d_name);
        if (length < 5 || strcmp(e->d_name + length - 5, ".gguf")) continue;
        char path[5000];
        snprintf(path, sizeof path, "%s/%s", place, e->d_name);
        gguf *g;
        error err;
        if (gguf_open(&g, path, &err)) fail_msg("%s", err.text);
        assert_non_null(gguf_find(g, "general.architecture"));
        for (size_t i = 0; i < gguf_n_tensors(g); i++) {
            const gguf_tensor *t = gguf_tensor_at(g, i);
            snprintf(path, sizeof path, "%.*s", (int)t->name.n, t->name.text);
            assert_true(gguf_find_tensor(g, path) == t);
        }
        gguf_close(g);
        n++;
    }
    closedir(d);
    return n;
}

static void real_files_open(void **state) {
    (void)state;
    assert_true(open_folder("models") >= 29);
    assert_true(open_folder("tokenizer") >= 6);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* test_unit_gguf real_files: those of the reference vectors. */
static int open_real_files(void) {
    if (vectors_missing("models")) return 77;
    const struct CMUnitTest tests[] = { cmocka_unit_test(real_files_open) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "real_files")) return open_real_files();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_and_alignments_are_read),
        cmocka_unit_test(scalars_convert_or_say_what_they_hold),
        cmocka_unit_test(types_have_their_sizes),
        cmocka_unit_test(tensors_may_lie_in_any_order),
        cmocka_unit_test(split_models_open_through_any_part),
        cmocka_unit_test(wrong_splits_are_refused_by_name),
        cmocka_unit_test(headers_are_refused),
        cmocka_unit_test(values_are_refused),
        cmocka_unit_test(tensors_are_refused),
        cmocka_unit_test(counts_beyond_the_file),
        cmocka_unit_test(shapes_that_wrap),
        cmocka_unit_test(offsets_that_wrap),
        cmocka_unit_test(dimensions_of_zero),
        cmocka_unit_test(alignments_at_the_edge),
        cmocka_unit_test(scores_of_another_type),
        cmocka_unit_test(array_lengths_beyond_the_file),
        cmocka_unit_test(data_past_the_end),
        cmocka_unit_test(many_names_stay_quick),
        cmocka_unit_test(long_paths_leave_room_for_the_reason),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(large_vocabularies_open_quickly),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
