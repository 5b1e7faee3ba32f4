/* engine/sampling: seeds reproduce, selections equal a full sort, steps come in their order, bad options are named, memory may run out. */
#include "test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "engine/portable_math.h"
#include "engine/sampling.h"
#include "plan/batch.h"

enum { SMALL = 1000, LARGE = 152000 };
static float logits[LARGE];
static candidate item[LARGE], sorted[LARGE];
static uint64_t seed = 88172645463325252u;

static double uniform(void) {
    seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-53;
}

/* Logits like a model's, with ties. */
static void fill(size_t n) {
    for (size_t i = 0; i < n; i++) logits[i] = (float)(round((uniform() + uniform() + uniform() - 1.5) * 400) / 64);
}

static ridge_sampler *sampler(ridge_sampler_options o, size_t n) {
    ridge_sampler *s;
    error e;
    assert_int_equal(sampler_new(&s, &o, n, &e), 0);
    return s;
}

static int by_logit(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    return x->logit != y->logit ? (x->logit < y->logit) - (x->logit > y->logit) : (x->id > y->id) - (x->id < y->id);
}

static void selections_equal_a_full_sort(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        const size_t n = 1 + (size_t)(uniform() * SMALL);
        const int64_t k = 1 + (int64_t)(uniform() * (double)n);
        fill(n);
        candidates c = { .item = item };
        candidates_fill(&c, logits, NULL, n, 0);
        assert_int_equal(c.n, n);
        memcpy(sorted, item, n * sizeof *item);
        qsort(sorted, n, sizeof *sorted, by_logit);
        candidates_fill(&c, logits, NULL, n, k);
        assert_int_equal(c.n, k);
        if (!c.sorted) candidates_sort(&c);
        for (size_t i = 0; i < c.n; i++) assert_int_equal(item[i].id, sorted[i].id);
        candidates_fill(&c, logits, NULL, n, 0);
        candidates_top_k(&c, k);
        candidates_sort(&c);
        for (size_t i = 0; i < c.n; i++) assert_int_equal(item[i].id, sorted[i].id);
        assert_int_equal(greedy_choice(logits, NULL, n), sorted[0].id);
        /* top-p keeps a prefix of the sorted list, by the sum that it reaches */
        const double p = uniform();
        candidates_fill(&c, logits, NULL, n, 0);
        candidates_top_p(&c, p);
        double sum = 0, total = 0;
        for (size_t i = 0; i < n; i++) total += exp(sorted[i].logit - sorted[0].logit);
        for (size_t i = 0; i < c.n; i++) {
            assert_int_equal(item[i].id, sorted[i].id);
            assert_true(sum < p + 1e-9);
            sum += exp(sorted[i].logit - sorted[0].logit) / total;
        }
        assert_true(sum > p - 1e-9);
    }
}

/* Knowing the largest of each block saves reading, and changes nothing: equal ones, NaN and infinities included. */
static void largest_of_blocks_change_nothing(void **state) {
    (void)state;
    static float largest[LARGE / LOGIT_BLOCK + 1];
    for (int round = 0; round < 40; round++) {
        const size_t n = 1 + (size_t)(uniform() * (LARGE - 1));
        const int64_t k = 1 + (int64_t)(uniform() * 60);
        fill(n);
        for (size_t i = 0; round % 2 && i < n; i++) logits[i] = floorf(logits[i]);      /* many equal ones */
        for (size_t i = 0; round % 3 == 2 && i < n; i += 7) logits[i] = i % 2 ? NAN : -INFINITY;
        logits_find_largest(largest, logits, n);
        for (size_t i = 0; i < n; i++) assert_false(logits[i] > largest[i / LOGIT_BLOCK]);
        assert_int_equal(greedy_choice(logits, NULL, n), greedy_choice(logits, largest, n));
        candidates all = { .item = sorted }, some = { .item = item };
        candidates_fill(&all, logits, NULL, n, k);
        candidates_fill(&some, logits, largest, n, k);
        assert_int_equal(all.n, some.n);
        for (size_t i = 0; i < all.n; i++) assert_int_equal(sorted[i].id, item[i].id);
    }
}

static void not_a_number_and_infinity_do_no_harm(void **state) {
    (void)state;
    for (size_t i = 0; i < 100; i++) logits[i] = NAN;
    assert_in_range(greedy_choice(logits, NULL, 100), 0, 99);
    candidates c = { .item = item };
    candidates_fill(&c, logits, NULL, 100, 0);
    candidates_top_n_sigma(&c, 1);
    candidates_typical_p(&c, 0.5);
    candidates_top_p(&c, 0.5);
    candidates_min_p(&c, 0.5);
    candidates_dynamic_temperature(&c, 1, 0.5, 2);
    assert_in_range(candidates_draw(&c, 0.7), 0, 99);
    fill(100);
    logits[41] = INFINITY;
    candidates_fill(&c, logits, NULL, 100, 10);
    assert_int_equal(item[0].id, 41);
    candidates_probabilities(&c);
    assert_true(item[0].p == 1);
    assert_int_equal(candidates_draw(&c, 0.999999), 41);
    assert_int_equal(greedy_choice(logits, NULL, 100), 41);
}

static void a_seed_gives_the_same_tokens(void **state) {
    (void)state;
    fill(SMALL);
    ridge_sampler_options o = ridge_sampler_options_default();
    o.seed = 42;
    ridge_sampler *a = sampler(o, SMALL), *b = sampler(o, SMALL);
    int32_t first[64];
    bool differ = false;
    for (int i = 0; i < 64; i++) {
        first[i] = sampler_next(a, logits, NULL, NULL, 0);
        assert_int_equal(sampler_next(b, logits, NULL, NULL, 0), first[i]);
        differ |= first[i] != first[0];
    }
    assert_true(differ);
    ridge_sampler_reset(a);
    for (int i = 0; i < 64; i++) assert_int_equal(sampler_next(a, logits, NULL, NULL, 0), first[i]);
    assert_true(ridge_sampler_seed(a) == 42);
    o.seed = -1;
    ridge_sampler *c = sampler(o, SMALL);
    o.seed = (int64_t)ridge_sampler_seed(c);
    ridge_sampler *d = sampler(o, SMALL);
    for (int i = 0; i < 64; i++) assert_int_equal(sampler_next(c, logits, NULL, NULL, 0), sampler_next(d, logits, NULL, NULL, 0));
    ridge_sampler_free(a); ridge_sampler_free(b); ridge_sampler_free(c); ridge_sampler_free(d);
}

/* The generator is PCG32: the first outputs of its reference implementation for seed 42, stream 54, seen through uniform draws. */
static void random_numbers_are_those_of_pcg32(void **state) {
    (void)state;
    static const uint32_t known[] = { 0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e };
    enum { BINS = 4096 };
    for (size_t i = 0; i < BINS; i++) logits[i] = 0;
    ridge_sampler_options o = ridge_sampler_options_default();
    o.seed = 42; o.temperature = 1; o.top_k = 0; o.top_p = 1; o.min_p = 0;
    ridge_sampler *s = sampler(o, BINS);
    for (int i = 0; i < 3; i++) assert_int_equal(sampler_next(s, logits, NULL, NULL, 0), known[2 * i] >> 20);
    ridge_sampler_free(s);
}

static void draws_follow_the_probabilities(void **state) {
    (void)state;
    const float p[] = { 0.5f, 0.25f, 0.125f, 0.125f };
    for (int i = 0; i < 4; i++) logits[i] = logf(p[i]);
    ridge_sampler_options o = ridge_sampler_options_default();
    o.seed = 7; o.temperature = 1; o.top_p = 1; o.min_p = 0;
    ridge_sampler *s = sampler(o, 4);
    enum { DRAWS = 100000 };
    int count[4] = {0};
    for (int i = 0; i < DRAWS; i++) count[sampler_next(s, logits, NULL, NULL, 0)]++;
    for (int i = 0; i < 4; i++) assert_true(fabs(count[i] / (double)DRAWS - (double)p[i]) < 0.01);
    ridge_sampler_free(s);
}

/* The tokens that come within many draws, as bits. A token with a share of 1 % is missed once in 10^8 times. */
static unsigned drawn(ridge_sampler_options o, const int32_t *history, size_t n_history, size_t n) {
    enum { DRAWS = 2000 };
    ridge_sampler *s = sampler(o, n);
    unsigned seen = 0;
    for (int i = 0; i < DRAWS; i++) seen |= 1u << sampler_next(s, logits, NULL, history, n_history);
    ridge_sampler_free(s);
    return seen;
}

/* For each pair of neighbouring steps, logits that the two leave different tokens of when they change places; every other step is off. */
static void steps_come_in_their_order(void **state) {
    (void)state;
    enum { N = 8, ALL = 100 };          /* standard deviations that drop nothing: top-n-sigma is on, and top-k comes as a step of its own */
    const ridge_token_bias bias[] = { { 0, 2 } };
    const int32_t history[] = { 0 };
    const ridge_sampler_options biased = { .biases = bias, .n_biases = 1, .repeat_penalty = 4, .penalty_tokens = 1, .top_k = 1 };
    const struct {
        const char *steps;
        float    values[N];             /* logits; in `shares`, their exponentials */
        bool     shares;
        ridge_sampler_options o;
        unsigned left, swapped;         /* what can be drawn, and what could be if the two changed places */
    } cases[] = {
        { "bias, penalties", { 2, 1.5f }, false, biased, 2, 1 },
        { "penalties, top-n-sigma", { 6, 3, 2 }, false, { .presence_penalty = 4, .penalty_tokens = 1, .top_n_sigma = 1 }, 7, 1 },
        { "penalties, top-k", { 6, 3, 2 }, false, { .presence_penalty = 5, .penalty_tokens = 1, .top_k = 2 }, 6, 3 },
        { "top-n-sigma, top-k", { 4, 3, 2 }, false, { .top_n_sigma = 1, .top_k = 3 }, 3, 1 },
        { "top-k, typical", { 0.6f, 0.2f, 0.1f, 0.06f, 0.04f }, true, { .top_k = 2, .typical_p = 0.3f }, 1, 3 },
        { "(sigma) top-k, typical", { 0.6f, 0.2f, 0.1f, 0.06f, 0.04f }, true, { .top_n_sigma = ALL, .top_k = 2, .typical_p = 0.3f }, 1, 3 },
        { "typical, top-p", { 0.5f, 0.25f, 0.15f, 0.1f }, true, { .typical_p = 0.2f, .top_p = 0.6f }, 2, 1 },
        { "top-p, min-p", { 0.5f, 0.3f, 0.15f, 0.05f }, true, { .top_p = 0.81f, .min_p = 0.2f }, 7, 3 },
        { "min-p, temperature", { 0.5f, 0.3f, 0.15f, 0.05f }, true, { .min_p = 0.2f, .temperature = 2 }, 7, 15 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t t = 0; t < N; t++) logits[t] = cases[i].shares ? logf(cases[i].values[t]) : cases[i].values[t];
        ridge_sampler_options o = cases[i].o;
        o.seed = 11;
        if (o.temperature == 0) o.temperature = 1;
        if (o.repeat_penalty == 0) o.repeat_penalty = 1;
        if (o.typical_p == 0) o.typical_p = 1;
        if (o.top_p == 0) o.top_p = 1;
        const unsigned got = drawn(o, history, 1, N);
        if (got != cases[i].left)
            fail_msg("%s: tokens 0x%x are drawn, expected 0x%x (0x%x: in the other order)", cases[i].steps, got, cases[i].left, cases[i].swapped);
    }
}

static void biases_and_penalties_leave_the_logits_alone(void **state) {
    (void)state;
    fill(SMALL);
    static float before[SMALL];
    memcpy(before, logits, sizeof before);
    const int32_t top = greedy_choice(logits, NULL, SMALL), history[] = { top, top, -1, SMALL + 5 };
    ridge_token_bias bias[] = { { 77, 1000 } };
    ridge_sampler_options o = ridge_sampler_options_default();
    o.temperature = 0; o.biases = bias; o.n_biases = 1;
    ridge_sampler *s = sampler(o, SMALL);
    bias[0].token = 3;                              /* it was copied */
    assert_int_equal(sampler_next(s, logits, NULL, NULL, 0), 77);
    ridge_sampler_free(s);
    o.n_biases = 0; o.presence_penalty = 1000;
    s = sampler(o, SMALL);
    assert_int_equal(sampler_next(s, logits, NULL, NULL, 0), top);
    assert_int_not_equal(sampler_next(s, logits, NULL, history, 4), top);
    ridge_sampler_free(s);
    o.penalty_tokens = 2;                           /* the window ends before `top` */
    s = sampler(o, SMALL);
    assert_int_equal(sampler_next(s, logits, NULL, history, 4), top);
    ridge_sampler_free(s);
    assert_memory_equal(before, logits, sizeof before);
}

static void bad_options_are_named(void **state) {
    (void)state;
    const ridge_token_bias outside[] = { { 10, 1 } };
    const struct { ridge_sampler_options o; const char *name; } cases[] = {
        { { .repeat_penalty = 0 }, "repeat_penalty" }, { { .repeat_penalty = 1, .top_p = NAN }, "top_p" },
        { { .repeat_penalty = 1, .min_p = -1 }, "min_p" }, { { .repeat_penalty = 1, .penalty_tokens = -2 }, "penalty_tokens" },
        { { .repeat_penalty = 1, .biases = outside, .n_biases = 1 }, "token 10" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ridge_sampler *s;
        error e;
        assert_int_equal(sampler_new(&s, &cases[i].o, 10, &e), RIDGE_E_BAD_ARGUMENT);
        assert_null(s);
        assert_non_null(strstr(e.text, cases[i].name));
    }
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    const ridge_sampler_options o = ridge_sampler_options_default();
    for (size_t n = 1, more = 1; more; n++) {
        memory_fail_nth(n);
        ridge_sampler *s;
        error e;
        const int code = sampler_new(&s, &o, 100, &e);
        more = memory_requests() >= n;
        assert_int_equal(code, more ? RIDGE_E_NO_MEMORY : 0);
        ridge_sampler_free(s);
    }
    memory_fail_nth(0);
}

static void our_exp_and_log_are_exact_enough(void **state) {
    (void)state;
    for (int i = 0; i < 100000; i++) {
        const double x = (uniform() - 0.5) * 1400, y = portable_exp((uniform() - 0.5) * 1200);
        assert_true(fabs(portable_exp(x) / exp(x) - 1) < 1e-15);
        assert_true(fabs(portable_log(y) - log(y)) <= 4e-16 * (1 + fabs(log(y))));
    }
    assert_true(portable_exp(0) == 1 && portable_log(1) == 0 && portable_exp(-800) == 0 && portable_exp(-INFINITY) == 0);
    assert_true(fabs(portable_log(5e-324) - log(5e-324)) < 1e-12);
}

/* 152,000 logits as Qwen has; what a choice among them takes is printed. */
static void large_vocabularies_are_sampled(void **state) {
    (void)state;
    fill(LARGE);
    ridge_sampler_options o = ridge_sampler_options_default();
    o.seed = 1;
    for (int greedy = 0; greedy < 2; greedy++) {
        o.temperature = greedy ? 0 : 0.8f;
        ridge_sampler *s = sampler(o, LARGE);
        double least = 1;
        for (int i = 0; i < 20; i++) {
            const double from = clock_seconds();
            const int32_t token = sampler_next(s, logits, NULL, NULL, 0);
            const double t = clock_seconds() - from;
            if (t < least) least = t;
            assert_in_range(token, 0, LARGE - 1);
            if (greedy) for (size_t k = 0; k < LARGE; k++) assert_false(logits[k] > logits[token]);
        }
        print_message("%s: %.0f us for %d logits\n", greedy ? "greedy" : "top-k 40 and the rest", least * 1e6, LARGE);
        ridge_sampler_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selections_equal_a_full_sort),
        cmocka_unit_test(largest_of_blocks_change_nothing),
        cmocka_unit_test(not_a_number_and_infinity_do_no_harm),
        cmocka_unit_test(a_seed_gives_the_same_tokens),
        cmocka_unit_test(random_numbers_are_those_of_pcg32),
        cmocka_unit_test(draws_follow_the_probabilities),
        cmocka_unit_test(steps_come_in_their_order),
        cmocka_unit_test(biases_and_penalties_leave_the_logits_alone),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(our_exp_and_log_are_exact_enough),
        cmocka_unit_test(large_vocabularies_are_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
