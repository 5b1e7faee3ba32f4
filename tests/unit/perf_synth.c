/* perf/synth: files of random weights that are valid models of the size asked for. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/events.h"
#include "model/gguf.h"
#include "perf/synth.h"
#include "perf/synth_weights.h"

static char directory[] = "/tmp/ridge-test-XXXXXX", path[100];

static int make_directory(void **state) {
    (void)state;
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/a.gguf", directory);
    return setenv("XDG_CACHE_HOME", directory, 1);
}

static int remove_directory(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

/* Every type is listed, and its weights have the size of a trained model's. */
static void weights_have_the_right_size(void **state) {
    (void)state;
    enum { VALUES = 1 << 16 };
    static float y[VALUES];
    static _Alignas(8) unsigned char data[VALUES * 4 + 8], again[VALUES * 4 + 8];
    size_t n = 0;
    for (const synth_type *t; (t = synth_type_at(n)); n++) {
        const format *f = &formats[t->format];
        const size_t blocks = VALUES / f->block_k;
        synth_fill(t, data, blocks, 7);
        synth_fill(t, again, blocks, 7);
        assert_memory_equal(data, again, blocks * f->block_bytes);
        f->dequantize(y, data, VALUES);
        double sum = 0, squares = 0;
        for (size_t i = 0; i < VALUES; i++) { assert_true(isfinite(y[i])); sum += (double)y[i]; squares += (double)y[i] * (double)y[i]; }
        const double mean = sum / VALUES, sd = sqrt(squares / VALUES - mean * mean);
        if (sd < 0.014 || sd > 0.035 || fabs(mean) > 0.15 * sd) print_error("%s: mean %g, sd %g\n", t->name, mean, sd);
        assert_true(sd > 0.014 && sd < 0.035 && fabs(mean) < 0.15 * sd);
        const bool fits = t->format < FORMAT_q8_0 && format_row_fits_bf16(f, data, VALUES);
        assert_int_equal(fits, !strcmp(t->name, "bf16") || !strcmp(t->name, "f16b"));
        const char *listed = strstr(synth_types(), t->name);
        assert_non_null(listed);
        const synth_type *found;
        error e;
        assert_int_equal(synth_type_find(&found, t->name, &e), 0);
        assert_ptr_equal(found, t);
    }
    assert_int_equal(n, FORMAT_COUNT + 1);
}

static const synth_shape tiny = { "tiny", "qwen2", 288, 512, 2, 4, 2, 72, 400, false, true, 1e4f, 1e-6f };

static void files_are_whole_models(void **state) {
    (void)state;
    error e;
    const size_t before = event_count(EVENT_format_replaced);
    assert_int_equal(synth_write(path, &tiny, "q6_k", &e), 0);
    assert_true(event_count(EVENT_format_replaced) > before);       /* 288 is no multiple of 256 */
    gguf *g;
    assert_int_equal(gguf_open(&g, path, &e), 0);
    assert_int_equal(gguf_n_tensors(g), 3 + 2 * 12);
    const gguf_tensor *q = gguf_find_tensor(g, "blk.1.attn_q.weight"), *down = gguf_find_tensor(g, "blk.0.ffn_down.weight"), *norm = gguf_find_tensor(g, "output_norm.weight");
    assert_non_null(q);
    assert_non_null(down);
    assert_non_null(norm);
    assert_true(q->type == formats[FORMAT_q8_0].gguf_type && q->dimension[0] == 288 && q->dimension[1] == 288);
    assert_true(down->type == formats[FORMAT_q6_k].gguf_type && down->dimension[0] == 512 && down->dimension[1] == 288);
    float one;
    memcpy(&one, norm->data + 287 * 4, 4);
    assert_true(one == 1);
    uint32_t heads = 0;
    assert_int_equal(gguf_get_u32(g, "qwen2.attention.head_count", &heads, &e), 0);
    assert_int_equal(heads, 4);
    const gguf_value *tokens = gguf_find(g, "tokenizer.ggml.tokens");
    assert_non_null(tokens);
    assert_int_equal(tokens->count, 400);
    gguf_cursor cursor = {0};
    gguf_string text;
    for (int i = 0; i <= 'a'; i++) assert_true(gguf_next_string(tokens, &cursor, &text));
    assert_true(text.n == 1 && text.text[0] == 'a');
    for (int i = 'a' + 1; i <= 255; i++) assert_true(gguf_next_string(tokens, &cursor, &text));
    assert_true(text.n == 2 && !memcmp(text.text, "\xc3\xbf", 2));          /* byte 255 is y with diaeresis */
    gguf_close(g);
}

static void mistakes_are_named(void **state) {
    (void)state;
    error e;
    const synth_shape *shape;
    assert_int_equal(synth_shape_find(&shape, "qwen2.5-5b", &e), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(e.text, "qwen2.5-0.5b"));
    assert_int_equal(synth_write(path, &tiny, "q4k", &e), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(e.text, "did you mean q4_k"));
    assert_int_equal(synth_write("/nowhere/at/all.gguf", &tiny, "f16", &e), RIDGE_E_IO);
    assert_non_null(strstr(e.text, "/nowhere/at/all.gguf"));
}

static void cached_files_are_written_once(void **state) {
    (void)state;
    error e;
    bool made;
    buffer first = {0}, second = {0};
    assert_int_equal(synth_cached(&first, &tiny, "f16b", &made, &e), 0);
    assert_true(made);
    assert_int_equal(synth_cached(&second, &tiny, "f16b", &made, &e), 0);
    assert_false(made);
    assert_string_equal(buffer_text(&first), buffer_text(&second));
    assert_int_equal(access(buffer_text(&first), R_OK), 0);
    buffer_free(&first);
    buffer_free(&second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_have_the_right_size),
        cmocka_unit_test(files_are_whole_models),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(cached_files_are_written_once),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
