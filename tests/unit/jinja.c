/* The Jinja interpreter's limits, and that nothing in a template can crash it. What it computes is compared with jinja2 in
 * golden/templates.py. */
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "text/chat_template.h"
#include "text/jinja_value.h"

/* Parses and renders; the code, the text in *out. */
static int render(const char *source, size_t n, buffer *out, error *err) {
    static const char messages[] = "[{\"role\": \"user\", \"content\": \"Grüße\", \"list\": [1, 2.5, null, true, {\"a\": \"b\"}]},"
                                   " {\"role\": \"assistant\", \"content\": \"b\\nc\"}]";
    static const chat_template_options options = { .add_generation_prompt = true, .bos_token = "<s>", .eos_token = "</s>", .now = 1721995200 };
    chat_template *t = NULL;
    int code = chat_template_new(&t, source, n, err);
    if (!code) code = chat_template_render_json(t, messages, sizeof messages - 1, &options, out, err);
    chat_template_free(t);
    return code;
}

static void assert_fails(const char *source, int code, const char *text) {
    buffer out = {0};
    error err;
    assert_int_equal(render(source, strlen(source), &out, &err), code);
    if (!strstr(err.text, text)) fail_msg("'%s' is not in '%s'", text, err.text);
    assert_int_equal(out.n, 0);
    buffer_free(&out);
}

static void assert_renders(const char *source, const char *text) {
    buffer out = {0};
    error err;
    if (render(source, strlen(source), &out, &err)) fail_msg("%s", err.text);
    assert_string_equal(buffer_text(&out), text);
    buffer_free(&out);
}

/* A text made of `head`, n times `part`, `middle`, n times `back`. */
static char *repeated(const char *head, const char *part, size_t n, const char *middle, const char *back) {
    buffer b = {0};
    buffer_append_text(&b, head);
    for (size_t i = 0; i < n; i++) buffer_append_text(&b, part);
    buffer_append_text(&b, middle);
    for (size_t i = 0; i < n; i++) buffer_append_text(&b, back);
    assert_false(b.failed);
    return b.data;
}

static void assert_nested_fails(const char *part, size_t n, const char *middle, const char *back) {
    char *inside = repeated("{{ ", part, n, middle, back);
    buffer source = {0};
    buffer_printf(&source, "%s }}", inside);
    assert_fails(buffer_text(&source), RIDGE_E_UNSUPPORTED, "nested deeper than");
    buffer_free(&source);
    memory_free(inside);
}

static void deep_nesting_is_refused(void **state) {
    (void)state;
    assert_nested_fails("(", 12 * 1024, "1", ")");
    assert_nested_fails("[", 12 * 1024, "1", "]");
    assert_nested_fails("{1:", 4 * 1024, "1", "}");
    assert_nested_fails("-", 12 * 1024, "1", "");
    assert_nested_fails("1 if 1 else ", 12 * 1024, "1", "");
    assert_nested_fails("not ", 12 * 1024, "1", "");
    assert_nested_fails("1+", 12 * 1024, "1", "");
    assert_nested_fails("1 and ", 12 * 1024, "1", "");
    assert_nested_fails("", 12 * 1024, "a", ".b");
    assert_nested_fails("", 12 * 1024, "a", "|d");
    assert_nested_fails("", 12 * 1024, "a", "[0]");
    assert_nested_fails("", 12 * 1024, "a", "()");
    char *blocks = repeated("", "{% if 1 %}", 5000, "", "{% endif %}");
    assert_fails(blocks, RIDGE_E_UNSUPPORTED, "nested deeper than");
    memory_free(blocks);
    char *fits = repeated("{{ ", "(", 90, "1", ")");
    buffer source = {0};
    buffer_printf(&source, "%s }}", fits);
    assert_renders(buffer_text(&source), "1");
    buffer_free(&source);
    memory_free(fits);
}

static void long_chains_that_do_not_nest_are_fine(void **state) {
    (void)state;
    char *source = repeated("{% if 0 %}", "{% elif 0 %}", 900, "{% else %}x{% endif %}", "");
    assert_renders(source, "x");
    memory_free(source);
    source = repeated("{{ ''", " ~ ''", 10000, " }}", "");
    assert_renders(source, "");
    memory_free(source);
    source = repeated("{% if 0 %}", "{% elif 0 %}", 15000, "{% endif %}", "");
    assert_fails(source, RIDGE_E_UNSUPPORTED, "nested deeper than");
    memory_free(source);
}

static void what_a_template_may_spend_is_limited(void **state) {
    (void)state;
    assert_fails("{% for i in range(10**9) %}{% endfor %}", RIDGE_E_UNSUPPORTED, "a range is longer than 100000");
    assert_fails("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", RIDGE_E_UNSUPPORTED, "more than 1000000 steps");
    assert_fails("{{ 'x' * 10**9 }}", RIDGE_E_UNSUPPORTED, "");
    assert_fails("{{ 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' * 500000 }}", RIDGE_E_UNSUPPORTED, "longer than 4 MB");
    assert_fails("{{ [0] * 10**12 }}", RIDGE_E_UNSUPPORTED, "steps");
    assert_fails("{% set t = 'x' * 4000 %}{% for i in range(2000) %}{{ t }}{% endfor %}", RIDGE_E_UNSUPPORTED, "longer than 4 MB");
    assert_fails("{% set n = namespace(t='x' * 100000) %}{% for i in range(9) %}{% set n.t = n.t ~ n.t %}{% endfor %}",
                 RIDGE_E_UNSUPPORTED, "longer than 4 MB");
    assert_fails("{% set t = 'x' * 2000000 %}{% for i in range(1000) %}{% set u = t + 'y' %}{% endfor %}", RIDGE_E_UNSUPPORTED, "512 MB of memory");
    assert_fails("{% set t = 'x' * 900000 %}{% for i in range(90000) %}{{ 'y' in t }}{% endfor %}", RIDGE_E_UNSUPPORTED, "steps");
    assert_fails("{{ 'x' | indent(10**9) }}", RIDGE_E_UNSUPPORTED, "longer than 4 MB");
    assert_fails("{{ [[[1]]] | tojson(indent=10**9) }}", RIDGE_E_UNSUPPORTED, "longer than 4 MB");
    assert_fails("{{ '%99999999999d' % 1 }}", RIDGE_E_BAD_FILE, "too large");
    assert_fails("{{ 'x'.center(10**9) }}", RIDGE_E_UNSUPPORTED, "longer than 4 MB");
    char *large = malloc(JINJA_SOURCE_LIMIT + 1);
    assert_non_null(large);
    memset(large, 'x', JINJA_SOURCE_LIMIT + 1);
    buffer out = {0};
    error err;
    assert_int_equal(render(large, JINJA_SOURCE_LIMIT + 1, &out, &err), RIDGE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "more than 256 KB"));
    assert_int_equal(render(large, JINJA_SOURCE_LIMIT, &out, &err), 0);
    assert_int_equal(out.n, JINJA_SOURCE_LIMIT);
    buffer_free(&out);
    free(large);
}

static void recursion_is_limited(void **state) {
    (void)state;
    assert_fails("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{% macro m(a) %}{% for i in [1] %}{% if 1 %}{{ [m(a + 1)] | join | upper }}{% endif %}{% endfor %}{% endmacro %}{{ m(0) }}",
                 RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{% macro m(a=m()) %}{% endmacro %}{{ m() }}", RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{% macro m() %}{% call m() %}{% endcall %}{{ caller() }}{% endmacro %}{% call m() %}{% endcall %}",
                 RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{% set n = namespace(v=1) %}{% for i in range(5000) %}{% set n.v = [n.v] %}{% endfor %}{{ n.v }}",
                 RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{% set n = namespace(v=1) %}{% for i in range(5000) %}{% set n.v = [n.v] %}{% endfor %}{{ n.v | tojson }}",
                 RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{% set n = namespace(v=1, w=1) %}{% for i in range(5000) %}{% set n.v = [n.v] %}{% set n.w = [n.w] %}{% endfor %}{{ n.v == n.w }}",
                 RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{% set n = namespace(v=1, w=1) %}{% for i in range(5000) %}{% set n.v = [n.v] %}{% set n.w = [n.w] %}{% endfor %}{{ n.v < n.w }}",
                 RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{% set n = namespace(v=(1,)) %}{% for i in range(5000) %}{% set n.v = (n.v,) %}{% endfor %}{{ {n.v: 1} }}",
                 RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{% set n = namespace() %}{% set n.n = n %}{{ n }}",
                 RIDGE_E_UNSUPPORTED, "nested deeper than");
    assert_fails("{{ ('[' * 5000 ~ ']' * 5000) | from_json }}", RIDGE_E_UNSUPPORTED, "nested deeper than");
}

static void errors_say_the_line_and_what(void **state) {
    (void)state;
    assert_fails("a\nb\n{{ x.y }}", RIDGE_E_BAD_FILE, "line 3: 'x' is undefined");
    assert_fails("{% if 1 %}\n{{ messages[0].nope.more }}{% endif %}", RIDGE_E_BAD_FILE, "line 2: 'dict object' has no attribute 'nope'");
    assert_fails("\n\n{% for %}", RIDGE_E_BAD_FILE, "line 3");
    assert_fails("{{ 1 | nope }}", RIDGE_E_BAD_FILE, "line 1: there is no filter 'nope'");
    assert_fails("{{ 1 is nope }}", RIDGE_E_BAD_FILE, "there is no test 'nope'");
    assert_fails("\n{% include 'x' %}", RIDGE_E_UNSUPPORTED, "line 2: {% include %} is not supported");
    assert_fails("{% if 1 %}\n", RIDGE_E_BAD_FILE, "{% endif %} was expected");
    assert_fails("{{ 1 $ 2 }}", RIDGE_E_BAD_FILE, "an unexpected character $");
    assert_fails("{{ 9223372036854775807 + 1 }}", RIDGE_E_UNSUPPORTED, "64 bits");
    assert_fails("{{ [1].append(2) }}", RIDGE_E_BAD_FILE, "'list object' has no attribute 'append'");
}

static const char rich[] =
    "{# c #}{% macro show(v, depth=0) %}{% if v is mapping %}{% for k, w in v | dictsort %}{{ k }}:{{ show(w, depth + 1) }}{% endfor %}"
    "{% elif v is iterable and v is not string %}{{ v | map('string') | join(',') }}{% else %}{{ v }}{% endif %}{% endmacro %}\n"
    "{%- set ns = namespace(n=0, t='') %}{% for m in messages if m.role != 'x' %}{% set ns.n = ns.n + loop.index * 2 // 1 %}"
    "{{- '<' ~ m.role | upper ~ '>' + m['content'][::-1] + \"\\u00e9\" }}{% set ns.t = ns.t ~ show(m) %}{% else %}none{% endfor %}\n"
    "  {% set cap | trim | title %} caught {{ ns.t }} {% endset %}{{ cap.split('a', 1) }}{{ {'a': 1, 2: [3.5, none]} | tojson(indent=2) }}\n"
    "{% filter upper %}{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | last }}{% endfilter %}"
    "{% raw %}{{ raw }}{% endraw %}{% macro wrap(v) %}<{{ caller(v) }}>{% endmacro %}{% call(x) wrap(1) %}{{ x }}{% endcall %}"
    "{% with a = 1 %}{{ a if a > 0 and not a is none else 2 }}{% endwith %}"
    "{{ '%s %05.1f' % ('f', 2.25) }}{{ '{:>4}'.format(7) }}"
    "{{ strftime_now('%Y') }}{{ range(7)[1:6:2] | list }}{{ ['b', 'A'] | sort | unique | list }}"
    "{% generation %}{{ bos_token }}{% endgeneration %}{{ 'x\ny' | indent(2, true) }}{{ 2 ** 5 % 7 - -3 }}{{ 1 < 2 <= 2 != 3 in [4] }}";

static void every_allocation_may_fail(void **state) {
    (void)state;
    error err;
    buffer whole = {0};
    if (render(rich, sizeof rich - 1, &whole, &err)) fail_msg("%s", err.text);
    for (size_t n = 1, more = 1; more; n++) {
        buffer out = {0};
        memory_fail_nth(n);
        const int code = render(rich, sizeof rich - 1, &out, &err);
        more = memory_requests() >= n;
        memory_fail_nth(0);
        assert_int_equal(code, more ? RIDGE_E_NO_MEMORY : 0);
        if (more) assert_int_equal(out.n, 0);
        else assert_string_equal(buffer_text(&out), buffer_text(&whole));
        buffer_free(&out);
    }
    buffer_free(&whole);
}

static uint64_t seed = 88172645463325252u;
static size_t random_below(size_t n) {
    seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
    return (size_t)(seed >> 11) % n;
}

/* Changes, removes, doubles or swaps a few pieces; the result has at most twice the length. */
static size_t mutate(char *s, size_t n) {
    static const char *const pieces[] = {
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "(", ")", "[", "]", "|", ".", ":", "*", "**", "=", "if ", "for ", "in ",
        "'", "\"", "\\", "0", "99999999999", "loop", "messages", "not ", " is ",
        "\xff", "é", "\n", "1e308", "set ", "endif", "%s", "[::-1]", "~", ",",
    };
    for (size_t k = 1 + random_below(4); k; k--) {
        const size_t at = random_below(n), length = 1 + random_below(12), end = at + length < n ? at + length : n;
        switch (random_below(4)) {
        case 0: s[at] = (char)random_below(256); break;
        case 1:
            memmove(s + at, s + end, n - end);
            n -= end - at;
            break;
        case 2:
            memmove(s + end + (end - at), s + end, n - end);
            memcpy(s + end, s + at, end - at);
            n += end - at;
            break;
        default: {
            const char *piece = pieces[random_below(sizeof pieces / sizeof pieces[0])];
            memmove(s + at + strlen(piece), s + at, n - at);
            memcpy(s + at, piece, strlen(piece));
            n += strlen(piece);
        }
        }
    }
    return n;
}

static void mutated_templates_never_crash(void **state) {
    (void)state;
    size_t rendered = 0, refused = 0;
    for (int i = 0; i < 2000; i++) {
        char *s = malloc(2 * sizeof rich);
        assert_non_null(s);
        memcpy(s, rich, sizeof rich - 1);
        const size_t n = mutate(s, sizeof rich - 1);
        char *exact = malloc(n);                /* so that a read beyond the end is noticed */
        assert_non_null(exact);
        memcpy(exact, s, n);
        free(s);
        buffer out = {0};
        error err = {0};
        const int code = render(exact, n, &out, &err);
        if (code) {
            refused++;
            assert_true(err.text[0] != 0 && err.code == code);
        } else rendered++;
        buffer_free(&out);
        free(exact);
    }
    assert_true(rendered > 100 && refused > 100);
}

static void every_beginning_of_a_template_is_handled(void **state) {
    (void)state;
    for (size_t n = 0; n < sizeof rich; n++) {
        char *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, rich, n);
        buffer out = {0};
        error err;
        const int code = render(exact, n, &out, &err);
        assert_true(code == 0 || code == RIDGE_E_BAD_FILE);
        buffer_free(&out);
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(long_chains_that_do_not_nest_are_fine),
        cmocka_unit_test(what_a_template_may_spend_is_limited),
        cmocka_unit_test(recursion_is_limited),
        cmocka_unit_test(errors_say_the_line_and_what),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(mutated_templates_never_crash),
        cmocka_unit_test(every_beginning_of_a_template_is_handled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
