/* The search of `ridge tune` on fake measurements: planted gains are found, noise is not taken for one, the budget and the order hold. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "perf/random.h"
#include "perf/tune_search.h"

static const uint32_t columns[] = { 1, 2, 4, 8 }, ahead[] = { 0, 1024, 4096 }, chunk[] = { 16, 32, 64 }, rows[] = { 0, 4 };
enum { N_KNOBS = 8 };

/* Columns and look-ahead of three groups of matrices (70, 29 and 1 % of the bytes), a chunk for prompts, rows for a few tokens. */
static const ridge_knob template[N_KNOBS] = {
    { "columns", "small", "", RIDGE_KNOB_DECODE, 1,  columns, 4, 8, 8 },
    { "ahead",   "small", "", RIDGE_KNOB_DECODE, 1,  ahead, 3, 4096, 4096 },
    { "columns", "large", "", RIDGE_KNOB_DECODE, 70, columns, 4, 8, 8 },
    { "ahead",   "large", "", RIDGE_KNOB_DECODE, 70, ahead, 3, 4096, 4096 },
    { "columns", "middle", "", RIDGE_KNOB_DECODE, 29, columns, 4, 8, 8 },
    { "ahead",   "middle", "", RIDGE_KNOB_DECODE, 29, ahead, 3, 4096, 4096 },
    { "chunk",   "model", "", RIDGE_KNOB_PROMPT, 100, chunk, 3, 64, 64 },
    { "rows",    "model", "", RIDGE_KNOB_FEW, 100, rows, 2, 4, 4 },
};
enum { COLUMNS_SMALL, AHEAD_SMALL, COLUMNS_LARGE, AHEAD_LARGE, COLUMNS_MIDDLE, AHEAD_MIDDLE, CHUNK };

/* Makes the time of a test from the knobs' values, noise, and a drift. */
typedef struct fake {
    ridge_knob knob[N_KNOBS];
    double (*seconds)(const struct fake *f, ridge_knob_use use);
    uint64_t seed;
    double   noise, spent, drift;
    int      measured, fails_at;
    uint32_t middle_columns;        /* the default of the group in the middle, where it is another one */
    bool     prompts_count;
    char     heard[4000];
} fake;

static double uniform(fake *f) { return (double)(random_next(&f->seed) >> 11) * 0x1p-53; }

/* Gaussian, and one sample in twenty disturbed by up to 30 %. */
static double noisy(fake *f) {
    const double gauss = sqrt(-2 * log(uniform(f) + 1e-300)) * cos(6.283185307179586 * uniform(f));
    return exp(f->noise * gauss) * (f->noise > 0 && uniform(f) < 0.05 ? 1 + 0.3 * uniform(f) : 1);
}

static int set(void *user, size_t i, uint32_t value, error *err) {
    fake *f = user;
    assert_true(i < N_KNOBS);
    f->knob[i].value = value;
    return 0;
}

static int measure(void *user, ridge_knob_use use, double *seconds, error *err) {
    fake *f = user;
    if (++f->measured == f->fails_at) return fail(err, RIDGE_E_IO, "planted");
    *seconds = f->seconds(f, use) * noisy(f) * (1 + f->drift * f->measured);
    f->spent += *seconds;
    return 0;
}

static double spent(void *user) { return ((fake *)user)->spent; }

static void hear(void *user, const tune_coordinate *c, const tune_trial *t) {
    fake *f = user;
    char line[100];
    snprintf(line, sizeof line, "%s of %s: %u %s\n", c->name, c->of, t->value, tune_verdict_name(t->verdict));
    strncat(f->heard, line, sizeof f->heard - strlen(f->heard) - 1);
}

static int search(fake *f, double budget, tune_result *r, error *err) {
    const tune_subject s = { .user = f, .knob = f->knob, .n_knobs = N_KNOBS, .prompts_count = f->prompts_count, .budget_seconds = budget,
                             .sample_seconds = { 0.016, 0.016, 0.5 },
                             .set = set, .measure = measure, .spent_seconds = spent, .progress = hear };
    memcpy(f->knob, template, sizeof f->knob);
    if (f->middle_columns) f->knob[COLUMNS_MIDDLE].value = f->knob[COLUMNS_MIDDLE].default_value = f->middle_columns;
    return tune_search(&s, r, err);
}

static const tune_coordinate *find(const tune_result *r, const char *name, const char *of) {
    for (size_t i = 0; i < r->n; i++) if (!strcmp(r->coordinate[i].name, name) && !strcmp(r->coordinate[i].of, of)) return &r->coordinate[i];
    return NULL;
}

static tune_verdict verdict_of(const tune_coordinate *c, uint32_t value) {
    for (size_t i = 0; i < c->n_trials; i++) if (c->trial[i].value == value) return c->trial[i].verdict;
    fail_msg("%u was no candidate of %s", value, c->name);
    return TUNE_UNTRIED;
}

static double usual(ridge_knob_use use) { return use == RIDGE_KNOB_PROMPT ? 0.5 : 0.016; }

/* ---- what is planted ---- */

static double nothing(const fake *f, ridge_knob_use use) { return usual(use); }

static double four_columns(const fake *f, ridge_knob_use use) {
    double s = usual(use);
    if (use != RIDGE_KNOB_DECODE) return s;
    static const size_t groups[] = { COLUMNS_LARGE, COLUMNS_MIDDLE, COLUMNS_SMALL };
    static const double shares[] = { 0.70, 0.29, 0.01 };
    for (int g = 0; g < 3; g++) {
        const uint32_t v = f->knob[groups[g]].value;
        s *= 1 - shares[g] * (v == 4 ? 0.05 : v == 2 ? 0.03 : v == 1 ? -0.10 : 0);
    }
    return s;
}

/* Two is best for the group in the middle, by 5 % of its own time; for the others it is as bad. */
static double middle_differs(const fake *f, ridge_knob_use use) {
    double s = usual(use);
    if (use == RIDGE_KNOB_DECODE && f->knob[COLUMNS_MIDDLE].value == 2) s *= 1 - 0.29 * 0.05;
    if (use == RIDGE_KNOB_DECODE && f->knob[COLUMNS_LARGE].value == 2) s *= 1 + 0.70 * 0.05;
    return s;
}

static double chunks_hurt_decoding(const fake *f, ridge_knob_use use) {
    const bool small = f->knob[CHUNK].value == 16, middle = f->knob[CHUNK].value == 32;
    if (use == RIDGE_KNOB_PROMPT) return usual(use) * (small ? 0.90 : middle ? 0.95 : 1);
    return usual(use) * (small ? 1.06 : 1);
}

static double looking_ahead_hurts_prompts(const fake *f, ridge_knob_use use) {
    const bool none = f->knob[AHEAD_LARGE].value == 0;
    return usual(use) * (!none ? 1 : use == RIDGE_KNOB_DECODE ? 0.93 : 1.04);
}

/* Each of two changes helps; both together are far worse. */
static double together_they_are_slower(const fake *f, ridge_knob_use use) {
    const bool a = f->knob[COLUMNS_LARGE].value == 4, b = f->knob[CHUNK].value == 32;
    if (use == RIDGE_KNOB_PROMPT) return usual(use) * (b ? 0.93 : 1) * (a ? 1.2 : 1);
    return usual(use) * (a ? 0.95 : 1);
}

/* ---- tests ---- */

static void a_planted_gain_is_found(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        fake f = { .seconds = four_columns, .seed = seed, .noise = 0.02, .drift = 1e-4 };
        tune_result r;
        error err;
        if (search(&f, 1e9, &r, &err)) fail_msg("%s", err.text);
        for (size_t g = COLUMNS_SMALL; g <= COLUMNS_MIDDLE; g += 2) assert_int_equal(f.knob[g].value, 4);
        for (size_t g = AHEAD_SMALL; g <= AHEAD_MIDDLE; g += 2) assert_int_equal(f.knob[g].value, 4096);
        assert_int_equal(f.knob[CHUNK].value, 64);
        const tune_coordinate *c = find(&r, "columns", "all matrices");
        assert_true(c->together && c->before == 8 && c->after == 4);
        assert_true(fabs(c->gain.ratio - 1 / 0.95) < 0.02 && c->gain.range.low > 1.01);
        assert_int_equal(verdict_of(c, 4), TUNE_KEPT);
        assert_int_equal(verdict_of(c, 2), TUNE_BEATEN);
        assert_int_equal(verdict_of(c, 1), TUNE_SLOWER);
        assert_true(r.changed && !r.taken_back && r.decode.verdict == COMPARE_FASTER && r.prompt.verdict == COMPARE_SAME);
        tune_result_free(&r);
    }
}

static void noise_keeps_the_defaults(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        fake f = { .seconds = nothing, .seed = seed, .noise = seed % 3 ? 0.01 : 0.05, .drift = seed % 2 ? 2e-4 : -5e-5 };
        tune_result r;
        error err;
        if (search(&f, 1e9, &r, &err)) fail_msg("%s", err.text);
        for (size_t i = 0; i < N_KNOBS; i++)
            if (f.knob[i].value != template[i].value) fail_msg("seed %d: %s of %s became %u for nothing", (int)seed, f.knob[i].name, f.knob[i].of, f.knob[i].value);
        assert_false(r.changed);
        assert_true(r.decode.ratio == 1 && r.prompt.ratio == 1);
        tune_result_free(&r);
    }
}

static void a_group_may_differ(void **state) {
    (void)state;
    fake f = { .seconds = middle_differs, .seed = 3, .noise = 0.004 };
    tune_result r;
    error err;
    if (search(&f, 1e9, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(f.knob[COLUMNS_MIDDLE].value, 2);
    assert_int_equal(f.knob[COLUMNS_LARGE].value, 8);
    assert_int_equal(find(&r, "columns", "all matrices")->after, 8);
    const tune_coordinate *c = find(&r, "columns", "middle");
    assert_true(!c->together && fabs(c->share - 0.29) < 1e-9 && c->after == 2);
    assert_null(find(&r, "columns", "small"));                  /* too few bytes to be seen */
    tune_result_free(&r);
}

/* Knobs with other defaults are not turned along, and stay what they are where nothing is faster. */
static void defaults_may_differ(void **state) {
    (void)state;
    for (int planted = 0; planted < 2; planted++) {
        fake f = { .seconds = planted ? four_columns : nothing, .seed = 11, .noise = 0.003, .middle_columns = 4 };
        tune_result r;
        error err;
        if (search(&f, 1e9, &r, &err)) fail_msg("%s", err.text);
        const tune_coordinate *c = find(&r, "columns", "all matrices with 8");
        assert_true(c->together && fabs(c->share - 0.71) < 1e-9);
        assert_null(find(&r, "columns", "all matrices with 4"));         /* there is but one: it is on its own */
        assert_true(find(&r, "ahead", "all matrices")->share == 1);
        assert_int_equal(find(&r, "columns", "middle")->before, 4);
        assert_int_equal(f.knob[COLUMNS_MIDDLE].value, 4);
        assert_int_equal(f.knob[COLUMNS_LARGE].value, planted ? 4 : 8);
        assert_int_equal(f.knob[COLUMNS_SMALL].value, planted ? 4 : 8);
        assert_int_equal(r.changed, planted);
        tune_result_free(&r);
    }
}

static void the_order_is_by_bytes_and_decoding_first(void **state) {
    (void)state;
    fake f = { .seconds = nothing, .seed = 1 };
    tune_result r;
    error err;
    if (search(&f, 1e9, &r, &err)) fail_msg("%s", err.text);
    static const char *const want[][2] = { { "columns", "all matrices" }, { "ahead", "all matrices" }, { "rows", "model" }, { "columns", "large" }, { "ahead", "large" },
                                           { "columns", "middle" }, { "ahead", "middle" }, { "chunk", "model" } };
    assert_int_equal(r.n, sizeof want / sizeof *want);
    for (size_t i = 0; i < r.n; i++) {
        assert_string_equal(r.coordinate[i].name, want[i][0]);
        assert_string_equal(r.coordinate[i].of, want[i][1]);
    }
    assert_non_null(strstr(f.heard, "columns of large: 4 no difference\n"));
    tune_result_free(&r);
}

static void what_hurts_elsewhere_is_no_gain(void **state) {
    (void)state;
    fake f = { .seconds = chunks_hurt_decoding, .seed = 5, .noise = 0.005 };
    tune_result r;
    error err;
    if (search(&f, 1e9, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(f.knob[CHUNK].value, 32);                  /* 16 is faster at prompts, but not at decoding */
    assert_int_equal(verdict_of(find(&r, "chunk", "model"), 16), TUNE_HARMFUL);
    tune_result_free(&r);
    for (int count = 0; count < 2; count++) {
        f = (fake){ .seconds = looking_ahead_hurts_prompts, .seed = 7, .noise = 0.002, .prompts_count = count };
        if (search(&f, 1e9, &r, &err)) fail_msg("%s", err.text);
        const tune_coordinate *c = find(&r, "ahead", "all matrices");
        assert_int_equal(verdict_of(c, 0), count ? TUNE_HARMFUL : TUNE_KEPT);
        assert_int_equal(f.knob[AHEAD_LARGE].value, 4096);      /* otherwise found in the end, and taken back */
        assert_int_equal(r.taken_back, !count);
        tune_result_free(&r);
    }
}

static void all_together_must_not_be_slower(void **state) {
    (void)state;
    fake f = { .seconds = together_they_are_slower, .seed = 9, .noise = 0.003 };
    tune_result r;
    error err;
    if (search(&f, 1e9, &r, &err)) fail_msg("%s", err.text);
    assert_true(r.changed && r.taken_back && r.prompt.verdict == COMPARE_SLOWER);
    for (size_t i = 0; i < N_KNOBS; i++) assert_int_equal(f.knob[i].value, template[i].value);
    tune_result_free(&r);
}

static void the_budget_ends_the_search(void **state) {
    (void)state;
    const double budgets[] = { 0, 3, 100 };
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        fake f = { .seconds = nothing, .seed = 2, .noise = 0.01 };
        tune_result r;
        error err;
        if (search(&f, budgets[i], &r, &err)) fail_msg("%s", err.text);
        assert_true(f.spent < budgets[i] + 0.1);                /* no round begins that would be too long; noise may make it longer */
        assert_int_equal(verdict_of(find(&r, "chunk", "model"), 32), budgets[i] < 100 ? TUNE_UNTRIED : TUNE_SAME);
        assert_int_equal(verdict_of(find(&r, "columns", "all matrices"), 1), budgets[i] == 0 ? TUNE_UNTRIED : TUNE_SAME);
        assert_false(r.changed);
        tune_result_free(&r);
    }
}

static void failures_come_through(void **state) {
    (void)state;
    for (int at = 1; at < 4000; at = at * 3 + 1) {
        fake f = { .seconds = four_columns, .seed = 4, .noise = 0.01, .fails_at = at };
        tune_result r;
        error err;
        const int code = search(&f, 1e9, &r, &err);
        if (f.measured < at) assert_int_equal(code, 0);
        else assert_int_equal(code, RIDGE_E_IO);
        tune_result_free(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_planted_gain_is_found),
        cmocka_unit_test(noise_keeps_the_defaults),
        cmocka_unit_test(a_group_may_differ),
        cmocka_unit_test(defaults_may_differ),
        cmocka_unit_test(the_order_is_by_bytes_and_decoding_first),
        cmocka_unit_test(what_hurts_elsewhere_is_no_gain),
        cmocka_unit_test(all_together_must_not_be_slower),
        cmocka_unit_test(the_budget_ends_the_search),
        cmocka_unit_test(failures_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
