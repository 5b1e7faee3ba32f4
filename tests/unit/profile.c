/* Profiles: the arithmetic of rows, reports and causes on times with known answers, and that all parts of a real model's time sum to it. */
#include "test.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/files.h"
#include "base/memory.h"
#include "engine/profile.h"
#include "perf/why.h"
#include "support/tiny_model.h"

static char folder[] = "/tmp/ridge-profile-XXXXXX", path[100], trace[100];

static int write_model(void **state) {
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/tiny.gguf", folder);
    snprintf(trace, sizeof trace, "%s/trace.json", folder);
    tiny_model t = tiny_model_default("llama");
    t.context = 300;
    tiny_model_write(&t, path);
    return 0;
}

static int remove_model(void **state) {
    unlink(path);
    unlink(trace);
    return rmdir(folder);
}

static void near_to(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-9 * (1 + fabs(expected)))) fail_msg("%.12g instead of %.12g", got, expected);
}

/* ---- rows ---- */

/* Two threads, two steps, from 1000 to 2000:
 *   thread 0: in at 1010; step 0 works 1010-1110, leaves 1220; step 1 works 1225-1525, leaves 1530
 *   thread 1: in at 1030; step 0 works 1030-1210, leaves 1215; step 1 works 1215-1415, leaves 1540 */
static const step_time two_by_two[] = { { 1010, 1110, 1220 }, { 1225, 1525, 1530 }, { 1030, 1210, 1215 }, { 1215, 1415, 1540 } };

static void rows_have_the_known_parts(void **state) {
    ridge_profile_row rows[2] = {0};
    const double launch = profile_add_run(rows, two_by_two, 2, 2, 1000, 2000);
    near_to(rows[0].work_ns, (100 + 180) / 2.0);
    near_to(rows[0].imbalance_ns, (100 + 0) / 2.0);
    near_to(rows[0].barrier_ns, (10 + 5) / 2.0);
    near_to(rows[1].work_ns, (300 + 200) / 2.0);
    near_to(rows[1].imbalance_ns, (0 + 110) / 2.0);
    near_to(rows[1].barrier_ns, (5 + 15) / 2.0 + 5 / 2.0);          /* and what thread 0 took to begin */
    near_to(launch, 1000 - ((1530 - 1010) + (1540 - 1030)) / 2.0);
    double sum = launch;
    for (int i = 0; i < 2; i++) sum += rows[i].work_ns + rows[i].imbalance_ns + rows[i].barrier_ns;
    near_to(sum, 1000);
    profile_add_run(rows, two_by_two, 2, 2, 1000, 2000);
    near_to(rows[0].work_ns, 280);
    assert_int_equal(rows[1].calls, 2);
}

/* Whatever the times are, the parts sum to the run. */
static void rows_always_sum_to_the_run(void **state) {
    uint64_t seed = 7;
    for (int round = 0; round < 200; round++) {
        enum { STEPS_HERE = 5, THREADS = 4 };
        step_time times[THREADS * STEPS_HERE];
        ridge_profile_row rows[STEPS_HERE] = {0};
        uint64_t end = 0;
        for (int t = 0; t < THREADS; t++) {
            uint64_t now = 5000;
            for (int s = 0; s < STEPS_HERE; s++) {
                uint64_t *const at[] = { &times[t * STEPS_HERE + s].start, &times[t * STEPS_HERE + s].done, &times[t * STEPS_HERE + s].left };
                for (int i = 0; i < 3; i++) {
                    seed = seed * 6364136223846793005u + 1442695040888963407u;
                    *at[i] = now += seed >> 54;
                }
            }
            if (now > end) end = now;
        }
        double sum = profile_add_run(rows, times, THREADS, STEPS_HERE, 4000, end + 50);
        for (int s = 0; s < STEPS_HERE; s++) sum += rows[s].work_ns + rows[s].imbalance_ns + rows[s].barrier_ns;
        near_to(sum, (double)(end + 50 - 4000));
    }
}

/* ---- reports ---- */

/* Two layers of one linear step that memory binds, an attention that arithmetic binds, and a norm. 10 tokens in 10 runs of 1 ms. */
static const ridge_profile_row some_rows[] = {
    { "linear(q)", "linear", 0, "int8", 10, 2e6, 3e5, 1e5, 10e6, 1e6 },         /* at 10 GB/s: 1 ms */
    { "norm(a)", "norm", 0, "", 10, 5e5, 0, 1e5, 0, 0 },
    { "attention", "attention", 0, "f32", 10, 1e6, 0, 0, 1e5, 50e6 },           /* at 100 Gop/s: 0.5 ms */
    { "linear(q)", "linear", 1, "int8", 10, 3e6, 1e5, 0, 20e6, 1e6 },           /* 2 ms */
};
static const ridge_profile_totals some_totals = { .runs = 10, .tokens = 10, .total_ns = 1e7, .launch_ns = 5e5, .sampling_ns = 2e6, .host_ns = 4e5 };
static const limits some_limits = { .read = 10, .peak = { [LIMIT_int8] = 1000, [LIMIT_f32] = 100 }, .read_range = { 9, 11 }, .barrier_ns = 1000 };

static profile_report make_report(bool by_layer) {
    profile_report r = {0};
    error e;
    assert_int_equal(profile_report_add(&r, &some_limits, some_rows, 4, &some_totals, by_layer, &e), 0);
    return r;
}

static void reports_group_and_sum(void **state) {
    profile_report r = make_report(false);
    assert_int_equal(r.n, 3);
    profile_report_sort(&r);
    assert_string_equal(r.line[0].text, "linear(q)");
    assert_int_equal(r.line[0].calls, 20);
    near_to(profile_line_ns(&r.line[0]), 5.5e6);
    near_to(r.line[0].limit_ns, 3e6);
    near_to(r.line[0].memory_ns, 3e6);
    assert_string_equal(r.line[1].text, "attention");
    near_to(r.line[1].limit_ns, 5e5);
    near_to(r.line[1].memory_ns, 0);
    near_to(r.line[2].limit_ns, 0);
    near_to(profile_report_limit_ns(&r), 3.5e6);
    near_to(profile_report_sum(&r), 1);

    error e;
    assert_int_equal(profile_report_add(&r, &some_limits, some_rows, 4, &some_totals, false, &e), 0);      /* another phase joins */
    assert_true(r.n == 3 && r.totals.tokens == 20 && r.line[0].calls == 40);
    near_to(profile_report_sum(&r), 1);
    profile_report_free(&r);

    r = make_report(true);
    assert_true(r.n == 4 && r.line[3].layer == 1);
    near_to(r.line[3].limit_ns, 2e6);
    near_to(profile_report_sum(&r), 1);
    profile_report_free(&r);
}

static void reports_print_what_they_hold(void **state) {
    profile_report r = make_report(false);
    json_t *o = profile_report_json(&r);
    json_t *steps = json_object_get(o, "steps"), *first = json_array_get(steps, 0);
    assert_int_equal(json_array_size(steps), 3);
    near_to(json_real_value(json_object_get(first, "limit_share")), 3 / 5.5);
    near_to(json_real_value(json_object_get(first, "gb_per_s")), 30 / 5.5);
    near_to(json_real_value(json_object_get(first, "share")), 0.55);
    assert_string_equal(json_string_value(json_object_get(first, "bound_by")), "memory");
    assert_null(json_object_get(json_array_get(steps, 1), "limit_ns"));
    json_decref(o);

    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    profile_report_print(&r, f);
    fclose(f);
    assert_non_null(strstr(text, "100.00"));
    assert_non_null(strstr(text, "linear(q)"));
    free(text);
    profile_report_free(&r);
}

static const why_cause *find_cause(const why_list *l, const char *word) {
    for (size_t i = 0; i < l->n; i++) if (strstr(l->cause[i].cause, word)) return &l->cause[i];
    fail_msg("no cause has \"%s\"", word);
    return NULL;
}

static void causes_sum_and_are_ranked(void **state) {
    profile_report r = make_report(false);
    why_setting s = { .packed = true, .threads = 2, .cores = 2, .decoding = true, .position = 5 };
    why_list *l = memory_new(1, sizeof *l);
    why_find(&r, &s, l);
    near_to(l->limit, 0.35);
    near_to(why_sum(l), 1);
    for (size_t i = 1; i < l->n; i++) assert_true(l->cause[i - 1].loss >= l->cause[i].loss);
    near_to(find_cause(l, "linear(q)")->loss, 0.2);                         /* (5 - 3) of 10 ms */
    near_to(find_cause(l, "linear(q)")->gain, 0.25);
    near_to(find_cause(l, "attention")->loss, 0.05);
    near_to(find_cause(l, "norms")->loss, 0.05);
    assert_non_null(strstr(find_cause(l, "norms")->advice, "--fuse all"));
    near_to(find_cause(l, "slowest")->loss, 0.04);
    near_to(find_cause(l, "barriers")->loss, 0.02);
    near_to(find_cause(l, "barriers")->gain, why_gain(0.02 - 40 * 1000 / 1e7));     /* 40 of them at 1 us stay */
    near_to(find_cause(l, "sampling")->loss, 0.2);
    assert_string_equal(l->cause[l->n - 1].cause, find_cause(l, "barriers")->cause);
    near_to(why_gain(-0.1), 0);
    assert_non_null(strstr(find_cause(l, "linear(q)")->advice, "ridge tune"));
    s.tuned = true;
    why_find(&r, &s, l);
    assert_null(strstr(find_cause(l, "linear(q)")->advice, "ridge tune"));

    /* What is faster than its limit has a loss below 0, and the sum stays. */
    ridge_profile_row cached = some_rows[0];
    cached.bytes = 1e9;
    profile_report fast = {0};
    error e;
    assert_int_equal(profile_report_add(&fast, &some_limits, &cached, 1, &some_totals, false, &e), 0);
    why_find(&fast, &s, l);
    assert_true(l->cause[l->n - 1].loss < 0 && l->cause[l->n - 1].gain == 0);
    memory_free(l);
    profile_report_free(&fast);
    profile_report_free(&r);
}

/* ---- a real model ---- */

typedef struct { ridge_model *model; ridge_session *session; ridge_sampler *sampler; } subject;

static subject open_subject(const char *name) {
    subject s;
    ridge_error e;
    ridge_model_options o = ridge_model_options_default();
    o.backend = name;
    o.threads = 2;
    if (ridge_model_open(&s.model, path, &o, &e) || ridge_session_open(&s.session, s.model, &e) || ridge_sampler_new(&s.sampler, s.model, NULL, &e))
        fail_msg("%s", e.text);
    return s;
}

static void close_subject(subject *s) {
    ridge_sampler_free(s->sampler);
    ridge_session_close(s->session);
    ridge_model_close(s->model);
}

enum { PROMPT = 20, TOKENS = 7, TRACED = 3 };

static void generate(subject *s) {
    int32_t prompt[PROMPT];
    for (int i = 0; i < PROMPT; i++) prompt[i] = 3 * i % 200;
    const ridge_generate_options o = { .sampler = s->sampler, .max_tokens = TOKENS, .ignore_end = true };
    ridge_generation done;
    ridge_error e;
    ridge_session_truncate(s->session, 0);
    if (ridge_generate(s->session, prompt, PROMPT, &o, &done, &e)) fail_msg("%s", e.text);
}

static void check_sum(const ridge_profile *p, ridge_profile_phase phase, ridge_profile_totals *t) {
    size_t n;
    const ridge_profile_row *rows = ridge_profile_rows(p, phase, &n, t);
    double sum = t->launch_ns + t->sampling_ns + t->host_ns;
    for (size_t i = 0; i < n; i++) {
        assert_true(rows[i].calls == t->runs && rows[i].work_ns > 0);
        sum += rows[i].work_ns + rows[i].imbalance_ns + rows[i].barrier_ns;
    }
    near_to(sum, t->total_ns);
}

static void all_time_is_accounted_for(void **state) {
    subject s = open_subject("cpu");
    ridge_profile *p, *second;
    ridge_error e;
    assert_int_equal(ridge_profile_new(&p, s.model, TRACED, &e), 0);
    assert_int_equal(ridge_profile_new(&second, s.model, 0, &e), 0);
    generate(&s);                                           /* nothing collects */
    ridge_profile_totals prompt, decode;
    for (int round = 1; round <= 2; round++) {
        assert_int_equal(ridge_profile_begin(p, &e), 0);
        assert_int_equal(ridge_profile_begin(second, &e), RIDGE_E_BAD_ARGUMENT);
        generate(&s);
        ridge_profile_end(p);
        check_sum(p, RIDGE_PROFILE_PROMPT, &prompt);
        check_sum(p, RIDGE_PROFILE_DECODE, &decode);
        assert_true(prompt.runs == (uint64_t)round && prompt.tokens == (uint64_t)round * PROMPT);
        assert_true(decode.runs == (uint64_t)round * (TOKENS - 1) && decode.tokens == decode.runs);
        assert_true(prompt.sampling_ns > 0 && decode.sampling_ns > 0 && decode.launch_ns > 0);
    }
    generate(&s);
    ridge_profile_totals after;
    check_sum(p, RIDGE_PROFILE_DECODE, &after);
    assert_true(after.runs == decode.runs);

    /* What the plan says about a token's bytes is what the rows say. */
    ridge_cost cost;
    size_t n;
    const ridge_profile_row *rows = ridge_profile_rows(p, RIDGE_PROFILE_PROMPT, &n, &prompt);
    double bytes = 0, operations = 0;
    for (size_t i = 0; i < n; i++) bytes += rows[i].bytes, operations += rows[i].operations;
    assert_int_equal(ridge_model_cost(s.model, 0, PROMPT, true, &cost, &e), 0);
    near_to(bytes, 2 * (cost.weight_bytes + cost.kv_bytes));
    near_to(operations, 2 * cost.operations);
    ridge_profile_free(second);
    ridge_profile_free(p);
    close_subject(&s);
}

static void spans_nest_and_become_a_trace(void **state) {
    subject s = open_subject("cpu");
    ridge_profile *p;
    ridge_error e;
    assert_int_equal(ridge_profile_new(&p, s.model, TRACED, &e), 0);
    assert_int_equal(ridge_profile_begin(p, &e), 0);
    generate(&s);
    ridge_profile_end(p);
    ridge_profile_span span, run = {0};
    uint64_t last[2] = {0};
    int runs = 0, samplings = 0, longer = 0;
    for (size_t i = 0; ridge_profile_get_span(p, i, &span); i++) {
        assert_true(span.start_ns <= span.end_ns && span.thread < 2);
        longer += span.end_ns > span.start_ns;
        if (span.kind == RIDGE_SPAN_RUN) {
            runs++;
            run = span;
            assert_true(span.tokens == 1 && span.bytes > 0);
        } else if (span.kind == RIDGE_SPAN_SAMPLING) {
            samplings += span.end_ns > span.start_ns;
            assert_true(span.start_ns >= run.end_ns);
        } else {
            assert_true(span.start_ns >= run.start_ns && span.end_ns <= run.end_ns && span.start_ns >= last[span.thread]);
            last[span.thread] = span.end_ns;
        }
    }
    assert_true(runs == TRACED && samplings == TRACED);     /* of the last ones */
    assert_int_equal(profile_trace_write(trace, ridge_profile_get_span, p, &e), 0);
    json_t *file = json_load_file(trace, 0, NULL), *event;
    size_t i;
    int complete = 0;
    json_array_foreach(json_object_get(file, "traceEvents"), i, event) complete += !strcmp(json_string_value(json_object_get(event, "ph")), "X");
    assert_int_equal(complete, longer);
    json_decref(file);
    ridge_profile_free(p);
    close_subject(&s);
}

static void what_cannot_be_profiled_says_so(void **state) {
    subject s = open_subject("reference");
    ridge_profile *p;
    ridge_error e;
    assert_int_equal(ridge_profile_new(&p, s.model, 0, &e), RIDGE_E_UNSUPPORTED);
    assert_null(p);
    assert_non_null(strstr(e.text, "reference"));
    close_subject(&s);
    ridge_profile_free(NULL);
}

static void memory_may_run_out(void **state) {
    subject s = open_subject("cpu");
    ridge_profile *p;
    ridge_error e;
    int code = RIDGE_E_NO_MEMORY, failures = 0;
    for (size_t n = 1; code; n++, failures++) {
        memory_fail_nth(n);
        code = ridge_profile_new(&p, s.model, 2, &e);
        memory_fail_nth(0);
        assert_true(code == 0 || (code == RIDGE_E_NO_MEMORY && !p));
    }
    assert_true(failures >= 2);
    assert_int_equal(ridge_profile_begin(p, &e), 0);
    memory_fail_nth(1);
    profile_report r = {0};
    assert_int_equal(profile_report_add(&r, &some_limits, some_rows, 4, &some_totals, false, &e), RIDGE_E_NO_MEMORY);
    memory_fail_nth(0);
    profile_report_free(&r);
    ridge_profile_free(p);              /* ends it, too */
    generate(&s);
    close_subject(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_have_the_known_parts), cmocka_unit_test(rows_always_sum_to_the_run),
        cmocka_unit_test(reports_group_and_sum), cmocka_unit_test(reports_print_what_they_hold), cmocka_unit_test(causes_sum_and_are_ranked),
        cmocka_unit_test(all_time_is_accounted_for), cmocka_unit_test(spans_nest_and_become_a_trace),
        cmocka_unit_test(what_cannot_be_profiled_says_so), cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, write_model, remove_model);
}
