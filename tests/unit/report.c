/* perf/svg and the report: axes that hold their values whatever these are, numbers, escaping; memory that runs out. tests/e2e/report.py
 * looks at whole pages. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "perf/report_html.h"
#include "perf/svg.h"

static void axes_hold_their_values(void **state) {
    static const double values[] = { 1e-15, 3e-7, 0.02, 0.99, 1, 7, 38.6, 99.99, 100, 1449, 2e5, 1e12, 1e18 };
    enum { N = sizeof values / sizeof *values };
    double ticks[AXIS_TICKS_MOST];
    for (int logarithmic = 0; logarithmic < 2; logarithmic++)
        for (int i = 0; i < N; i++)
            for (int k = i; k < N; k++) {
                axis a = { .from = 10, .to = 200, .logarithmic = logarithmic };
                axis_cover(&a, values[i], values[k], 0.1);
                assert_true(a.low <= values[i] * (1 + 1e-9));
                assert_true(a.high >= values[k] * (1 - 1e-9) && a.high > a.low && a.low >= 0);
                assert_true(axis_at(&a, values[i]) >= 10 - 1e-6 && axis_at(&a, values[k]) <= 200 + 1e-6);
                assert_true(axis_at(&a, values[i]) <= axis_at(&a, values[k]));
                const size_t n = axis_ticks(&a, 6, ticks);
                assert_true(n >= 2 && n <= 8);
                for (size_t t = 0; t < n; t++) {
                    assert_true(ticks[t] >= a.low * (1 - 1e-9) && ticks[t] <= a.high * (1 + 1e-9));
                    assert_true(!t || ticks[t] > ticks[t - 1]);
                }
            }
}

static void axes_are_round(void **state) {
    axis a = { .from = 0, .to = 1 };
    double ticks[AXIS_TICKS_MOST];
    axis_cover(&a, 26, 39, 0.1);
    assert_true(a.low == 25 && a.high == 40);
    assert_int_equal(axis_ticks(&a, 6, ticks), 4);
    assert_true(ticks[0] == 25 && ticks[3] == 40);
    a.logarithmic = true;
    axis_cover(&a, 3, 2000, 0);
    assert_true(fabs(a.low - 1) < 1e-9 && fabs(a.high - 10000) < 1e-6);
    assert_true(fabs(axis_at(&a, 100) - 0.5) < 1e-9);
    assert_true(axis_at(&a, 1e9) == 1 && axis_at(&a, 1e-9) == 0);
}

static void numbers_are_short(void **state) {
    static const struct { double v; const char *text; } known[] = {
        { 0, "0" }, { 0.01, "0.01" }, { 0.12345, "0.123" }, { 12.34, "12.3" }, { 999, "999" }, { 1449, "1449" }, { 25000, "25 k" },
        { 2.5e6, "2.5 M" }, { 4e9, "4 G" },
    };
    char text[40];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        svg_number(text, sizeof text, known[i].v);
        assert_string_equal(text, known[i].text);
    }
}

static void texts_are_escaped(void **state) {
    buffer b = {0};
    html_text(&b, "a<b>&\"'\n\x7f\x01z");
    assert_string_equal(buffer_text(&b), "a&lt;b&gt;&amp;&quot;&#39;   z");
    buffer_free(&b);
}

static int report_once(char **page) {
    static const char line[] = "{\"build_commit\":\"c\",\"model_type\":\"m\",\"n_gen\":2,\"avg_ts\":5,\"samples_ns\":[100000000,110000000],\"rung\":\"%s\"}";
    history h = {0};
    buffer b = {0};
    int code = 0;
    for (int i = 0; i < 3 && !code; i++) {
        char text[300];
        snprintf(text, sizeof text, line, i == 2 ? "tuned" : "");
        json_t *object = json_loads(text, 0, NULL);
        code = history_add(&h, object, NULL);
        json_decref(object);
    }
    if (!code) code = report_html(&b, &h, "A title", NULL);
    if (!code) *page = strdup(buffer_text(&b));
    buffer_free(&b);
    history_free(&h);
    return code;
}

static void a_failed_allocation_is_an_error(void **state) {
    char *page = NULL;
    int code = -1;
    for (size_t n = 1; code && n < 500; n++) {
        memory_fail_nth(n);
        code = report_once(&page);
        memory_fail_nth(0);
        assert_true(code == 0 || code == RIDGE_E_NO_MEMORY);
    }
    assert_int_equal(code, 0);
    assert_non_null(strstr(page, "<h1>A title</h1>"));
    assert_non_null(strstr(page, "tuned"));
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_hold_their_values),
        cmocka_unit_test(axes_are_round),
        cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(a_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
