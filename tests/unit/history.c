/* perf/history: what is written is read, what is broken is skipped or refused, and appending never loses a line. */
#include "test.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/events.h"
#include "base/files.h"
#include "perf/history.h"

static char folder[] = "/tmp/ridge-history-XXXXXX";
static char path[200];

static void quiet(void *user, event_kind kind, const char *text) { }

static int set_up(void **state) {
    event_redirect(quiet, NULL);
    if (!mkdtemp(folder)) return -1;
    setenv("XDG_CACHE_HOME", folder, 1);
    setenv("XDG_STATE_HOME", folder, 1);
    snprintf(path, sizeof path, "%s/deeper/history.jsonl", folder);
    return 0;
}

static int tear_down(void **state) {
    char name[300];
    remove(path);
    snprintf(name, sizeof name, "%s/deeper", folder);
    rmdir(name);
    return rmdir(folder);
}

static int fresh(void **state) {
    remove(path);
    return 0;
}

static bench_result example(void) {
    bench_result r = {
        .version = "0.0", .model_file = "dir/a <b>.gguf", .model_type = "llama 1M Q8_0", .model_bytes = 5u << 20, .model_parameters = 1000000,
        .backend = "cpu: avx2, 2 threads", .isa = "avx2", .fuse = "all", .arithmetic = "int8", .peak = "int8 by avx2", .packed = true, .tuned = true,
        .threads = 2, .batch = 2048, .micro_batch = 512, .n_gen = 128, .n_depth = 16, .load_seconds = 0.5, .time = "2026-01-01T00:00:00Z",
        .bytes = 128 * 500e6, .operations = 128 * 1e9, .n = 3, .n_steps = 1, .step = { { "linear(x)", 5e6, 7e6, 0.25 } },
    };
    for (int i = 0; i < 3; i++) {
        r.seconds[i] = 1 << i;
        r.read[i] = 80.0 / (1 << i);
        r.peak_rate[i] = 1000;
        r.limit_seconds[i] = r.bytes * 1e-9 / r.read[i];
    }
    return r;
}

static void append_example(const char *rung) {
    const bench_result r = example();
    json_t *line = history_line(&r);
    assert_non_null(line);
    if (rung) assert_int_equal(json_object_set_new(line, "rung", json_string(rung)), 0);
    assert_int_equal(history_append(path, line, NULL), 0);
    json_decref(line);
}

static void write_text(const char *text) { assert_int_equal(write_whole_file(path, text, strlen(text), NULL), 0); }

static void what_is_written_is_read(void **state) {
    append_example(NULL);
    append_example("simd");
    history h = {0};
    error err;
    assert_int_equal(history_load(&h, path, &err), 0);
    assert_int_equal(h.n, 2);
    const history_entry *e = &h.entry[0];
    assert_string_equal(e->model, "llama 1M Q8_0");
    assert_string_equal(e->file, "a <b>.gguf");
    assert_string_equal(e->time, "2026-01-01T00:00:00Z");
    assert_int_equal(strlen(e->machine), 16);
    assert_true(*e->commit && *e->cpu && !*e->rung);
    assert_true(e->threads == 2 && e->n_gen == 128 && e->n_prompt == 0 && e->n_depth == 16 && e->packed && !e->precise && e->tuned);
    assert_float_equal(e->speed, 64, 1e-6);
    assert_float_equal(e->share, 0.8, 1e-6);
    assert_int_equal(e->n, 3);
    for (int i = 0; i < 3; i++) {
        assert_float_equal(e->per_second[i], 128.0 / (1 << i), 1e-6);
        assert_float_equal(e->shares[i], 0.8, 1e-6);
    }
    assert_int_equal(e->n_steps, 1);
    assert_string_equal(e->steps[0].name, "linear(x)");
    assert_true(e->steps[0].bytes == 5e6 && e->steps[0].operations == 7e6 && e->steps[0].seconds == 0.25);
    assert_string_equal(h.entry[1].rung, "simd");
    assert_true(history_same_test(e, e) && !history_same_test(e, &h.entry[1]));
    history_entry untuned = *e;
    untuned.tuned = false;
    assert_false(history_same_test(e, &untuned));
    char name[64];
    history_test_name(e, name, sizeof name);
    assert_string_equal(name, "tg128 @ d16");
    history_free(&h);
}

/* Every line is an object with the schema, the ceilings and the machine, whatever the order. */
static void lines_are_whole(void **state) {
    append_example(NULL);
    json_t *line = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_integer_value(json_object_get(line, "schema")), HISTORY_SCHEMA);
    assert_true(json_is_array(json_object_get(line, "ceilings")));
    assert_true(json_integer_value(json_object_get(json_object_get(line, "machine_info"), "cpus")) >= 1);
    assert_int_equal(json_array_size(json_object_get(line, "samples_ns")), 3);
    json_decref(line);
}

static void half_a_line_spoils_nothing(void **state) {
    append_example(NULL);
    FILE *f = fopen(path, "a");
    assert_true(fputs("{\"schema\":1,\"build_co", f) >= 0);
    assert_int_equal(fclose(f), 0);
    append_example(NULL);
    history h = {0};
    const size_t before = event_count(EVENT_history_line_skipped);
    assert_int_equal(history_load(&h, path, NULL), 0);
    assert_int_equal(h.n, 2);
    assert_int_equal(event_count(EVENT_history_line_skipped), before + 1);
    history_free(&h);
}

static void *append_many(void *ignored) {
    for (int i = 0; i < 50; i++) {
        json_t *line = json_pack("{s:s s:s s:i s:f s:s}", "build_commit", "abc", "model_type", "m", "n_gen", 1, "avg_ts", 1.0, "padding",
                                 "................................");
        if (history_append(path, line, NULL)) return path;
        json_decref(line);
    }
    return NULL;
}

static void writers_do_not_mix(void **state) {
    append_example(NULL);
    pthread_t writer[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&writer[i], NULL, append_many, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(writer[i], &failed), 0);
        assert_null(failed);
    }
    history h = {0};
    const size_t before = event_count(EVENT_history_line_skipped);
    assert_int_equal(history_load(&h, path, NULL), 0);
    assert_int_equal(h.n, 201);
    assert_int_equal(event_count(EVENT_history_line_skipped), before);
    history_free(&h);
}

#define BASE "\"build_commit\":\"c\",\"model_type\":\"m\",\"n_gen\":2"

static void broken_lines_are_refused(void **state) {
    static const char *const bad[] = {
        "", "[]", "{}", "null", "{" BASE "}", "{" BASE ",\"avg_ts\":-1}", "{" BASE ",\"avg_ts\":\"5\"}", "{" BASE ",\"avg_ts\":5,\"schema\":2}",
        "{" BASE ",\"avg_ts\":5,\"schema\":\"1\"}", "{\"build_commit\":5,\"model_type\":\"m\",\"n_gen\":2,\"avg_ts\":5}",
        "{" BASE ",\"n_gen\":3,\"avg_ts\":5}",
        "{\"build_commit\":\"c\",\"model_type\":\"m\",\"n_gen\":-2,\"avg_ts\":5}", "{" BASE ",\"avg_ts\":1e999}", "\xff\xfe", "{" BASE ",\"avg_ts\":5} x",
    };
    char text[500];
    append_example(NULL);                   /* makes the folder */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        history h = {0};
        error err = {0};
        snprintf(text, sizeof text, "%s\n", bad[i]);
        write_text(text);
        if (history_load(&h, path, &err) != RIDGE_E_BAD_FILE) fail_msg("accepted: %s", bad[i]);
        assert_int_equal(h.n, 0);
        history_free(&h);
    }
    history h = {0};
    assert_int_equal(history_load(&h, "/nonexistent/history.jsonl", NULL), RIDGE_E_NOT_FOUND);
    assert_int_equal(history_load(&h, folder, NULL), RIDGE_E_IO);
    history_free(&h);
}

/* Parts that are wrong are left out; the entry stays. */
static void odd_parts_are_left_out(void **state) {
    static const char *const odd[] = {
        "\"samples_ns\":[1,0]", "\"samples_ns\":[1,\"x\"]", "\"samples_ns\":5", "\"samples_ns\":[]", "\"samples_ns\":[-1]", "\"profile\":{}",
        "\"profile\":[5,{\"name\":\"x\"}]",
        "\"rung\":7", "\"ceiling_share\":\"a\"", "\"median_ts_low\":9", "\"n_threads\":1e300", "\"n_threads\":-5",
    };
    char text[500];
    append_example(NULL);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        history h = {0};
        snprintf(text, sizeof text, "{" BASE ",\"avg_ts\":5,%s}", odd[i]);
        write_text(text);
        assert_int_equal(history_load(&h, path, NULL), 0);
        const history_entry *e = &h.entry[0];
        assert_true(e->speed == 5 && e->speed_low == 5 && e->speed_high == 5 && e->n == 0 && !e->per_second && !e->shares && e->n_steps == 0 &&
                    !*e->rung && e->share == 0);
        assert_true(e->threads >= 0);
        history_free(&h);
    }
    write_text("{" BASE ",\"avg_ts\":5,\"samples_ns\":[1000000000,2000000000],\"samples_limit_ns\":[900000000],"
               "\"profile\":[{\"name\":\"linear\",\"bytes\":1,\"operations\":2,\"seconds\":3}]}");
    history h = {0};
    assert_int_equal(history_load(&h, path, NULL), 0);
    assert_true(h.entry[0].n == 2 && h.entry[0].per_second[1] == 1 && !h.entry[0].shares && h.entry[0].n_steps == 1 && h.entry[0].steps[0].seconds == 3);
    history_free(&h);
}

static void a_failed_allocation_is_an_error(void **state) {
    append_example(NULL);
    int code = -1;
    for (size_t n = 1; code && n < 1000; n++) {
        history h = {0};
        memory_fail_nth(n);
        code = history_load(&h, path, NULL);
        memory_fail_nth(0);
        assert_true(code == 0 || code == RIDGE_E_NO_MEMORY);
        history_free(&h);
    }
    assert_int_equal(code, 0);
}

static void it_has_a_place(void **state) {
    buffer b = {0};
    assert_int_equal(history_default_path(&b, NULL), 0);
    assert_non_null(strstr(buffer_text(&b), folder));
    assert_non_null(strstr(buffer_text(&b), "/ridge/bench.jsonl"));
    buffer_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_written_is_read, fresh),
        cmocka_unit_test_setup(lines_are_whole, fresh),
        cmocka_unit_test_setup(half_a_line_spoils_nothing, fresh),
        cmocka_unit_test_setup(writers_do_not_mix, fresh),
        cmocka_unit_test_setup(broken_lines_are_refused, fresh),
        cmocka_unit_test_setup(odd_parts_are_left_out, fresh),
        cmocka_unit_test_setup(a_failed_allocation_is_an_error, fresh),
        cmocka_unit_test(it_has_a_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
