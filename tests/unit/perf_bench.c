/* perf: lists of numbers, what follows from a benchmark's samples, and the formats that results are written in. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "perf/bench_result.h"
#include "perf/number_list.h"

static void lists_are_read(void **state) {
    (void)state;
    static const struct { const char *text; int n, v[8]; } good[] = {
        { "512", 1, { 512 } }, { "0", 1, { 0 } }, { "16,512,3", 3, { 16, 512, 3 } }, { "1-4", 4, { 1, 2, 3, 4 } },
        { "128-1024*2", 4, { 128, 256, 512, 1024 } }, { "64-256+64,7", 5, { 64, 128, 192, 256, 7 } }, { "3-10*2", 2, { 3, 6 } }, { "5-5", 1, { 5 } },
    };
    error e;
    number_list l = { .n = 3 };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(number_list_parse(&l, good[i].text, &e), 0);
        assert_int_equal(l.n, good[i].n);
        for (size_t k = 0; k < l.n; k++) assert_int_equal(l.v[k], good[i].v[k]);
    }
    static const char *const bad[] = {
        "", ",", "1,", "x", "-1", "1-", "4-1", "1-4+0", "1-4*1", "0-4*2", "1;2", "99999999999", "1-1000", " 1", "1-4+", "20000000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(number_list_parse(&l, bad[i], &e), RIDGE_E_BAD_ARGUMENT);
        assert_non_null(strstr(e.text, bad[i]));
    }
    number_pairs p = {0};
    assert_int_equal(number_pair_parse(&p, "512,128", &e), 0);
    assert_int_equal(number_pair_parse(&p, "16,4", &e), 0);
    assert_true(p.n == 2 && p.v[0][0] == 512 && p.v[0][1] == 128 && p.v[1][0] == 16 && p.v[1][1] == 4);
    assert_int_equal(number_pair_parse(&p, "512", &e), RIDGE_E_BAD_ARGUMENT);
    assert_int_equal(number_pair_parse(&p, "512,0", &e), RIDGE_E_BAD_ARGUMENT);
}

/* 128 tokens of 500 MB each at 1.0, 2.0 and 4.0 s; the memory slows down with the run, so the share stays the same. */
static bench_result example(void) {
    bench_result r = {
        .version = "0.0", .model_file = "dir/it's \"a\".gguf", .model_type = "llama 1M Q8_0", .model_bytes = 5u << 20, .model_parameters = 1000000,
        .backend = "cpu: avx2, 2 threads", .isa = "avx2", .fuse = "all", .arithmetic = "int8", .peak = "int8 by avx2", .packed = true, .type_k = "f16", .type_v = "f16",
        .threads = 2, .batch = 2048, .micro_batch = 512, .n_gen = 128, .n_depth = 16, .load_seconds = 0.5, .time = "2026-01-01T00:00:00Z",
        .bytes = 128 * 500e6, .operations = 128 * 1e9, .n = 3,
    };
    for (int i = 0; i < 3; i++) {
        r.seconds[i] = 1 << i;
        r.read[i] = 80.0 / (1 << i);
        r.peak_rate[i] = 1000;
        r.limit_seconds[i] = r.bytes * 1e-9 / r.read[i];
    }
    return r;
}

static void summaries_are_right(void **state) {
    (void)state;
    static bench_summary s;
    bench_result r = example();
    bench_summarise(&r, &s);
    assert_true(s.tokens == 128 && s.least == 32 && s.median == 64 && s.most == 128);
    assert_float_equal(s.mean, 224.0 / 3, 1e-9);
    assert_true(s.range.low == 32 && s.range.high == 128);
    assert_float_equal(s.gb_per_s, 32, 1e-9);
    assert_float_equal(s.gop_per_s, 64, 1e-9);
    assert_true(s.memory_bound && s.ceiling == 40);
    assert_float_equal(s.share.median, 0.8, 1e-9);
    assert_true(s.share.range.high - s.share.range.low < 1e-9);
    for (int i = 0; i < 3; i++) r.peak_rate[i] = 50;        /* 2.56 s of arithmetic against 1.6 s of memory */
    bench_summarise(&r, &s);
    assert_true(!s.memory_bound && s.ceiling == 50);
    for (int i = 0; i < 3; i++) r.peak_rate[i] = 0;         /* unknown */
    bench_summarise(&r, &s);
    assert_true(s.memory_bound);

    char name[64];
    bench_test_name(&r, name, sizeof name);
    assert_string_equal(name, "tg128 @ d16");
    r.n_prompt = 512;
    r.n_depth = 0;
    bench_test_name(&r, name, sizeof name);
    assert_string_equal(name, "pp512+tg128");
    r.n_gen = 0;
    bench_test_name(&r, name, sizeof name);
    assert_string_equal(name, "pp512");
}

/* Two rows in a format; the caller frees. */
static char *print(const char *format) {
    const bench_printer *p = bench_printer_find(format);
    assert_non_null(p);
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    const bench_result r = example();
    p->begin(out);
    for (size_t i = 0; i < 2; i++) p->row(out, &r, i);
    p->end(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* What llama-bench's users' scripts ask for. */
static const char *const llama_fields[] = {
    "build_commit", "build_number", "cpu_info", "gpu_info", "backends", "model_filename", "model_type", "model_size", "model_n_params", "n_batch", "n_ubatch",
    "n_threads", "cpu_mask", "cpu_strict", "poll", "type_k", "type_v", "n_gpu_layers", "n_cpu_moe", "split_mode", "main_gpu", "no_kv_offload", "flash_attn",
    "devices", "tensor_split", "tensor_buft_overrides", "load_mode", "use_mmap", "embeddings", "no_op_offload", "no_host", "fit_target", "fit_min_ctx",
    "n_prompt", "n_gen", "n_depth", "test_time", "avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts",
};
enum { N_LLAMA_FIELDS = sizeof llama_fields / sizeof *llama_fields };

static void check_object(json_t *o) {
    const char *key;
    json_t *v;
    for (size_t i = 0; i < N_LLAMA_FIELDS; i++) assert_non_null(json_object_get(o, llama_fields[i]));
    json_object_foreach(o, key, v) assert_false(json_is_null(v));
    assert_string_equal(json_string_value(json_object_get(o, "model_filename")), "dir/it's \"a\".gguf");
    assert_int_equal(json_integer_value(json_object_get(o, "n_depth")), 16);
    assert_true(fabs(json_real_value(json_object_get(o, "avg_ts")) - 224.0 / 3) < 1e-6);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(o, "samples_ns"), 1)), 2000000000);
    assert_int_equal(json_array_size(json_object_get(o, "samples_ts")), 3);
    assert_true(fabs(json_real_value(json_object_get(o, "ceiling_share")) - 0.8) < 1e-6);
    assert_string_equal(json_string_value(json_object_get(o, "bound_by")), "read");
    assert_int_equal(json_integer_value(json_object_get(o, "bytes_per_token")), 500000000);
    assert_true(json_is_true(json_object_get(o, "packed")) && json_is_false(json_object_get(o, "precise")) && json_is_false(json_object_get(o, "tuned")));
}

static void json_has_every_field(void **state) {
    (void)state;
    char *text = print("json");
    json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(all), 2);
    for (size_t i = 0; i < 2; i++) check_object(json_array_get(all, i));
    json_decref(all);
    free(text);

    text = print("jsonl");
    size_t lines = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        check_object(o);
        json_decref(o);
    }
    assert_int_equal(lines, 2);
    free(text);
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) n++;
    return n;
}

static void other_formats_are_well_formed(void **state) {
    (void)state;
    char *text = print("csv");
    assert_int_equal(count(text, "\n"), 3);
    assert_int_equal(strncmp(text, "build_commit,build_number,", 26), 0);
    assert_int_equal(count(text, "\"dir/it's \"\"a\"\".gguf\""), 2);
    const size_t columns = (size_t)(strcspn(text, "\n"));
    text[columns] = 0;
    assert_int_equal(2 * count(text, ","), count(text + columns + 1, "\",\""));
    free(text);

    text = print("sql");
    assert_int_equal(count(text, "CREATE TABLE IF NOT EXISTS llama_bench ("), 1);
    assert_int_equal(count(text, "INSERT INTO llama_bench ("), 2);
    assert_int_equal(count(text, "'dir/it''s \"a\".gguf'"), 2);
    free(text);

    text = print("md");
    assert_int_equal(count(text, "tg128 @ d16"), 2);
    assert_int_equal(count(text, "80.0 % [80.0, 80.0]"), 2);
    assert_int_equal(count(text, "74.67 ± 48.88"), 2);
    assert_int_equal(count(text, "64.00 [32.00, 128.00] |"), 2);
    assert_int_equal(count(text, "32.0 GB/s"), 2);
    free(text);
    assert_null(bench_printer_find("none"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(summaries_are_right),
        cmocka_unit_test(json_has_every_field),
        cmocka_unit_test(other_formats_are_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
