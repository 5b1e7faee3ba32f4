/* Knobs and the record of `ridge tune`: what a model takes from it, what overrides it, and that a record in any state never stops a run. */
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/events.h"
#include "base/files.h"
#include "base/machine.h"
#include "ridge/ridge.h"
#include "support/tiny_model.h"

static char folder[] = "/tmp/ridge-tuning-XXXXXX", model_path[100], record_path[100], backend[120], shape[100];

static ridge_model *open_model(bool tuned, uint32_t threads) {
    ridge_model_options o = ridge_model_options_default();
    ridge_model *m;
    ridge_error e;
    o.threads = threads;
    o.tuned = tuned;
    if (ridge_model_open(&m, model_path, &o, &e)) fail_msg("%s", e.text);
    return m;
}

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(model_path, sizeof model_path, "%s/tiny.gguf", folder);
    snprintf(record_path, sizeof record_path, "%s/ridge/tuning.json", folder);
    setenv("XDG_CACHE_HOME", folder, 1);
    char made[100];
    snprintf(made, sizeof made, "%s/ridge", folder);
    error err;
    if (make_directories(made, &err)) fail_msg("%s", err.text);
    const tiny_model t = tiny_model_default("llama");
    tiny_model_write(&t, model_path);
    ridge_model *m = open_model(true, 1);
    const ridge_model_info info = ridge_model_get_info(m);
    snprintf(backend, sizeof backend, "%s", info.backend);
    snprintf(shape, sizeof shape, "%s", info.shape);
    ridge_model_close(m);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void write_text(const char *text) {
    error err;
    if (write_whole_file(record_path, text, strlen(text), &err)) fail_msg("%s", err.text);
}

/* choices: the inside of that list. */
static void write_choices(const char *fingerprint, const char *choices) {
    char text[2000];
    snprintf(text, sizeof text, "{\"version\": 1, \"machines\": {\"%s\": {\"cpu\": \"x\", \"backends\": {\"%s\": {\"choices\": [%s]}}}}}", fingerprint, backend, choices);
    write_text(text);
}

static const ridge_knob *find_knob(const ridge_model *m, const char *of, const char *name) {
    size_t n;
    const ridge_knob *all = ridge_model_knobs(m, &n);
    for (size_t i = 0; i < n; i++) if (!strcmp(all[i].of, of) && !strcmp(all[i].name, name)) return &all[i];
    return NULL;
}

/* What the processor's maker decides where no record does. */
static uint32_t usual_prefetch(void) {
    ridge_model *m = open_model(false, 1);
    const uint32_t bytes = find_knob(m, "f16 544x256", "prefetch_bytes")->default_value;
    assert_int_not_equal(bytes, 8192);              /* what records say here */
    ridge_model_close(m);
    return bytes;
}

/* The value that a model takes, and whether it says that it is tuned. */
static uint32_t value_of(const char *of, const char *name, bool want_tuned, size_t want_events) {
    const size_t before = event_count(EVENT_tuning_ignored);
    ridge_model *m = open_model(true, 1);
    const ridge_knob *k = find_knob(m, of, name);
    if (!k) fail_msg("there is no %s of %s", name, of);
    const uint32_t value = k->value;
    assert_int_equal(ridge_model_get_info(m).tuned, want_tuned);
    assert_int_equal(event_count(EVENT_tuning_ignored) - before, want_events);
    ridge_model_close(m);
    return value;
}

static void knobs_describe_themselves(void **state) {
    (void)state;
    ridge_model *m = open_model(true, 1);
    size_t n;
    const ridge_knob *all = ridge_model_knobs(m, &n);
    double bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const ridge_knob *k = &all[i];
        bool listed = false;
        for (size_t c = 0; c < k->n_candidates; c++) {
            listed |= k->candidates[c] == k->default_value;
            assert_true(!c || k->candidates[c] > k->candidates[c - 1]);
        }
        assert_true(listed && k->value == k->default_value && k->bytes > 0);
        for (size_t other = 0; other < i; other++) assert_true(strcmp(all[other].of, k->of) || strcmp(all[other].name, k->name));
        if (!strcmp(k->name, "prefetch_bytes")) bytes += k->bytes;
        if (!strcmp(k->name, "next_step_bytes")) assert_string_equal(k->of, shape);
    }
    const ridge_knob *whole = find_knob(m, shape, "next_step_bytes");
    assert_non_null(whole);
    assert_true(whole->bytes == bytes);                                 /* the groups of matrices are all there is */
    assert_string_equal(shape, "2 layers of 256, f16");
    assert_non_null(find_knob(m, "f16 544x256", "prefetch_bytes"));
    assert_null(find_knob(m, "f16 545x256", "prefetch_bytes"));
    ridge_error e;
    assert_int_equal(ridge_model_set_knob(m, n, 1, &e), RIDGE_E_BAD_ARGUMENT);
    assert_int_equal(ridge_model_set_knob(m, 0, 77, &e), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(e.text, all[0].name));
    assert_int_equal(ridge_model_set_knob(m, 0, all[0].candidates[0], &e), 0);
    assert_int_equal(all[0].value, all[0].candidates[0]);
    assert_false(ridge_model_get_info(m).tuned);
    ridge_model_close(m);
}

static void a_record_is_used(void **state) {
    (void)state;
    char choices[400];
    snprintf(choices, sizeof choices, "{\"of\": \"f16 544x256\", \"knob\": \"prefetch_bytes\", \"value\": 8192, \"gain\": 0.05}, "
             "{\"of\": \"%s\", \"knob\": \"own_rows\", \"value\": 2}", shape);
    write_choices(machine_here()->fingerprint, choices);
    assert_int_equal(value_of("f16 544x256", "prefetch_bytes", true, 0), 8192);
    assert_int_equal(value_of("f16 128x256", "prefetch_bytes", true, 0), usual_prefetch());
    assert_int_equal(value_of(shape, "own_rows", true, 0), 2);
    ridge_model *m = open_model(false, 1);
    assert_int_equal(find_knob(m, "f16 544x256", "prefetch_bytes")->value, usual_prefetch());
    assert_false(ridge_model_get_info(m).tuned);
    ridge_model_close(m);
    m = open_model(true, 2);                                            /* another backend */
    assert_int_equal(find_knob(m, "f16 544x256", "prefetch_bytes")->value, usual_prefetch());
    assert_false(ridge_model_get_info(m).tuned);
    ridge_model_close(m);
}

static void the_environment_overrides_a_record(void **state) {
    (void)state;
    write_choices(machine_here()->fingerprint, "{\"of\": \"f16 544x256\", \"knob\": \"columns\", \"value\": 1},"
                                               "{\"of\": \"f16 544x256\", \"knob\": \"prefetch_bytes\", \"value\": 1024}");
    setenv("RIDGE_GEMV_COLS", "2", 1);
    ridge_model *m = open_model(true, 1);
    assert_null(find_knob(m, "f16 544x256", "columns"));                /* it is no choice any more */
    assert_int_equal(find_knob(m, "f16 544x256", "prefetch_bytes")->value, 1024);
    ridge_model_close(m);
    unsetenv("RIDGE_GEMV_COLS");
    m = open_model(true, 1);
    const ridge_knob *columns = find_knob(m, "f16 544x256", "columns");
    if (columns) assert_int_equal(columns->value, 1);                   /* not where the instruction set has one column only */
    ridge_model_close(m);
}

static void threads_are_recorded_of_the_default(void **state) {
    (void)state;
    ridge_model *m = open_model(false, 0);
    char was[120], choices[300];
    const uint32_t usual = ridge_model_get_info(m).threads, other = usual > 1 ? usual - 1 : 2;
    snprintf(was, sizeof was, "%s", backend);
    snprintf(backend, sizeof backend, "%s", ridge_model_get_info(m).backend);
    ridge_model_close(m);
    snprintf(choices, sizeof choices, "{\"of\": \"%s\", \"knob\": \"threads\", \"value\": %u}", shape, other);
    write_choices(machine_here()->fingerprint, choices);
    m = open_model(true, 0);
    assert_int_equal(ridge_model_get_info(m).threads, other);
    ridge_model_close(m);
    m = open_model(true, usual);                                        /* asked for */
    assert_int_equal(ridge_model_get_info(m).threads, usual);
    ridge_model_close(m);
    m = open_model(false, 0);
    assert_int_equal(ridge_model_get_info(m).threads, usual);
    ridge_model_close(m);
    snprintf(choices, sizeof choices, "{\"of\": \"%s\", \"knob\": \"threads\", \"value\": 0}", shape);
    write_choices(machine_here()->fingerprint, choices);
    const size_t before = event_count(EVENT_tuning_ignored);
    m = open_model(true, 0);
    assert_int_equal(ridge_model_get_info(m).threads, usual);
    assert_int_equal(event_count(EVENT_tuning_ignored), before + 1);
    ridge_model_close(m);
    snprintf(backend, sizeof backend, "%s", was);
}

/* Choices of an older version, whose kernels had other defaults, are not used; those beside the same default are. */
static void outdated_choices_are_an_event(void **state) {
    (void)state;
    char choices[400];
    snprintf(choices, sizeof choices, "{\"of\": \"f16 544x256\", \"knob\": \"prefetch_bytes\", \"value\": 8192, \"default\": %u}, "
             "{\"of\": \"%s\", \"knob\": \"own_rows\", \"value\": 2, \"default\": 4}", usual_prefetch() + 1, shape);
    write_choices(machine_here()->fingerprint, choices);
    assert_int_equal(value_of("f16 544x256", "prefetch_bytes", true, 1), usual_prefetch());
    assert_int_equal(value_of(shape, "own_rows", true, 1), 2);
}

static void unusable_records_are_events(void **state) {
    (void)state;
    const char *const damaged[] = { "", "{", "[]", "{\"version\": 2, \"machines\": {}}", "{\"version\": 1}", "{\"version\": 1, \"machines\": 3}", "\xff\xfe{}" };
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        write_text(damaged[i]);
        assert_int_equal(value_of("f16 544x256", "prefetch_bytes", false, 1), usual_prefetch());
    }
    write_choices("0123456789abcdef", "{\"of\": \"f16 544x256\", \"knob\": \"prefetch_bytes\", \"value\": 8192}");      /* another machine */
    assert_int_equal(value_of("f16 544x256", "prefetch_bytes", false, 1), usual_prefetch());
    static const char *const wrong[] = { "\"value\": 5", "\"value\": 4294967297" , "\"value\": -1", "\"value\": \"8192\"", "\"value\": 8192.0", "\"val\": 8192" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char choices[200];
        snprintf(choices, sizeof choices, "3, {}, {\"of\": \"f16 544x256\", \"knob\": \"prefetch_bytes\", %s}", wrong[i]);
        write_choices(machine_here()->fingerprint, choices);
        assert_int_equal(value_of("f16 544x256", "prefetch_bytes", false, 1), usual_prefetch());
    }
    remove(record_path);
    assert_int_equal(value_of("f16 544x256", "prefetch_bytes", false, 0), usual_prefetch());        /* no record is no event */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knobs_describe_themselves),
        cmocka_unit_test(a_record_is_used),
        cmocka_unit_test(the_environment_overrides_a_record),
        cmocka_unit_test(threads_are_recorded_of_the_default),
        cmocka_unit_test(outdated_choices_are_an_event),
        cmocka_unit_test(unusable_records_are_events),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
