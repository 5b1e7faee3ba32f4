/* perf/quality: perplexity and divergence of distributions that are known. */
#include "test.h"
#include <math.h>
#include "base/memory.h"
#include "perf/quality.h"

enum { N = 4 };

/* Logits of probabilities, moved by a constant, which changes nothing. */
static void logits_of(float *x, const double *p, float moved) {
    for (int i = 0; i < N; i++) x[i] = (float)log(p[i]) + moved;
}

static void tokens_are_judged(void **state) {
    const double p[N] = { 0.5, 0.25, 0.125, 0.125 }, reference[N] = { 0.1, 0.2, 0.3, 0.4 };
    float x[N], r[N];
    logits_of(x, p, 30);
    logits_of(r, reference, -100);
    double kl = 0;
    for (int i = 0; i < N; i++) kl += reference[i] * log(reference[i] / p[i]);
    quality_token t = quality_of(x, r, N, 1);
    assert_true(fabs(t.nll - log(4)) < 1e-5);
    assert_true(fabs(t.reference_nll - log(5)) < 1e-5);
    assert_true(fabs(t.kl - kl) < 1e-5);
    assert_false(t.same_top);
    t = quality_of(x, x, N, 3);
    assert_true(t.kl == 0 && t.same_top);
    t = quality_of(x, NULL, N, 0);
    assert_true(fabs(t.nll - log(2)) < 1e-5 && t.kl == 0 && t.reference_nll == 0);
}

/* A token that the reference excludes adds nothing, whatever the model thinks of it. */
static void impossible_tokens_are_allowed(void **state) {
    const float x[N] = { 0, 0, 0, -1e30f }, r[N] = { 0, 0, 0, -INFINITY };
    const quality_token t = quality_of(x, r, N, 0);
    assert_true(fabs(t.kl) < 1e-12 && fabs(t.nll - log(3)) < 1e-12);
}

static void sums_and_quantiles(void **state) {
    quality q = {0};
    error err;
    for (int i = 200; i > 0; i--) {
        const quality_token t = { .nll = i % 2 ? 1 : 3, .reference_nll = 2, .kl = i, .same_top = i % 4 == 0 };
        assert_int_equal(quality_add(&q, &t, &err), 0);
    }
    const quality_summary s = quality_summarize(&q);
    assert_true(fabs(s.perplexity - exp(2)) < 1e-9 && fabs(s.reference_perplexity - exp(2)) < 1e-9);
    assert_true(fabs(s.perplexity_error - exp(2) / sqrt(199)) < 1e-9);
    assert_true(s.kl_mean == 100.5 && s.kl_median == 100 && s.kl_99 == 198 && s.kl_most == 200 && s.same_top == 0.25);
    quality_free(&q);
    assert_int_equal(q.n, 0);
}

static void memory_may_run_out(void **state) {
    quality q = {0};
    const quality_token t = { .nll = 1 };
    error err;
    memory_fail_nth(1);
    assert_int_equal(quality_add(&q, &t, &err), RIDGE_E_NO_MEMORY);
    memory_fail_nth(0);
    assert_int_equal(q.n, 0);
    assert_int_equal(quality_add(&q, &t, &err), 0);
    quality_free(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_judged),
        cmocka_unit_test(impossible_tokens_are_allowed),
        cmocka_unit_test(sums_and_quantiles),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
