/* Packed files: a model gives the same bits from its panels as from its rows, however the file is read; it says of itself what the
 * original said; and a file that is damaged, newer or of the wrong kind is refused with one sentence. */
#define _GNU_SOURCE
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/events.h"
#include "base/files.h"
#include "base/memory.h"
#include "cpu/kernels.h"
#include "support/tiny_model.h"

enum { N_PROMPT = 40, N_MORE = 3, CHUNK = 24 };

static char folder[] = "/tmp/ridge-packed-XXXXXX", original[64], packed[64], other[64];

static void ignore_event(void *user, event_kind kind, const char *text) { }

static int make_folder(void **state) {
    if (!mkdtemp(folder)) return -1;
    snprintf(original, sizeof original, "%s/model.gguf", folder);
    snprintf(packed, sizeof packed, "%s/packed.gguf", folder);
    snprintf(other, sizeof other, "%s/other.gguf", folder);
    return 0;
}

/* rmdir fails where a temporary file was left. */
static int remove_folder(void **state) {
    unlink(original);
    unlink(packed);
    unlink(other);
    return rmdir(folder);
}

static void pack(const tiny_model *m) {
    ridge_error err;
    tiny_model_write(m, original);
    if (ridge_pack(original, packed, &(ridge_pack_options){ .threads = 2 }, NULL, &err)) fail_msg("%s", err.text);
}

/* ---- the same bits ------------------------------------------------------------------------------------------------------ */

typedef struct { const char *isa, *fuse; uint32_t threads; bool precise, keeps_rows, reference; } way;

static ridge_model *open_model(const char *path, way w) {
    ridge_model *m;
    ridge_error err;
    ridge_model_options o = ridge_model_options_default();
    o.isa = w.isa;
    o.fuse = w.fuse;
    o.threads = w.threads;
    o.precise = w.precise;
    o.pack = !w.keeps_rows;
    o.backend = w.reference ? "reference" : "cpu";
    o.chunk_tokens = CHUNK;
    if (ridge_model_open(&m, path, &o, &err)) fail_msg("%s", err.text);
    return m;
}

/* Logits behind a prompt of two chunks and behind each of a few tokens more: [1 + N_MORE][n_vocab], the caller's. */
static float *logits_of(const char *path, way w, size_t *bytes) {
    ridge_model *m = open_model(path, w);
    ridge_session *s;
    ridge_error err;
    const size_t n_vocab = ridge_model_get_info(m).n_vocab;
    float *logits = memory_new((1 + N_MORE) * n_vocab, sizeof *logits);
    int32_t ids[N_PROMPT + N_MORE];
    for (int32_t i = 0; i < N_PROMPT + N_MORE; i++) ids[i] = (i * 7919 + i * i * 31) % 500;
    if (!logits || ridge_session_open(&s, m, &err)) fail_msg("no session");
    for (size_t i = 0; i <= N_MORE; i++) {
        if (ridge_session_append(s, i ? ids + N_PROMPT + i - 1 : ids, i ? 1 : N_PROMPT, &err)) fail_msg("%s", err.text);
        memcpy(logits + i * n_vocab, ridge_session_logits(s), n_vocab * sizeof *logits);
    }
    ridge_session_close(s);
    ridge_model_close(m);
    *bytes = (1 + N_MORE) * n_vocab * sizeof *logits;
    return logits;
}

static void expect_same(const char *what, way w, const float *want, size_t bytes) {
    size_t n;
    float *got = logits_of(packed, w, &n);
    if (n != bytes || memcmp(want, got, bytes))
        fail_msg("%s: other bits from panels with %s, fuse %s, %u threads%s%s%s", what, w.isa, w.fuse, w.threads, w.precise ? ", precise" : "",
                 w.keeps_rows ? ", not packed" : "", w.reference ? ", reference" : "");
    memory_free(got);
}

static bool is_supported(const char *isa) {
    const cpu_kernels *k;
    return !kernels_choose(&k, isa, NULL);
}

static void every_way(const char *what, const tiny_model *m) {
    static const char *const isas[] = { "scalar", "avx2", "best" }, *const fuses[] = { "none", "glu", "norm", "all" };
    size_t bytes;
    pack(m);
    for (int precise = 0; precise < 2; precise++) {
        float *want = logits_of(original, (way){ .isa = "best", .fuse = "all", .threads = 2, .precise = precise }, &bytes);
        for (size_t i = 0; i < 3; i++)
            for (uint32_t f = 0; f < 4 && is_supported(isas[i]); f++)
                if (i == 2 || f % 3 == 0) expect_same(what, (way){ .isa = isas[i], .fuse = fuses[f], .threads = 1 + (f + (uint32_t)i) % 3, .precise = precise }, want, bytes);
        expect_same(what, (way){ .isa = "best", .fuse = "all", .threads = 2, .precise = precise, .keeps_rows = true }, want, bytes);
        memory_free(want);
    }
    float *want = logits_of(original, (way){ .fuse = "none", .reference = true }, &bytes);
    expect_same(what, (way){ .fuse = "all", .reference = true }, want, bytes);
    memory_free(want);
}

static void every_format(void **state) {
    for (int f = 0; f < FORMAT_COUNT; f++) {
        tiny_model m = tiny_model_default("llama");
        m.weights = (format_id)f;
        m.n_layers = 1;
        every_way(formats[f].name, &m);
    }
}

static void dense_weights_that_bf16_holds(void **state) {
    static const format_id dense[] = { FORMAT_f16, FORMAT_f32 };
    for (int i = 0; i < 2; i++) {
        tiny_model m = tiny_model_default("qwen3");         /* tied: rows of the table come out of bf16 panels too */
        m.weights = dense[i];
        m.fits_bf16 = true;
        m.n_layers = 1;
        every_way(formats[dense[i]].name, &m);
    }
}

/* Mixed files; biases and a tied table (qwen2), scales and caps (gemma2), slices of one tensor (phi3). */
static void every_architecture(void **state) {
    static const char *const names[] = { "llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tiny_model m = tiny_model_default(names[i]);
        m.weights = FORMAT_q4_k;
        m.others = FORMAT_q6_k;
        every_way(names[i], &m);
    }
}

static void odd_shapes(void **state) {
    tiny_model m = tiny_model_default("llama");             /* the last panels of the head and of a layer's matrices are not full */
    m.hidden = 192;
    m.head = 32;
    m.n_heads = 6;
    m.n_kv_heads = 3;
    m.ff = 360;
    m.vocabulary = 517;
    m.weights = FORMAT_f16;
    every_way("odd shapes", &m);
}

static void rows_of_several_sections(void **state) {
    for (int i = 0; i < TINY_LONG_ROWS; i++) {
        const tiny_model m = tiny_model_long_rows(i);
        every_way("several sections", &m);
    }
}

static buffer content_of(const char *path) {
    buffer b = {0};
    error err;
    if (read_whole_file(path, 1 << 24, &b, &err)) fail_msg("%s", err.text);
    return b;
}

static void write_content(const char *path, const buffer *b, size_t n) {
    error err;
    if (write_whole_file(path, b->data, n, &err)) fail_msg("%s", err.text);
}

/* Where a text of the file begins. */
static char *find(const buffer *b, const char *text) {
    char *at = memmem(b->data, b->n, text, strlen(text));
    assert_non_null(at);
    return at;
}

/* Panels are cut where the writer's windows end. */
static void files_of_several_windows(void **state) {
    tiny_model m = tiny_model_default("llama");
    m.weights = FORMAT_f32;
    m.hidden = 512;
    m.n_heads = 8;
    m.ff = 1616;
    m.n_layers = 1;
    size_t bytes;
    pack(&m);
    const way w = { .isa = "best", .fuse = "all", .threads = 2 };
    float *want = logits_of(original, w, &bytes);
    expect_same("several windows", w, want, bytes);
    memory_free(want);
}

/* Two layers exchange their up matrices, so that a gate's stream holds another layer's up. */
static void gate_and_up_need_not_alternate(void **state) {
    static const char *const names[] = { "blk.0.ffn_up.weight", "blk.1.ffn_up.weight" }, *const files[] = { original, packed }, *const fuses[] = { "none", "all" };
    tiny_model m = tiny_model_default("llama");
    m.weights = FORMAT_q8_0;
    pack(&m);
    for (int i = 0; i < 2; i++) {
        buffer b = content_of(files[i]);
        char *first = find(&b, names[0]), *second = find(&b, names[1]);
        memcpy(first, names[1], strlen(names[1]));
        memcpy(second, names[0], strlen(names[0]));
        write_content(files[i], &b, b.n);
        buffer_free(&b);
    }
    for (int i = 0; i < 2; i++) {
        const way w = { .isa = "best", .fuse = fuses[i], .threads = 2 };
        size_t bytes;
        float *want = logits_of(original, w, &bytes);
        expect_same("gate and up apart", w, want, bytes);
        memory_free(want);
    }
}

/* ---- what a packed file says ---------------------------------------------------------------------------------------------- */

static ridge_model *open_plan(const char *path) {
    ridge_model *m;
    ridge_error err;
    ridge_model_options o = ridge_model_options_default();
    o.load = RIDGE_LOAD_PLAN;
    if (ridge_model_open(&m, path, &o, &err)) fail_msg("%s", err.text);
    return m;
}

static bool find_tensor(const ridge_model *m, const ridge_tensor_info *like, ridge_tensor_info *out) {
    for (size_t i = 0; ridge_model_tensor(m, i, out); i++)
        if (out->name_bytes == like->name_bytes && !memcmp(out->name, like->name, like->name_bytes)) return true;
    return false;
}

static void it_says_what_the_original_said(void **state) {
    tiny_model t = tiny_model_default("phi3");
    t.fits_bf16 = true;
    pack(&t);
    ridge_model *before = open_plan(original), *after = open_plan(packed);
    const ridge_model_info a = ridge_model_get_info(before), b = ridge_model_get_info(after);
    assert_int_equal(a.packed_version, 0);
    assert_int_equal(b.packed_version, 3);
    assert_int_equal(a.parameters, b.parameters);
    assert_int_equal(a.weight_bytes, b.weight_bytes);
    assert_true(ridge_model_bytes_per_token(before, 7) == ridge_model_bytes_per_token(after, 7));
    char *plan_before, *plan_after;
    ridge_error err;
    assert_int_equal(ridge_model_plan_text(before, &plan_before, &err), 0);
    assert_int_equal(ridge_model_plan_text(after, &plan_after, &err), 0);
    assert_string_equal(plan_before, plan_after);
    size_t n = 0, n_packed = 0;
    ridge_tensor_info x, y;
    for (; ridge_model_tensor(before, n, &x); n++) {
        assert_true(find_tensor(after, &x, &y));
        assert_string_equal(x.type, y.type);
        assert_memory_equal(x.dimension, y.dimension, sizeof x.dimension);
        assert_null(x.panels);
        if (!y.panels) continue;
        assert_string_equal(y.panels, "bf16");
        n_packed++;
    }
    assert_false(ridge_model_tensor(after, n, &y));         /* those that hold the panels are not among them */
    assert_int_equal(n_packed, 4 * t.n_layers + 1);         /* qkv, o, up, down; the head: the table of embeddings has rows */
    ridge_cost cost_before, cost_after;
    assert_int_equal(ridge_model_cost(before, 0, 1, true, &cost_before, &err), 0);
    assert_int_equal(ridge_model_cost(after, 0, 1, true, &cost_after, &err), 0);
    assert_string_equal(cost_before.arithmetic, "bf16");
    assert_string_equal(cost_after.arithmetic, "bf16");
    ridge_free(plan_before);
    ridge_free(plan_after);
    ridge_model_close(before);
    ridge_model_close(after);
}

/* A file that changes while it is mapped changes the results: nothing was copied. */
static void it_is_used_in_place(void **state) {
    tiny_model t = tiny_model_default("llama");
    pack(&t);
    ridge_model *rows = open_model(original, (way){ .fuse = "all", .threads = 1 }), *m = open_model(packed, (way){ .fuse = "all", .threads = 1, .keeps_rows = true });
    assert_string_equal(ridge_model_get_info(m).backend, ridge_model_get_info(rows).backend);       /* not "not packed" */
    ridge_session *s;
    ridge_error err;
    if (ridge_session_open(&s, m, &err) || ridge_session_append(s, (int32_t[]){ 1, 2 }, 2, &err)) fail_msg("%s", err.text);
    const size_t last = ridge_model_get_info(m).n_vocab - 1;
    const float before = ridge_session_logits(s)[last];
    FILE *f = fopen(packed, "r+");
    assert_non_null(f);
    static const char zeros[4096];
    assert_true(!fseek(f, -(long)sizeof zeros, SEEK_END) && fwrite(zeros, sizeof zeros, 1, f) == 1 && !fclose(f));
    ridge_session_truncate(s, 0);
    if (ridge_session_append(s, (int32_t[]){ 1, 2 }, 2, &err)) fail_msg("%s", err.text);
    assert_true(before != ridge_session_logits(s)[last]);
    ridge_session_close(s);
    ridge_model_close(rows);
    ridge_model_close(m);
}

static void any_number_of_threads_gives_the_same_file(void **state) {
    tiny_model t = tiny_model_default("llama");
    t.weights = FORMAT_q8_0;            /* panels of odd lines: bytes between them */
    t.hidden = 288;
    t.ff = 352;
    pack(&t);
    buffer want = content_of(packed);
    for (uint32_t threads = 1; threads < 6; threads += 2) {
        ridge_error err;
        if (ridge_pack(original, other, &(ridge_pack_options){ .threads = threads }, NULL, &err)) fail_msg("%s", err.text);
        buffer got = content_of(other);
        assert_int_equal(want.n, got.n);
        assert_memory_equal(want.data, got.data, got.n);
        buffer_free(&got);
    }
    buffer_free(&want);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------------- */

static void expect_refusal(const char *path, int code, const char *sentence) {
    ridge_model *m;
    ridge_error err;
    assert_int_equal(ridge_model_open(&m, path, NULL, &err), code);
    assert_null(m);
    if (!strstr(err.text, sentence)) fail_msg("\"%s\" does not say \"%s\"", err.text, sentence);
}

/* The value behind a key: of an array its first element. */
static char *value_of(const buffer *b, const char *key, bool is_array) { return find(b, key) + strlen(key) + 4 + (is_array ? 12 : 0); }

static void damaged_files_are_refused(void **state) {
    tiny_model t = tiny_model_default("llama");
    t.weights = FORMAT_q8_0;
    pack(&t);
    static const struct { const char *key; bool is_array; uint32_t value; int code; const char *sentence; } cases[] = {
        { "ridge.pack.version",     false, 4,  RIDGE_E_UNSUPPORTED, "packed by a newer Ridge, in version 4" },
        { "ridge.pack.version",     false, 2,  RIDGE_E_UNSUPPORTED, "packed by an older Ridge, in version 2" },
        { "ridge.pack.version",     false, 0,  RIDGE_E_BAD_FILE,    "ridge.pack.version" },
        { "ridge.pack.panel_rows",  false, 8,  RIDGE_E_BAD_FILE,    "panels of 8 rows, but those of version 3 have 16" },
        { "ridge.pack.section_k",   false, 1000, RIDGE_E_BAD_FILE,  "sections of 1000 values" },
        { "ridge.pack.section_k",   false, 0,  RIDGE_E_BAD_FILE,    "sections of 0 values" },
        { "ridge.pack.types",       true,  9,  RIDGE_E_UNSUPPORTED, "made of 9" },
        { "ridge.pack.types",       true,  2,  RIDGE_E_BAD_FILE,    "q8_0 panels cannot be made of q4_0" },
        { "ridge.pack.panel_types", true,  30, RIDGE_E_BAD_FILE,    "bf16 panels cannot be made of q8_0" },
        { "ridge.pack.columns",     true,  250, RIDGE_E_BAD_FILE,   "contradict each other" },
        { "ridge.pack.columns",     true,  512, RIDGE_E_BAD_FILE,   "do not fit tensor 'ridge.panels.blk.0.attn_q.weight'" },
        { "ridge.pack.columns",     true,  224, RIDGE_E_BAD_FILE,   ": shape 224x256, expected 256x256" },
        { "ridge.pack.rows",        true,  257, RIDGE_E_BAD_FILE,   "contradict each other" },
        { "ridge.pack.rows",        true,  0,  RIDGE_E_BAD_FILE,    "contradict each other" },
        { "ridge.pack.rows",        true,  240, RIDGE_E_BAD_FILE,   "no panels of rows 0 to 255" },
        { "ridge.pack.first_rows",  true,  16, RIDGE_E_BAD_FILE,    "contradict each other" },
        { "ridge.pack.columns",     true,  0xffffffe0, RIDGE_E_BAD_FILE, "the file is damaged" },
        { "ridge.pack.matrices",    true,  2,  RIDGE_E_BAD_FILE,    "the file is damaged" },
        { "ridge.pack.matrices",    true,  0,  RIDGE_E_BAD_FILE,    "number 0 of 0 matrices" },
        { "ridge.pack.matrices",    true,  3,  RIDGE_E_BAD_FILE,    "number 0 of 3 matrices" },
        { "ridge.pack.places",      true,  1,  RIDGE_E_BAD_FILE,    "number 1 of 1 matrices" },
        { "ridge.pack.places",      true,  0xffffffff, RIDGE_E_BAD_FILE, "matrices that take turns" },
    };
    buffer file = content_of(packed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t before;
        char *at = value_of(&file, cases[i].key, cases[i].is_array);
        memcpy(&before, at, sizeof before);
        assert_int_not_equal(before, cases[i].value);
        memcpy(at, &cases[i].value, sizeof before);
        write_content(other, &file, file.n);
        expect_refusal(other, cases[i].code, cases[i].sentence);
        memcpy(at, &before, sizeof before);
    }
    static const char *const keys[] = { "ridge.pack.panel_rows", "ridge.pack.section_k", "ridge.pack.names", "ridge.pack.streams", "ridge.pack.rows", "ridge.panels.blk.0.attn_v" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {           /* a key that is not there; a stream that is not there */
        char *at = find(&file, keys[i]);
        at[0] = 'x';
        write_content(other, &file, file.n);
        expect_refusal(other, RIDGE_E_BAD_FILE, "missing");
        at[0] = 'r';
    }
    write_content(other, &file, file.n - 4096);
    expect_refusal(other, RIDGE_E_BAD_FILE, "truncated");
    write_content(other, &file, file.n);
    ridge_model_close(open_plan(other));                                /* and undamaged it is fine */
    buffer_free(&file);
}

static void the_wrong_files_are_refused(void **state) {
    ridge_error err;
    tiny_model t = tiny_model_default("llama");
    pack(&t);
    assert_int_equal(ridge_pack(packed, other, NULL, NULL, &err), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(err.text, "a packed file already"));
    assert_int_equal(ridge_pack(original, original, NULL, NULL, &err), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(err.text, "the input itself"));
    assert_int_equal(ridge_quantize(packed, other, &(ridge_quantize_options){ .type = "q4_0" }, NULL, &err), RIDGE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "is a packed file"));
    assert_int_equal(ridge_pack("/nowhere/at/all.gguf", other, NULL, NULL, &err), RIDGE_E_NOT_FOUND);
}

/* Every allocation fails in turn, writing and reading: each time an error, nothing left behind, and in the end a model. */
static void memory_may_run_out(void **state) {
    tiny_model t = tiny_model_default("phi3");
    t.n_layers = 1;
    pack(&t);
    unlink(other);
    ridge_error err;
    int code = RIDGE_E_NO_MEMORY;
    for (size_t n = 1; code; n++) {
        memory_fail_nth(n);
        code = ridge_pack(original, other, &(ridge_pack_options){ .threads = 2 }, NULL, &err);
        memory_fail_nth(0);
        if (code) assert_int_equal(access(other, F_OK), -1);
        if (code && code != RIDGE_E_NO_MEMORY) fail_msg("packing, allocation %zu: %s", n, err.text);
    }
    code = RIDGE_E_NO_MEMORY;
    ridge_model *m = NULL;
    for (size_t n = 1; code; n++) {
        memory_fail_nth(n);
        code = ridge_model_open(&m, other, NULL, &err);
        memory_fail_nth(0);
        if (code && code != RIDGE_E_NO_MEMORY) fail_msg("opening, allocation %zu: %s", n, err.text);
    }
    ridge_model_close(m);
}

int main(void) {
    event_redirect(ignore_event, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format),
        cmocka_unit_test(dense_weights_that_bf16_holds),
        cmocka_unit_test(every_architecture),
        cmocka_unit_test(odd_shapes),
        cmocka_unit_test(rows_of_several_sections),
        cmocka_unit_test(files_of_several_windows),
        cmocka_unit_test(gate_and_up_need_not_alternate),
        cmocka_unit_test(it_says_what_the_original_said),
        cmocka_unit_test(it_is_used_in_place),
        cmocka_unit_test(any_number_of_threads_gives_the_same_file),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(the_wrong_files_are_refused),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
