/* The tiny models that other tests run on: that they are whole, repeatable, and named as the real ones are. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "support/memory_file.h"
#include "support/random_row.h"
#include "support/tiny_model.h"
#include "vectors.h"

static const char *const architectures[] = { "llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "olmo2", "granite", "smollm3" };
enum { N_ARCHITECTURES = sizeof architectures / sizeof *architectures };

static void build(const tiny_model *m, buffer *file) {
    gguf_writer w = {0};
    tiny_model_build(m, &w);
    gguf_writer_build(&w, file);
    gguf_writer_free(&w);
}

static gguf *open_model(const tiny_model *m) {
    buffer file = {0};
    gguf *g;
    error err;
    build(m, &file);
    if (gguf_open(&g, memory_file(file.data, file.n), &err)) fail_msg("%s", err.text);
    buffer_free(&file);
    return g;
}

/* Deviation of a tensor's values, or NaN where one is not finite. */
static double deviation(const gguf_tensor *t) {
    const format *f = format_by_gguf_type(t->type);
    const size_t columns = (size_t)t->dimension[0], row_bytes = format_row_bytes(f, columns);
    float *row = memory_new(columns, sizeof *row);
    double squares = 0;
    for (uint64_t r = 0; r < t->dimension[1]; r++) {
        f->dequantize(row, t->data + r * row_bytes, columns);
        for (size_t k = 0; k < columns; k++) squares += (double)row[k] * (double)row[k];
    }
    memory_free(row);
    return sqrt(squares / (double)(columns * t->dimension[1]));
}

static void every_architecture_and_every_format(void **state) {
    (void)state;
    for (size_t a = 0; a < N_ARCHITECTURES; a++) {
        for (format_id f = 0; f < FORMAT_COUNT; f++) {
            if (a && f != FORMAT_q8_0) continue;        /* every format in the first architecture, one in the others */
            tiny_model m = tiny_model_default(architectures[a]);
            m.weights = f;
            if (formats[f].block_k == 256) m.ff = 512;
            gguf *g = open_model(&m);
            const gguf_tensor *embedding = gguf_find_tensor(g, "token_embd.weight");
            assert_int_equal(embedding->type, formats[f].gguf_type);
            assert_int_equal(embedding->dimension[1], 515);
            assert_int_equal(gguf_find_tensor(g, "blk.1.ffn_down.weight")->type, formats[f].gguf_type);
            for (size_t i = 0; i < gguf_n_tensors(g); i++) {
                const gguf_tensor *t = gguf_tensor_at(g, i);
                const double d = deviation(t), expected = 1 / sqrt((double)t->dimension[0]);
                if (t->n_dimensions == 2 && !(d > 0.75 * expected && d < 1.25 * expected)) {
                    fail_msg("%s %s %.*s: deviation %g, expected %g", m.architecture, formats[f].name, (int)t->name.n, t->name.text, d, expected);
                }
                assert_true(isfinite(d));
            }
            gguf_close(g);
        }
    }
}

static void equal_descriptions_give_equal_bytes(void **state) {
    (void)state;
    tiny_model m = tiny_model_default("gemma3");
    buffer a = {0}, b = {0};
    build(&m, &a);
    build(&m, &b);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.data, b.data, a.n);
    buffer_clear(&b);
    m.seed++;
    build(&m, &b);
    assert_int_equal(a.n, b.n);
    assert_memory_not_equal(a.data, b.data, a.n);
    buffer_free(&a);
    buffer_free(&b);
}

static void dense_values_fit_bf16_on_demand(void **state) {
    (void)state;
    for (int fits = 0; fits < 2; fits++) {
        for (format_id f = FORMAT_f32; f <= FORMAT_f16; f++) {
            tiny_model m = tiny_model_default("llama");
            m.weights = f;
            m.fits_bf16 = fits;
            gguf *g = open_model(&m);
            const gguf_tensor *t = gguf_find_tensor(g, "blk.0.attn_q.weight");
            assert_int_equal(format_row_fits_bf16(&formats[f], t->data, (size_t)t->dimension[0]), fits);
            gguf_close(g);
        }
    }
}

/* Which of the strings of `v` is `text`, or -1. */
static int64_t index_of(const gguf_value *v, gguf_string text) {
    gguf_string s;
    for (gguf_cursor c = {0}; gguf_next_string(v, &c, &s); ) {
        if (s.n == text.n && !memcmp(s.text, text.text, s.n)) return (int64_t)c.index - 1;
    }
    return -1;
}

static void vocabularies_are_whole(void **state) {
    (void)state;
    for (int sentencepiece = 0; sentencepiece < 2; sentencepiece++) {
        tiny_model m = tiny_model_default("llama");
        m.sentencepiece = sentencepiece;
        gguf *g = open_model(&m);
        const gguf_value *tokens = gguf_find(g, "tokenizer.ggml.tokens"), *types = gguf_find(g, "tokenizer.ggml.token_type");
        assert_int_equal(tokens->count, m.vocabulary);
        assert_int_equal(types->count, m.vocabulary);
        gguf_string text;
        for (gguf_cursor c = {0}; gguf_next_string(tokens, &c, &text); ) assert_int_equal(index_of(tokens, text), c.index - 1);    /* no duplicates */
        assert_int_equal(index_of(tokens, (gguf_string){ "<|im_end|>", 10 }), tiny_model_turn_end(&m));
        assert_int_equal(gguf_element_i64(types, tiny_model_turn_end(&m)), 3);
        if (!sentencepiece) {
            const gguf_value *merges = gguf_find(g, "tokenizer.ggml.merges");
            for (gguf_cursor c = {0}; gguf_next_string(merges, &c, &text); ) {
                const size_t left = (size_t)((const char *)memchr(text.text, ' ', text.n) - text.text);
                char joined[64];
                snprintf(joined, sizeof joined, "%.*s%.*s", (int)left, text.text, (int)(text.n - left - 1), text.text + left + 1);
                assert_true(index_of(tokens, (gguf_string){ text.text, left }) >= 0);
                assert_true(index_of(tokens, (gguf_string){ text.text + left + 1, text.n - left - 1 }) >= 0);
                assert_true(index_of(tokens, (gguf_string){ joined, text.n - 1 }) >= 256);
            }
            assert_int_equal(index_of(tokens, (gguf_string){ "Ġ", 2 }), ' ');
            assert_int_equal(index_of(tokens, (gguf_string){ "~", 1 }), '~');
            assert_int_equal(index_of(tokens, (gguf_string){ "ÿ", 2 }), 255);
        }
        gguf_close(g);
    }
}

/* Against the models of the reference vectors, which llama.cpp loads: the same tensors, and no key missing. */
static void names_are_those_of_real_files(void **state) {
    (void)state;
    for (size_t a = 0; a < N_ARCHITECTURES; a++) {
        char name[64];
        snprintf(name, sizeof name, "models/%s.gguf", architectures[a]);
        gguf *real, *ours;
        assert_int_equal(gguf_open(&real, vectors_path(name), NULL), 0);
        const tiny_model m = tiny_model_default(architectures[a]);
        ours = open_model(&m);
        assert_int_equal(gguf_n_tensors(real), gguf_n_tensors(ours));
        for (size_t i = 0; i < gguf_n_tensors(real); i++) {
            const gguf_tensor *t = gguf_tensor_at(real, i);
            snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.text);
            const gguf_tensor *same = gguf_find_tensor(ours, name);
            if (!same || same->n_dimensions != t->n_dimensions || same->type != t->type) fail_msg("%s: %s", architectures[a], name);
        }
        for (size_t i = 0; i < gguf_n_values(real); i++) {
            const gguf_value *v = gguf_value_at(real, i);
            snprintf(name, sizeof name, "%.*s", (int)v->key.n, v->key.text);
            if (!strncmp(name, "tokenizer.", 10) || !strcmp(name, "general.file_type")) continue;
            const gguf_value *same = gguf_find(ours, name);
            if (!same || same->type != v->type || same->is_array != v->is_array) fail_msg("%s: %s", architectures[a], name);
        }
        gguf_close(real);
        gguf_close(ours);
    }
}

static void random_numbers_are_normal(void **state) {
    (void)state;
    uint64_t s = random_seed(0);
    double sum = 0, squares = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        const double x = (double)random_normal(&s);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / N) < 0.02);
    assert_true(fabs(squares / N - 1) < 0.02);
}

/* test_unit_tiny_model real_files: against those of the reference vectors. */
static int compare_with_real_files(void) {
    if (vectors_missing("models")) return 77;
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_are_those_of_real_files) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "real_files")) return compare_with_real_files();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture_and_every_format),
        cmocka_unit_test(equal_descriptions_give_equal_bytes),
        cmocka_unit_test(dense_values_fit_bf16_on_demand),
        cmocka_unit_test(vocabularies_are_whole),
        cmocka_unit_test(random_numbers_are_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
