/* perf/ladder: gains from planted samples, and the formats that a ladder is written in. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "perf/ladder.h"

enum { ROUNDS = 7, MODELS = 2 };
static const double SPEED[] = { 10, 30 };           /* of the lowest rung: tokens/s of each model */
static const double GAIN = 1.5;                     /* of every rung over the one below it */

/* The machine gets slower by 3 % a round, and the lowest rung measures fewer tokens: neither changes a gain. */
static void plant(ladder *l, size_t test, size_t rung, size_t model) {
    ladder_cell *c = ladder_at(l, test, rung, model);
    const int tokens = rung ? l->test[test].tokens : 3;
    snprintf(c->isa, sizeof c->isa, "%s", rung ? "avx2" : "scalar");
    snprintf(c->backend, sizeof c->backend, "cpu: %s, 2 threads", c->isa);
    snprintf(c->model, sizeof c->model, "%s", model ? "it's \"b\", Q8_0" : "a F16");
    snprintf(c->peak, sizeof c->peak, "f32 by avx2");
    c->result = (bench_result){
        .version = "0.0", .model_file = "x.gguf", .model_type = c->model, .backend = c->backend, .isa = c->isa, .fuse = "all", .arithmetic = "f32",
        .peak = c->peak, .threads = 2, .batch = 2048, .micro_batch = 512, .time = "2026-01-01T00:00:00Z", .bytes = tokens * 1e9, .operations = tokens * 1e9,
        .n_gen = l->test[test].decodes ? tokens : 0, .n_prompt = l->test[test].decodes ? 0 : tokens, .n = ROUNDS,
    };
    for (int i = 0; i < ROUNDS; i++) {
        c->result.seconds[i] = tokens / (SPEED[model] * pow(GAIN, (double)rung)) * pow(1.03, i);
        c->result.limit_seconds[i] = tokens / 500.0;
        c->result.read[i] = 500;
        c->result.peak_rate[i] = 1000;
    }
}

static ladder example(void) {
    ladder l = { .test = { { true, 64 }, { false, 512 } }, .n_tests = 2, .n_models = MODELS };
    ladder_rungs(&l.n_rungs);
    assert_int_equal(ladder_new(&l, NULL), 0);
    buffer_append_text(&l.repeat, "ridge bench -m x.gguf -t 2");
    for (size_t test = 0; test < l.n_tests; test++)
        for (size_t rung = 0; rung < l.n_rungs; rung++)
            for (size_t model = 0; model < MODELS; model++) plant(&l, test, rung, model);
    return l;
}

static void gains_are_of_pairs(void **state) {
    ladder l = example();
    for (size_t rung = 1; rung < l.n_rungs; rung++) {
        static ladder_row row;
        ladder_row_make(&row, &l, 0, rung, 1);
        assert_float_equal(row.below.median, GAIN, 1e-9);
        assert_float_equal(row.below.range.low, GAIN, 1e-9);
        assert_float_equal(row.below.range.high, GAIN, 1e-9);
        assert_float_equal(row.first.median, pow(GAIN, (double)rung), 1e-9);
        assert_float_equal(row.s.most, SPEED[1] * pow(GAIN, (double)rung), 1e-6);
    }
    /* One round in which only the upper rung was disturbed widens the interval and leaves the median. */
    ladder_at(&l, 0, 2, 0)->result.seconds[3] *= 2;
    const paired_ratio g = ladder_gain(&ladder_at(&l, 0, 2, 0)->result, &ladder_at(&l, 0, 1, 0)->result);
    assert_float_equal(g.median, GAIN, 1e-9);
    assert_true(g.range.low < GAIN && g.range.high <= GAIN + 1e-9);
    ladder_free(&l);
}

static void flags_name_what_is_not_the_default(void **state) {
    ladder l = example();
    char text[LADDER_FLAGS_ROOM], seen[16][LADDER_FLAGS_ROOM];
    for (size_t rung = 0; rung < l.n_rungs; rung++) {
        ladder_flags(&l, rung, seen[rung]);
        for (size_t i = 0; i < rung; i++) assert_string_not_equal(seen[i], seen[rung]);
    }
    assert_non_null(strstr(seen[0], "--isa scalar --no-pack --fuse none --untuned"));
    assert_string_equal(seen[l.n_rungs - 2], "--untuned");
    assert_string_equal(seen[l.n_rungs - 1], "");
    l.isa = "avx2";
    ladder_flags(&l, 0, text);
    assert_string_equal(text, seen[0]);
    ladder_flags(&l, l.n_rungs - 1, text);
    assert_string_equal(text, "--isa avx2");
    ladder_free(&l);
}

/* What a printer writes; the caller frees. */
static char *print(const ladder *l, const char *format) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    ladder_printer_find(format)(l, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) n++;
    return n;
}

static void markdown_has_a_row_each(void **state) {
    ladder l = example();
    char *text = print(&l, "md");
    size_t rows = 0;
    assert_int_equal(count(text, "Decoding 64 tokens:"), 1);
    assert_int_equal(count(text, "A prompt of 512 tokens:"), 1);
    assert_int_equal(count(text, "×1.500 [1.500, 1.500]"), 2 * MODELS * (l.n_rungs - 1) + 2 * MODELS);      /* below; and the second over the first */
    assert_int_equal(count(text, "`ridge bench -m x.gguf -t 2 -p 0 -n TOKENS`"), 1);
    assert_int_equal(count(text, "|      3 |"), 2 * MODELS);                    /* tokens */
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (*line == '|') { rows++; assert_int_equal(count(line, "|"), 10); }
    assert_int_equal(rows, 2 * (2 + MODELS * l.n_rungs));
    assert_null(ladder_printer_find("none"));
    free(text);
    ladder_free(&l);
}

/* Values of a csv line, which may hold quoted commas. */
static size_t csv_values(const char *line) {
    size_t n = 1;
    bool quoted = false;
    for (; *line; line++) {
        if (*line == '"') quoted = !quoted;
        n += *line == ',' && !quoted;
    }
    assert_false(quoted);
    return n;
}

static void csv_has_as_many_values_as_names(void **state) {
    ladder l = example();
    char *text = print(&l, "csv"), *line = strtok(text, "\n");
    const size_t names = csv_values(line);
    size_t rows = 0;
    assert_int_equal(strncmp(line, "build_commit,machine,test,rung,flags,", 37), 0);
    while ((line = strtok(NULL, "\n"))) {
        rows++;
        assert_int_equal(csv_values(line), names);
    }
    assert_int_equal(rows, 2 * MODELS * l.n_rungs);
    free(text);
    ladder_free(&l);
}

static void json_says_everything(void **state) {
    ladder l = example();
    char *text = print(&l, "json");
    json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *rows = json_object_get(all, "results");
    assert_int_equal(json_array_size(rows), 2 * MODELS * l.n_rungs);
    assert_int_equal(json_integer_value(json_object_get(all, "rounds")), ROUNDS);
    json_t *first = json_array_get(rows, 0), *second = json_array_get(rows, MODELS);
    assert_true(json_is_null(json_object_get(first, "gain_below")) && json_is_null(json_object_get(first, "gain_first")));
    assert_int_equal(json_integer_value(json_object_get(first, "tokens")), 3);
    assert_string_equal(json_string_value(json_object_get(second, "rung")), "SIMD");
    assert_true(fabs(json_real_value(json_object_get(json_object_get(second, "gain_below"), "median")) - GAIN) < 1e-6);
    assert_int_equal(json_array_size(json_object_get(second, "samples_ns")), ROUNDS);
    json_decref(all);
    free(text);
    ladder_free(&l);
}

static void history_lines_are_rungs(void **state) {
    ladder l = example();
    json_t *line = ladder_history_line(&l, 0, 0, 1);
    assert_string_equal(json_string_value(json_object_get(line, "rung")), "scalar baseline");
    assert_string_equal(json_string_value(json_object_get(line, "model_type")), "it's \"b\", Q8_0");
    assert_non_null(strstr(json_string_value(json_object_get(line, "rung_flags")), "--isa scalar"));
    json_decref(line);
    ladder_free(&l);
}

static void the_chart_has_a_bar_each(void **state) {
    ladder l = example();
    buffer b = {0};
    ladder_svg(&b, &l);
    const char *text = buffer_text(&b);
    assert_int_equal(strncmp(text, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39), 0);
    assert_int_equal(count(text, "class=\"bar"), 2 * MODELS * l.n_rungs);
    assert_int_equal(count(text, "class=\"ceiling\""), 2 * MODELS);
    assert_int_equal(count(text, "prefers-color-scheme:dark"), 1);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "\"b\", Q8_0"));               /* escaped */
    buffer_free(&b);
    ladder_free(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_are_of_pairs),
        cmocka_unit_test(flags_name_what_is_not_the_default),
        cmocka_unit_test(markdown_has_a_row_each),
        cmocka_unit_test(csv_has_as_many_values_as_names),
        cmocka_unit_test(json_says_everything),
        cmocka_unit_test(history_lines_are_rungs),
        cmocka_unit_test(the_chart_has_a_bar_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
