/* Quantising files: the writer of GGUF, the choice of formats, and that memory may run out anywhere. What the files are worth as
 * models is e2e/quantize's subject. */
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/events.h"
#include "base/files.h"
#include "base/memory.h"
#include "model/gguf_write.h"
#include "model/quantize_rule.h"
#include "support/tiny_model.h"

static char folder[] = "/tmp/ridge-quantize-XXXXXX", input[100], output[100];

static void ignore_event(void *user, event_kind kind, const char *text) { }

static int make_folder(void **state) {
    if (!mkdtemp(folder)) return -1;
    snprintf(input, sizeof input, "%s/in.gguf", folder);
    snprintf(output, sizeof output, "%s/out.gguf", folder);
    event_redirect(ignore_event, NULL);
    tiny_model t = tiny_model_default("llama");
    t.n_layers = 1;
    tiny_model_write(&t, input);
    return 0;
}

/* rmdir fails where a temporary file was left. */
static int remove_folder(void **state) {
    event_redirect(NULL, NULL);
    unlink(input);
    unlink(output);
    return rmdir(folder);
}

static gguf *open_file(const char *path) {
    gguf *g;
    error err;
    if (gguf_open(&g, path, &err)) fail_msg("%s", err.text);
    return g;
}

static void what_is_written_is_read(void **state) {
    gguf_header h = { .alignment = 64 };
    gguf_output *o;
    error err;
    gguf_write_u32(&h, "general.alignment", 64);
    gguf_write_f32(&h, "real", 1.5f);
    gguf_write_text(&h, "text", "some");
    gguf_write_array(&h, "words", GGUF_STRING, 2);
    gguf_write_element_text(&h, "one");
    gguf_write_element_text(&h, "two");
    gguf_write_array(&h, "numbers", GGUF_I32, 2);
    gguf_write_element_u32(&h, 7);
    gguf_write_element_u32(&h, (uint32_t)-1);
    const float a[3] = { 1, 2, 3 }, b[4] = { 4, 5, 6, 7 };
    assert_int_equal(gguf_write_tensor(&h, (gguf_string){ "a", 1 }, 0, 1, (uint64_t[]){ 3 }, sizeof a), 0);
    assert_int_equal(gguf_write_tensor(&h, (gguf_string){ "b", 1 }, 0, 2, (uint64_t[]){ 2, 2 }, sizeof b), 64);
    assert_int_equal(gguf_write_open(&o, output, &h, &err), 0);
    assert_int_equal(gguf_write_data(o, 64, b, sizeof b), 0);
    assert_int_equal(gguf_write_data(o, 0, a, sizeof a), 0);
    assert_int_equal(access(output, F_OK), -1);             /* not before it is whole */
    assert_int_equal(gguf_write_finish(o, true, &err), 0);
    gguf_header_free(&h);

    gguf *g = open_file(output);
    gguf_string word, text;
    gguf_cursor c = {0};
    float real = 0;
    assert_int_equal(gguf_alignment(g), 64);
    assert_int_equal(gguf_n_values(g), 5);
    assert_int_equal(gguf_get_f32(g, "real", &real, &err), 0);
    assert_true(real == 1.5f);
    assert_int_equal(gguf_get_string(g, "text", &text, &err), 0);
    assert_memory_equal(text.text, "some", 4);
    assert_true(gguf_next_string(gguf_find(g, "words"), &c, &word) && gguf_next_string(gguf_find(g, "words"), &c, &word));
    assert_memory_equal(word.text, "two", 3);
    assert_int_equal(gguf_element_i64(gguf_find(g, "numbers"), 1), -1);
    assert_memory_equal(gguf_find_tensor(g, "a")->data, a, sizeof a);
    assert_memory_equal(gguf_find_tensor(g, "b")->data, b, sizeof b);
    gguf_close(g);
}

static void a_discarded_file_leaves_nothing(void **state) {
    gguf_header h = {0};
    gguf_output *o;
    error err;
    unlink(output);
    gguf_write_u32(&h, "x", 1);
    assert_int_equal(gguf_write_open(&o, output, &h, &err), 0);
    gguf_write_discard(o);
    gguf_write_discard(NULL);
    gguf_header_free(&h);
    assert_int_equal(access(output, F_OK), -1);
}

static const char *chosen(const char *type_name, const quantize_model *m, const char *tensor, bool pure) {
    const quantize_type *type;
    error err;
    if (quantize_type_find(&type, type_name, &err)) fail_msg("%s", err.text);
    const gguf_tensor t = { .name = { tensor, strlen(tensor) }, .n_dimensions = 2, .dimension = { 4096, 4096, 1, 1 } };
    return formats[quantize_choose(type, m, pure, &t)].name;
}

/* As in files that llama-quantize made of Llama 3 8B (32 layers, four heads share a value head) and of tied models. */
static void formats_are_chosen_as_by_llama_quantize(void **state) {
    const quantize_model llama = { .n_layers = 32, .heads_per_kv_head = 4, .is_llama = true, .has_output = true };
    const quantize_model tied = { .n_layers = 24, .heads_per_kv_head = 7 }, large = { .n_layers = 80, .heads_per_kv_head = 8, .is_llama = true };
    const struct { const char *type; const quantize_model *m; const char *tensor, *format; } cases[] = {
        { "q4_k_m", &llama, "output.weight", "q6_k" },           { "q4_k_m", &llama, "token_embd.weight", "q4_k" },
        { "Q4_K",   &llama, "blk.0.attn_v.weight", "q6_k" },     { "q4_k_m", &llama, "blk.4.attn_v.weight", "q4_k" },
        { "q4_k_m", &llama, "blk.6.attn_v.weight", "q6_k" },     { "q4_k_m", &llama, "blk.28.ffn_down.weight", "q6_k" },
        { "q4_k_m", &llama, "blk.27.ffn_down.weight", "q6_k" },  { "q4_k_m", &llama, "blk.26.ffn_down.weight", "q4_k" },
        { "q4_k_m", &llama, "blk.0.attn_q.weight", "q4_k" },     { "q4_k_m", &llama, "blk.0.attn_output.weight", "q4_k" },
        { "q4_k_s", &llama, "blk.3.attn_v.weight", "q5_k" },     { "q4_k_s", &llama, "blk.4.attn_v.weight", "q4_k" },
        { "q4_k_s", &llama, "blk.3.ffn_down.weight", "q5_k" },   { "q4_k_s", &llama, "blk.4.ffn_down.weight", "q4_k" },
        { "q5_k_m", &llama, "blk.31.ffn_down.weight", "q6_k" },  { "q5_k_s", &llama, "blk.31.ffn_down.weight", "q5_k" },
        { "q3_k_m", &llama, "blk.1.attn_v.weight", "q5_k" },     { "q3_k_m", &llama, "blk.2.attn_v.weight", "q4_k" },
        { "q3_k_m", &llama, "blk.1.ffn_down.weight", "q5_k" },   { "q3_k_m", &llama, "blk.2.ffn_down.weight", "q4_k" },
        { "q3_k_m", &llama, "blk.2.attn_output.weight", "q4_k" },{ "q3_k_l", &llama, "blk.2.attn_output.weight", "q5_k" },
        { "q3_k_s", &llama, "blk.2.attn_output.weight", "q3_k" },{ "q2_k",   &llama, "blk.9.attn_v.weight", "q4_k" },
        { "q2_k",   &llama, "blk.9.ffn_down.weight", "q3_k" },   { "q2_k_s", &llama, "blk.3.ffn_down.weight", "q4_k" },
        { "q2_k_s", &llama, "blk.4.ffn_down.weight", "q2_k" },   { "q6_k",   &llama, "blk.4.ffn_down.weight", "q6_k" },
        { "q4_0",   &llama, "output.weight", "q6_k" },           { "q8_0",   &llama, "output.weight", "q8_0" },
        { "f16",    &llama, "output.weight", "f16" },            { "q4_0",   &llama, "blk.0.attn_v.weight", "q4_0" },
        { "q4_k_m", &tied,  "token_embd.weight", "q6_k" },       { "q4_k_m", &large, "blk.11.attn_v.weight", "q5_k" },
        { "q4_k_m", &llama, "blk.0.attn_qkv.weight", "q5_k" },   { "q5_k_m", &llama, "blk.0.attn_qkv.weight", "q6_k" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = chosen(cases[i].type, cases[i].m, cases[i].tensor, false);
        if (strcmp(found, cases[i].format)) fail_msg("%s, %s: %s, expected %s", cases[i].type, cases[i].tensor, found, cases[i].format);
        assert_string_equal(chosen("q4_k_m", cases[i].m, cases[i].tensor, true), "q4_k");
    }
}

/* As llama-quantize does once it has an importance matrix. */
static void importance_spares_the_first_layers(void **state) {
    quantize_model m = { .n_layers = 32, .heads_per_kv_head = 4, .is_llama = true, .has_output = true, .has_importance = true };
    assert_string_equal(chosen("q4_0", &m, "blk.3.ffn_down.weight", false), "q4_1");
    assert_string_equal(chosen("q5_0", &m, "blk.0.ffn_down.weight", false), "q5_1");
    assert_string_equal(chosen("q4_0", &m, "blk.4.ffn_down.weight", false), "q4_0");
    assert_string_equal(chosen("q4_0", &m, "blk.3.ffn_down.weight", true), "q4_0");
    assert_string_equal(chosen("q4_0", &m, "blk.3.ffn_up.weight", false), "q4_0");
    assert_string_equal(chosen("q4_1", &m, "blk.3.ffn_down.weight", false), "q4_1");
    m.has_importance = false;
    assert_string_equal(chosen("q4_0", &m, "blk.3.ffn_down.weight", false), "q4_0");
}

static void rows_get_a_format_that_fits(void **state) {
    const struct { format_id asked; uint64_t n; format_id given; } cases[] = {
        { FORMAT_q4_k, 512, FORMAT_q4_k }, { FORMAT_q4_k, 544, FORMAT_q5_0 }, { FORMAT_q5_k, 32, FORMAT_q5_1 }, { FORMAT_q6_k, 288, FORMAT_q8_0 },
        { FORMAT_q2_k, 96, FORMAT_q4_0 },  { FORMAT_q3_k, 96, FORMAT_q4_0 },  { FORMAT_q4_k, 100, FORMAT_f16 }, { FORMAT_q8_0, 33, FORMAT_f16 },
        { FORMAT_bf16, 33, FORMAT_bf16 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_int_equal(quantize_fitting(cases[i].asked, cases[i].n), cases[i].given);
}

static void only_matrices_are_wanted(void **state) {
    const struct { const char *name; uint32_t n_dimensions; bool wanted; } cases[] = {
        { "blk.0.attn_q.weight", 2, true }, { "blk.0.ffn_down_exps.weight", 3, true }, { "blk.0.attn_norm.weight", 1, false },
        { "blk.0.attn_q_norm.weight", 2, false }, { "blk.0.attn_q.bias", 1, false }, { "blk.0.ffn_gate_inp.weight", 2, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const gguf_tensor t = { .name = { cases[i].name, strlen(cases[i].name) }, .n_dimensions = cases[i].n_dimensions, .dimension = { 256, 4, 1, 1 } };
        assert_int_equal(quantize_wants(&t), cases[i].wanted);
    }
}

/* Every allocation fails in turn: each time an error, nothing left behind, and in the end a file. */
static void memory_may_run_out(void **state) {
    const ridge_tensor_type override = { "attn_q", "q8_0" };
    const ridge_quantize_options o = { .type = "q4_0", .threads = 2, .overrides = &override, .n_overrides = 1 };
    ridge_quantized done;
    error err;
    int code = RIDGE_E_NO_MEMORY;
    unlink(output);
    for (size_t n = 1; code; n++) {
        memory_fail_nth(n);
        code = ridge_quantize(input, output, &o, &done, &err);
        memory_fail_nth(0);
        if (code) assert_int_equal(access(output, F_OK), -1);
        if (code && code != RIDGE_E_NO_MEMORY) fail_msg("allocation %zu: %s", n, err.text);
        assert_true(n < 1000);
    }
    gguf *g = open_file(output);
    assert_int_equal(done.tensors, gguf_n_tensors(g));
    assert_int_equal(gguf_find_tensor(g, "blk.0.attn_q.weight")->type, formats[FORMAT_q8_0].gguf_type);
    assert_int_equal(gguf_find_tensor(g, "blk.0.attn_k.weight")->type, formats[FORMAT_q4_0].gguf_type);
    assert_true(done.bytes_after < done.bytes_before);
    gguf_close(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_discarded_file_leaves_nothing),
        cmocka_unit_test(formats_are_chosen_as_by_llama_quantize),
        cmocka_unit_test(importance_spares_the_first_layers),
        cmocka_unit_test(rows_get_a_format_that_fits),
        cmocka_unit_test(only_matrices_are_wanted),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
