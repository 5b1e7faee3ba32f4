/* Importance matrices: both file formats, what is wrong with a file, and sums against a model that is computed by hand. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/events.h"
#include "base/files.h"
#include "base/memory.h"
#include "model/gguf_write.h"
#include "model/imatrix.h"
#include "support/tiny_model.h"
#include "support/told_place.h"

static char folder[] = "/tmp/ridge-imatrix-XXXXXX", path[100], other[100], model_path[100];

static void ignore_event(void *user, event_kind kind, const char *text) { }

static int make_folder(void **state) {
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/imatrix.gguf", folder);
    snprintf(other, sizeof other, "%s/other.gguf", folder);
    snprintf(model_path, sizeof model_path, "%s/model.gguf", folder);
    event_redirect(ignore_event, NULL);
    tiny_model t = tiny_model_default("llama");
    t.n_layers = 1;
    tiny_model_write(&t, model_path);
    return 0;
}

static int remove_folder(void **state) {
    event_redirect(NULL, NULL);
    unlink(path);
    unlink(other);
    unlink(model_path);
    return rmdir(folder);
}

static imatrix *open_or_fail(const char *file) {
    imatrix *m;
    error err;
    if (imatrix_open(&m, file, &err)) fail_msg("%s", err.text);
    return m;
}

static void expect_refusal(const char *words, bool is_gguf) {
    imatrix *m;
    error err;
    assert_int_equal(imatrix_open(&m, path, &err), RIDGE_E_BAD_FILE);
    assert_null(m);
    if (!strstr(err.text, words) || strncmp(err.text, path, strlen(path))) fail_msg("\"%s\" does not begin with the path and say \"%s\"", err.text, words);
    const char *wrong = is_gguf ? told_place(err.text, path) : NULL;
    if (wrong) fail_msg("%s: %s", wrong, err.text);
}

/* Mean squares of a tensor as a file has them. */
static void expect_entry(const imatrix *m, const char *name, const float *expected, uint64_t n) {
    const imatrix_entry *e = imatrix_find(m, (gguf_string){ name, strlen(name) });
    assert_non_null(e);
    assert_int_equal(e->n, n);
    assert_memory_equal(e->mean_square, expected, n * sizeof *expected);
}

static void what_is_written_is_read(void **state) {
    const double a[] = { 8, 0, 2 }, b[] = { 1, 4 };
    const imatrix_sums tensors[] = { { "blk.0.attn_q.weight", a, 3 }, { "blk.0.ffn_down.weight", b, 2 } };
    const imatrix_totals t = { .tensors = tensors, .n_tensors = 2, .tokens = 4, .dataset = "a text", .n_chunks = 2, .chunk_tokens = 2 };
    error err;
    assert_int_equal(imatrix_write(path, &t, &err), 0);
    imatrix *m = open_or_fail(path);
    assert_int_equal(imatrix_n_entries(m), 2);
    assert_int_equal(imatrix_n_chunks(m), 2);
    assert_int_equal(imatrix_dataset(m).n, 6);
    assert_memory_equal(imatrix_dataset(m).text, "a text", 6);
    expect_entry(m, "blk.0.attn_q.weight", (float[]){ 2, 0, 0.5f }, 3);
    expect_entry(m, "blk.0.ffn_down.weight", (float[]){ 0.25f, 1 }, 2);
    assert_null(imatrix_find(m, (gguf_string){ "blk.1.attn_q.weight", 19 }));
    imatrix_close(m);
    const imatrix_sums broken = { "blk.0.attn_q.weight", (double[]){ NAN }, 1 };
    unlink(path);
    assert_int_equal(imatrix_write(path, &(imatrix_totals){ .tensors = &broken, .n_tensors = 1, .tokens = 1, .dataset = "" }, &err), RIDGE_E_BAD_FILE);
    assert_non_null(strstr(err.text, "not finite"));
    assert_int_equal(access(path, F_OK), -1);
}

/* A file with one tensor T of two experts, and what the test wants otherwise. */
typedef struct { const char *type; float sums[4], counts[3]; uint32_t n_counts; const char *counts_name; } gguf_case;

static void write_gguf(const gguf_case *c) {
    gguf_header h = {0};
    gguf_output *o;
    error err;
    if (c->type) gguf_write_text(&h, "general.type", c->type);
    const uint64_t sums = gguf_write_tensor(&h, (gguf_string){ "T.in_sum2", 9 }, 0, 2, (uint64_t[]){ 2, 2 }, sizeof c->sums);
    const uint64_t bytes = c->n_counts * sizeof(float);
    const uint64_t counts = gguf_write_tensor(&h, (gguf_string){ c->counts_name, strlen(c->counts_name) }, 0, 2, (uint64_t[]){ 1, c->n_counts }, bytes);
    if (gguf_write_open(&o, path, &h, &err)) fail_msg("%s", err.text);
    assert_int_equal(gguf_write_data(o, sums, c->sums, sizeof c->sums), 0);
    assert_int_equal(gguf_write_data(o, counts, c->counts, bytes), 0);
    assert_int_equal(gguf_write_finish(o, false, &err), 0);
    gguf_header_free(&h);
}

static void experts_have_counts_of_their_own(void **state) {
    write_gguf(&(gguf_case){ "imatrix", { 8, 6, 5, 5 }, { 2, 0 }, 2, "T.counts" });
    imatrix *m = open_or_fail(path);
    expect_entry(m, "T", (float[]){ 4, 3, 1, 1 }, 4);                   /* nobody chose the second: all its inputs alike */
    imatrix_close(m);
}

static void gguf_mistakes_are_named(void **state) {
    const struct { gguf_case file; const char *words; } cases[] = {
        { { NULL, { 1, 1, 1, 1 }, { 1, 1 }, 2, "T.counts" }, "the file has no key 'general.type'" },
        { { "model", { 1, 1, 1, 1 }, { 1, 1 }, 2, "T.counts" }, "this GGUF file is no importance matrix: it is \"model\"" },
        { { "imatrix", { 1, 1, 1, 1 }, { 1, 1 }, 2, "U.counts" }, "there are no counts (.counts) beside these sums" },
        { { "imatrix", { 1, 1, 1, 1 }, { 1, 1, 1 }, 3, "T.counts" }, "there are 4 and 3" },
        { { "imatrix", { 1, 1, NAN, 1 }, { 1, 1 }, 2, "T.counts" }, "importance of input 2 is nan" },
        { { "imatrix", { 1, -1, 1, 1 }, { 1, 1 }, 2, "T.counts" }, "importance of input 1 is -1" },
        { { "imatrix", { 1, 1, 1, INFINITY }, { 1, 1 }, 2, "T.counts" }, "is inf" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_gguf(&cases[i].file);
        expect_refusal(cases[i].words, true);
    }
}

static void put_i32(buffer *b, int32_t v) { buffer_append(b, &v, sizeof v); }

static void put_old_entry(buffer *b, const char *name, int32_t chunks, const float *values, int32_t n) {
    put_i32(b, (int32_t)strlen(name));
    buffer_append_text(b, name);
    put_i32(b, chunks);
    put_i32(b, n);
    buffer_append(b, values, (size_t)n * sizeof *values);
}

static void write_bytes(const void *data, size_t n) {
    error err;
    if (write_whole_file(path, data, n, &err)) fail_msg("%s", err.text);
}

static void the_older_format_is_read(void **state) {
    buffer b = {0};
    put_i32(&b, 2);
    put_old_entry(&b, "blk.0.attn_q.weight", 4, (float[]){ 8, 0, 2 }, 3);
    const size_t first_end = b.n;
    put_old_entry(&b, "blk.0.ffn_down.weight", 0, (float[]){ 0.25f, 1 }, 2);
    const size_t entries_end = b.n;
    put_i32(&b, 4);
    put_i32(&b, 6);
    buffer_append_text(&b, "a text");
    for (size_t n = b.n; n > 0; n--) {                                  /* cut everywhere: only the end of the entries is an end too */
        write_bytes(b.data, n);
        if (n != b.n && n != entries_end) {
            expect_refusal(n > entries_end ? "ends within the name of the text behind its 2 entries, offset 88" :
                           n >= first_end ? "ends within entry 2 of 2, which begins at offset 47" :
                           n >= 4 + 16 * 2 ? "ends within entry 1 of 2, which begins at offset 4" : "", false);
            continue;
        }
        imatrix *m = open_or_fail(path);
        assert_int_equal(imatrix_n_entries(m), 2);
        assert_int_equal(imatrix_n_chunks(m), n == b.n ? 4 : 0);
        assert_int_equal(imatrix_dataset(m).n, n == b.n ? 6 : 0);
        expect_entry(m, "blk.0.attn_q.weight", (float[]){ 2, 0, 0.5f }, 3);
        expect_entry(m, "blk.0.ffn_down.weight", (float[]){ 0.25f, 1 }, 2);
        imatrix_close(m);
    }
    buffer_free(&b);
}

static void old_mistakes_are_named(void **state) {
    buffer b = {0};
    put_i32(&b, 2);
    put_old_entry(&b, "T", 1, (float[]){ 1 }, 1);
    put_old_entry(&b, "T", 1, (float[]){ 1 }, 1);
    write_bytes(b.data, b.n);
    expect_refusal("tensor 'T', offset 21: a second entry", false);
    buffer_clear(&b);
    put_i32(&b, 1);
    put_old_entry(&b, "T", 1, (float[]){ -0.5f }, 1);
    write_bytes(b.data, b.n);
    expect_refusal("tensor 'T', offset 4: the importance of input 0 is -0.5", false);
    write_bytes("This is a text, and no importance matrix.", 41);
    expect_refusal("this is no importance matrix", false);
    write_bytes("", 0);
    expect_refusal("this is no importance matrix", false);
    buffer_free(&b);
}

/* ---- what a model saw ---------------------------------------------------------------------------------------------- */

enum { HIDDEN = 256, HEADS = 4, KV_HEADS = 2, HEAD = 64, FF = 544, N_IDS = 6 };
static const int32_t ids[N_IDS] = { 3, 77, 410, 5, 5, 200 };

static ridge_model *open_model(void) {
    ridge_model *m;
    error err;
    const ridge_model_options o = { .load = RIDGE_LOAD_PLAN };
    if (ridge_model_open(&m, model_path, &o, &err)) fail_msg("%s", err.text);
    return m;
}

/* A row of a tensor of the model. */
static void row_of(const gguf *g, const char *name, size_t row, float *out) {
    const gguf_tensor *t = gguf_find_tensor(g, name);
    const format *f = format_by_gguf_type(t->type);
    f->dequantize(out, t->data + row * format_row_bytes(f, t->dimension[0]), t->dimension[0]);
}

static void multiply(const gguf *g, const char *name, const double *x, size_t n, double *y, size_t rows) {
    float w[FF];
    for (size_t r = 0; r < rows; r++) {
        row_of(g, name, r, w);
        y[r] = 0;
        for (size_t k = 0; k < n; k++) y[r] += (double)w[k] * x[k];
    }
}

static void normalise(const gguf *g, const char *name, const double *x, double *y) {
    float w[HIDDEN], eps;
    double squares = 0;
    error err;
    assert_int_equal(gguf_get_f32(g, "llama.attention.layer_norm_rms_epsilon", &eps, &err), 0);
    row_of(g, name, 0, w);
    for (int k = 0; k < HIDDEN; k++) squares += x[k] * x[k];
    for (int k = 0; k < HIDDEN; k++) y[k] = x[k] / sqrt(squares / HIDDEN + (double)eps) * (double)w[k];
}

static void add_squares(double *sum, const double *x, size_t n) {
    for (size_t k = 0; k < n; k++) sum[k] += x[k] * x[k];
}

/* Sums over the tokens, each alone in its chunk: then attention is the value itself, whatever query, key and rotation are. */
typedef struct { double attn[HIDDEN], output[HIDDEN], ffn[HIDDEN], down[FF]; } by_hand;

static void compute(const gguf *g, by_hand *s) {
    for (int t = 0; t < N_IDS; t++) {
        float embedding[HIDDEN];
        double x[HIDDEN], h[HIDDEN], v[KV_HEADS * HEAD], attention[HEADS * HEAD], o[HIDDEN], gate[FF], up[FF];
        row_of(g, "token_embd.weight", (size_t)ids[t], embedding);
        for (int k = 0; k < HIDDEN; k++) x[k] = (double)embedding[k];
        normalise(g, "blk.0.attn_norm.weight", x, h);
        add_squares(s->attn, h, HIDDEN);
        multiply(g, "blk.0.attn_v.weight", h, HIDDEN, v, KV_HEADS * HEAD);
        for (int k = 0; k < HEADS * HEAD; k++) attention[k] = v[k / HEAD / (HEADS / KV_HEADS) * HEAD + k % HEAD];
        add_squares(s->output, attention, HEADS * HEAD);
        multiply(g, "blk.0.attn_output.weight", attention, HEADS * HEAD, o, HIDDEN);
        for (int k = 0; k < HIDDEN; k++) x[k] += o[k];
        normalise(g, "blk.0.ffn_norm.weight", x, h);
        add_squares(s->ffn, h, HIDDEN);
        multiply(g, "blk.0.ffn_gate.weight", h, HIDDEN, gate, FF);
        multiply(g, "blk.0.ffn_up.weight", h, HIDDEN, up, FF);
        for (int k = 0; k < FF; k++) gate[k] *= up[k] / (1 + exp(-gate[k]));
        add_squares(s->down, gate, FF);
    }
}

static void expect_means(const imatrix *m, const char *name, const double *sum, size_t n) {
    const imatrix_entry *e = imatrix_find(m, (gguf_string){ name, strlen(name) });
    assert_non_null(e);
    assert_int_equal(e->n, n);
    for (size_t k = 0; k < n; k++) {
        const double expected = sum[k] / N_IDS;
        if (!(fabs((double)e->mean_square[k] - expected) <= 1e-5 * expected + 1e-12))
            fail_msg("%s, input %zu: %g, expected %g", name, k, (double)e->mean_square[k], expected);
    }
}

static void sums_are_those_of_the_model(void **state) {
    static by_hand expected;
    ridge_model *m = open_model();
    gguf *g;
    error err;
    const ridge_imatrix_options o = { .chunk_tokens = 1, .threads = 2, .first = -1, .dataset = "six tokens" };
    if (ridge_imatrix(m, ids, N_IDS, path, &o, &err)) fail_msg("%s", err.text);
    assert_int_equal(gguf_open(&g, model_path, &err), 0);
    compute(g, &expected);
    gguf_close(g);
    imatrix *saw = open_or_fail(path);
    assert_int_equal(imatrix_n_entries(saw), 7);                        /* the matrices of the one layer, no others */
    assert_int_equal(imatrix_n_chunks(saw), N_IDS);
    expect_means(saw, "blk.0.attn_q.weight", expected.attn, HIDDEN);
    expect_means(saw, "blk.0.attn_k.weight", expected.attn, HIDDEN);
    expect_means(saw, "blk.0.attn_v.weight", expected.attn, HIDDEN);
    expect_means(saw, "blk.0.attn_output.weight", expected.output, HIDDEN);
    expect_means(saw, "blk.0.ffn_gate.weight", expected.ffn, HIDDEN);
    expect_means(saw, "blk.0.ffn_up.weight", expected.ffn, HIDDEN);
    expect_means(saw, "blk.0.ffn_down.weight", expected.down, FF);
    imatrix_close(saw);
    ridge_model_close(m);
}

static void expect_same_files(void) {
    buffer a = {0}, b = {0};
    error err;
    assert_int_equal(read_whole_file(path, 1 << 20, &a, &err) | read_whole_file(other, 1 << 20, &b, &err), 0);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.data, b.data, a.n);
    buffer_free(&a);
    buffer_free(&b);
}

static void chunks_and_threads(void **state) {
    ridge_model *m = open_model();
    ridge_imatrix_options o = { .chunk_tokens = 2, .threads = 1, .first = 9 };
    error err;
    assert_int_equal(ridge_imatrix(m, ids, N_IDS, path, &o, &err), 0);
    o.threads = 3;
    assert_int_equal(ridge_imatrix(m, ids, N_IDS, other, &o, &err), 0);
    expect_same_files();
    const int32_t with_first[N_IDS + 1] = { 9, ids[1], 9, ids[3], 9, ids[5], 100 };       /* what `first` means, and that an unfinished chunk is left out */
    o.first = -1;
    assert_int_equal(ridge_imatrix(m, with_first, N_IDS + 1, other, &o, &err), 0);
    expect_same_files();
    o.chunks = 2;
    assert_int_equal(ridge_imatrix(m, ids, N_IDS, path, &o, &err) | ridge_imatrix(m, ids, 4, other, &o, &err), 0);
    expect_same_files();
    assert_int_equal(ridge_imatrix(m, ids, 1, other, &o, &err), RIDGE_E_BAD_ARGUMENT);
    assert_string_equal(err.text, "the text has 1 token, less than a chunk of 2");
    assert_int_equal(ridge_imatrix(m, (int32_t[]){ 1, 515 }, 2, other, &o, &err), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(err.text, "515"));
    ridge_model_close(m);
}

/* Every allocation fails in turn: an error each time, and in the end what would have been there at once. */
static void memory_may_run_out(void **state) {
    ridge_model *m = open_model();
    const ridge_imatrix_options o = { .chunk_tokens = 3, .threads = 2, .first = -1 };
    error err;
    assert_int_equal(ridge_imatrix(m, ids, N_IDS, other, &o, &err), 0);
    int code = RIDGE_E_NO_MEMORY;
    unlink(path);
    for (size_t n = 1; code; n++) {
        memory_fail_nth(n);
        code = ridge_imatrix(m, ids, N_IDS, path, &o, &err);
        memory_fail_nth(0);
        if (code) assert_int_equal(access(path, F_OK), -1);
        if (code && code != RIDGE_E_NO_MEMORY) fail_msg("allocation %zu: %s", n, err.text);
        assert_true(n < 1000);
    }
    expect_same_files();
    imatrix *saw = NULL;
    for (size_t n = 1; !saw; n++) {
        memory_fail_nth(n);
        code = imatrix_open(&saw, path, &err);
        memory_fail_nth(0);
        assert_int_equal(code, saw ? 0 : RIDGE_E_NO_MEMORY);
    }
    imatrix_close(saw);
    ridge_model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(experts_have_counts_of_their_own),
        cmocka_unit_test(gguf_mistakes_are_named),
        cmocka_unit_test(the_older_format_is_read),
        cmocka_unit_test(old_mistakes_are_named),
        cmocka_unit_test(sums_are_those_of_the_model),
        cmocka_unit_test(chunks_and_threads),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
