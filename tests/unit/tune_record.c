/* What `ridge tune` keeps: a record that is read back, that replaces what is tuned again and nothing else, and that goes when it is told to. */
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/events.h"
#include "base/files.h"
#include "base/machine.h"
#include "engine/tuning_record.h"
#include "perf/tune_record.h"

static char folder[] = "/tmp/ridge-tune-record-XXXXXX", record_path[100];
static const uint32_t columns[] = { 1, 2, 4, 8 };
static const char two_threads[] = "cpu: avx2, 2 threads", one_thread[] = "cpu: avx2, 1 thread", shape[] = "2 layers of 64, q8_0";

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(record_path, sizeof record_path, "%s/ridge/tuning.json", folder);
    return setenv("XDG_CACHE_HOME", folder, 1);
}

static int remove_folder(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static const comparison faster = { .ratio = 1.05, .range = { 1.04, 1.06 }, .p = 0.001, .verdict = COMPARE_FASTER };
static const comparison slower = { .ratio = 0.9, .range = { 0.8, 0.95 }, .p = 0.002, .verdict = COMPARE_SLOWER };
static const comparison none = { .ratio = 1, .range = { 1, 1 }, .p = 1 };

/* Four columns of one shape instead of eight, and one thread instead of two. */
static tune_outcome some_outcome(ridge_knob knob[2], tune_coordinate c[2], tune_coordinate *threads, tune_result results[2]) {
    knob[0] = (ridge_knob){ "columns", "q8_0 64x64", "", RIDGE_KNOB_DECODE, 10, columns, 4, 4, 8 };
    knob[1] = (ridge_knob){ "columns", "q8_0 128x64", "", RIDGE_KNOB_DECODE, 5, columns, 4, 8, 8 };
    c[0] = (tune_coordinate){ .name = "columns", .of = "all matrices", .together = true, .share = 1, .before = 8, .after = 8, .gain = none, .n_trials = 1,
                              .trial = { { 1, slower, 16, TUNE_SLOWER } } };
    c[1] = (tune_coordinate){ .name = "columns", .of = "q8_0 64x64", .share = 0.6, .before = 8, .after = 4, .gain = faster, .n_trials = 2,
                              .trial = { { 2, slower, 16, TUNE_SLOWER }, { 4, faster, 32, TUNE_KEPT } } };
    *threads = (tune_coordinate){ .name = "threads", .of = "2 layers of 64, q8_0", .share = 1, .before = 2, .after = 1, .gain = faster, .n_trials = 1,
                                  .trial = { { 1, faster, 32, TUNE_KEPT } } };
    results[0] = (tune_result){ c, 2, true, false, faster, none };
    results[1] = (tune_result){ threads, 1, true, false, none, none };
    return (tune_outcome){ .model = "llama 1M Q8_0", .file = "x.gguf", .shape = shape, .backend = one_thread, .usual_backend = two_threads,
                           .threads = &results[1], .knobs = &results[0], .knob = knob, .n_knobs = 2, .decode_tokens = 64, .prompt_tokens = 512,
                           .seconds = 10, .budget_seconds = 60, .processor_share = 0.5, .date = "2026-01-31T23:59:59Z" };
}

static void store(const tune_outcome *o) {
    error err;
    buffer path = {0};
    if (tune_record_store(o, &path, &err)) fail_msg("%s", err.text);
    assert_string_equal(buffer_text(&path), record_path);
    buffer_free(&path);
}

/* What a model that is opened finds; -2: nothing. */
static int64_t found(const char *backend, const char *of, const char *knob) {
    tuning_record *r = tuning_record_open();
    tuning_choice choice;
    const bool there = tuning_record_find(r, backend, of, knob, &choice);
    tuning_record_close(r);
    return there ? choice.value : -2;
}

static size_t choices_in_all(void) {
    size_t n;
    error err;
    if (tune_record_forget(&n, &err)) fail_msg("%s", err.text);
    return n;
}

static bool file_is_there(void) {
    struct stat st;
    return !stat(record_path, &st);
}

static void what_is_stored_is_found(void **state) {
    (void)state;
    ridge_knob knob[2];
    tune_coordinate c[2], threads;
    tune_result results[2];
    tune_outcome o = some_outcome(knob, c, &threads, results);
    assert_int_equal(found(one_thread, "q8_0 64x64", "columns"), -2);
    store(&o);
    assert_int_equal(found(one_thread, "q8_0 64x64", "columns"), 4);
    assert_int_equal(found(one_thread, "q8_0 128x64", "columns"), 8);
    assert_int_equal(found(two_threads, "q8_0 64x64", "columns"), -2);
    assert_int_equal(found(two_threads, shape, "threads"), 1);
    assert_int_equal(found(one_thread, shape, "threads"), -2);

    /* Another model: its shapes come beside the others, what it shares is replaced. */
    knob[0].value = 2;
    knob[1].of = "q8_0 256x64";
    o.shape = "3 layers of 64, q8_0";
    o.threads = NULL;
    store(&o);
    assert_int_equal(found(one_thread, "q8_0 64x64", "columns"), 2);
    assert_int_equal(found(one_thread, "q8_0 128x64", "columns"), 8);
    assert_int_equal(found(one_thread, "q8_0 256x64", "columns"), 8);
    assert_int_equal(choices_in_all(), 4);
    assert_false(file_is_there());
    assert_int_equal(event_count(EVENT_tuning_ignored), 0);
}

static void the_record_says_why(void **state) {
    (void)state;
    ridge_knob knob[2];
    tune_coordinate c[2], threads;
    tune_result results[2];
    const tune_outcome o = some_outcome(knob, c, &threads, results);
    store(&o);
    json_t *root = tune_record_json();
    json_t *backends = json_object_get(json_object_get(json_object_get(root, "machines"), machine_here()->fingerprint), "backends");
    json_t *mine = json_object_get(backends, one_thread), *choice = json_array_get(json_object_get(mine, "choices"), 0);
    assert_int_equal(json_integer_value(json_object_get(choice, "default")), 8);
    assert_string_equal(json_string_value(json_object_get(choice, "date")), "2026-01-31T23:59:59Z");
    assert_non_null(json_string_value(json_object_get(choice, "commit")));
    json_t *how = json_object_get(choice, "found");
    assert_int_equal(json_array_size(how), 2);                          /* together, then alone */
    json_t *gain = json_object_get(json_array_get(how, 1), "gain"), *rejected = json_object_get(json_array_get(how, 1), "rejected");
    assert_true(json_number_value(json_object_get(gain, "ratio")) == 1.05 && json_number_value(json_object_get(gain, "low")) == 1.04);
    assert_int_equal(json_array_size(rejected), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rejected, 0), "value")), 2);
    assert_true(json_number_value(json_object_get(json_array_get(rejected, 0), "ratio")) == 0.9);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rejected, 0), "verdict")), "slower");
    assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(mine, "choices"), 1), "found")), 1);
    json_t *run = json_array_get(json_object_get(mine, "runs"), 0);
    assert_string_equal(json_string_value(json_object_get(run, "shape")), shape);
    assert_true(json_number_value(json_object_get(json_object_get(run, "decode"), "ratio")) == 1.05);
    json_decref(root);
    assert_int_equal(choices_in_all(), 3);
}

static void other_machines_stay(void **state) {
    (void)state;
    ridge_knob knob[2];
    tune_coordinate c[2], threads;
    tune_result results[2];
    const tune_outcome o = some_outcome(knob, c, &threads, results);
    const char text[] = "{\"version\": 1, \"machines\": {\"0123456789abcdef\": {\"cpu\": \"other\", \"backends\": {\"b\": {\"choices\": [1]}}}}}";
    error err;
    if (write_whole_file(record_path, text, strlen(text), &err)) fail_msg("%s", err.text);
    store(&o);
    assert_int_equal(found(one_thread, "q8_0 64x64", "columns"), 4);
    char *printed;
    size_t n;
    FILE *out = open_memstream(&printed, &n);
    tune_record_print(out);
    fclose(out);
    assert_non_null(strstr(printed, "other, 0123456789abcdef\n"));
    assert_non_null(strstr(printed, "(this machine)"));
    assert_non_null(strstr(printed, "instead of 8"));
    assert_non_null(strstr(printed, "decode +5.0 % [+4.0, +6.0]"));
    assert_non_null(strstr(printed, "on a busy machine\n"));
    free(printed);
    assert_int_equal(choices_in_all(), 3);
    assert_true(file_is_there());
    json_t *root = tune_record_json();
    assert_non_null(json_object_get(json_object_get(root, "machines"), "0123456789abcdef"));
    json_decref(root);
    remove(record_path);
}

/* Tuning writes over a file that is of no use, and forgetting removes it. */
static void damaged_files_are_replaced(void **state) {
    (void)state;
    ridge_knob knob[2];
    tune_coordinate c[2], threads;
    tune_result results[2];
    const tune_outcome o = some_outcome(knob, c, &threads, results);
    const char *const damaged[] = { "{", "{\"version\": 7}", "{\"version\": 1, \"machines\": [3]}" };
    error err;
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        if (write_whole_file(record_path, damaged[i], strlen(damaged[i]), &err)) fail_msg("%s", err.text);
        store(&o);
        assert_int_equal(found(one_thread, "q8_0 64x64", "columns"), 4);
        if (write_whole_file(record_path, damaged[i], strlen(damaged[i]), &err)) fail_msg("%s", err.text);
        assert_int_equal(choices_in_all(), 0);
        assert_false(file_is_there());
    }
    assert_int_equal(choices_in_all(), 0);                              /* nothing to forget is no failure */
}

static void the_table_names_everything(void **state) {
    (void)state;
    ridge_knob knob[2];
    tune_coordinate c[2], threads;
    tune_result results[2];
    tune_outcome o = some_outcome(knob, c, &threads, results);
    char *printed;
    size_t n;
    FILE *out = open_memstream(&printed, &n);
    tune_outcome_print(&o, out);
    results[0].taken_back = true;
    tune_outcome_print(&o, out);
    fclose(out);
    static const char *const words[] = { "llama 1M Q8_0 (2 layers of 64, q8_0), cpu: avx2, 1 thread\n", "the model", "all matrices", "q8_0 64x64", "+5.0 % [+4.0, +6.0]",
                                         "2: -10.0 %", "1: -10.0 %", "decoding 64 tokens +5.0 %", "a prompt of 512 tokens +0.0 %", "the defaults are kept" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) if (!strstr(printed, words[i])) fail_msg("\"%s\" is not in\n%s", words[i], printed);
    free(printed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stored_is_found),
        cmocka_unit_test(the_record_says_why),
        cmocka_unit_test(other_machines_stay),
        cmocka_unit_test(damaged_files_are_replaced),
        cmocka_unit_test(the_table_names_everything),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
