/* The tests of "x is test(argument)". */
#include "text/jinja_call.h"
#include "text/jinja_lexer.h"
#include "text/jinja_operators.h"
#include "text/jinja_print.h"
#include "text/jinja_text.h"

#define TEST(name, condition) \
    static jinja_value name(jinja *j, jinja_value v, const jinja_value *a) { (void)j, (void)v, (void)a; return jinja_boolean(condition); }

TEST(is_defined, v.kind != JINJA_UNDEFINED)
TEST(is_undefined, v.kind == JINJA_UNDEFINED)
TEST(is_none, v.kind == JINJA_NONE)
TEST(is_boolean, v.kind == JINJA_BOOLEAN)
TEST(is_true, v.kind == JINJA_BOOLEAN && v.boolean)
TEST(is_false, v.kind == JINJA_BOOLEAN && !v.boolean)
TEST(is_integer, v.kind == JINJA_INTEGER)
TEST(is_float, v.kind == JINJA_FLOAT)
TEST(is_number, jinja_is_number(v))
TEST(is_string, v.kind == JINJA_STRING)
TEST(is_mapping, v.kind == JINJA_DICT)
TEST(is_sequence, v.kind == JINJA_STRING || v.kind == JINJA_LIST || v.kind == JINJA_TUPLE || v.kind == JINJA_DICT || v.kind == JINJA_RANGE
                  || v.kind == JINJA_UNDEFINED)
TEST(is_iterable, jinja_iterable(v))
TEST(is_callable, v.kind == JINJA_MACRO || v.kind == JINJA_METHOD || v.kind == JINJA_FUNCTION || v.kind == JINJA_LOOP || v.kind == JINJA_UNDEFINED)
TEST(is_escaped, v.kind == JINJA_STRING && v.markup)
TEST(is_upper, jinja_text_cased(jinja_to_string(j, v).text, true))
TEST(is_lower, jinja_text_cased(jinja_to_string(j, v).text, false))
TEST(is_odd, jinja_equal(j, jinja_arithmetic(j, TOKEN_MODULO, v, jinja_integer(2)), jinja_integer(1)))
TEST(is_even, jinja_equal(j, jinja_arithmetic(j, TOKEN_MODULO, v, jinja_integer(2)), jinja_integer(0)))
TEST(is_divisible, jinja_equal(j, jinja_arithmetic(j, TOKEN_MODULO, v, a[0]), jinja_integer(0)))
TEST(is_equal, jinja_relation(j, TOKEN_EQUAL, v, a[0]))
TEST(is_not_equal, jinja_relation(j, TOKEN_NOT_EQUAL, v, a[0]))
TEST(is_greater, jinja_relation(j, TOKEN_GREATER, v, a[0]))
TEST(is_greater_equal, jinja_relation(j, TOKEN_GREATER_EQUAL, v, a[0]))
TEST(is_less, jinja_relation(j, TOKEN_LESS, v, a[0]))
TEST(is_less_equal, jinja_relation(j, TOKEN_LESS_EQUAL, v, a[0]))
TEST(is_in, jinja_contains(j, a[0], v))

/* Python's `is`: by value for what is immutable here, by identity for the rest. */
static jinja_value is_same(jinja *j, jinja_value v, const jinja_value *a) {
    if (v.kind != a[0].kind) return jinja_boolean(false);
    if (v.kind == JINJA_LIST || v.kind == JINJA_TUPLE || v.kind == JINJA_DICT) return jinja_boolean((const void *)v.list == (const void *)a[0].list);
    return jinja_boolean(jinja_equal(j, v, a[0]));
}

static jinja_value is_filter(jinja *j, jinja_value v, const jinja_value *a);
static jinja_value is_test(jinja *j, jinja_value v, const jinja_value *a);

static const jinja_callable tests[] = {
    { "defined", "", 0, is_defined, NULL },         { "undefined", "", 0, is_undefined, NULL },     { "none", "", 0, is_none, NULL },
    { "boolean", "", 0, is_boolean, NULL },         { "true", "", 0, is_true, NULL },               { "false", "", 0, is_false, NULL },
    { "integer", "", 0, is_integer, NULL },         { "float", "", 0, is_float, NULL },             { "number", "", 0, is_number, NULL },
    { "string", "", 0, is_string, NULL },           { "mapping", "", 0, is_mapping, NULL },         { "sequence", "", 0, is_sequence, NULL },
    { "iterable", "", 0, is_iterable, NULL },       { "callable", "", 0, is_callable, NULL },       { "escaped", "", 0, is_escaped, NULL },
    { "upper", "", 0, is_upper, NULL },             { "lower", "", 0, is_lower, NULL },             { "odd", "", 0, is_odd, NULL },
    { "even", "", 0, is_even, NULL },               { "divisibleby", "num", 1, is_divisible, NULL }, { "sameas", "other", 1, is_same, NULL },
    { "==", "other", 1, is_equal, NULL },           { "eq", "other", 1, is_equal, NULL },           { "equalto", "other", 1, is_equal, NULL },
    { "!=", "other", 1, is_not_equal, NULL },       { "ne", "other", 1, is_not_equal, NULL },       { ">", "other", 1, is_greater, NULL },
    { "gt", "other", 1, is_greater, NULL },         { "greaterthan", "other", 1, is_greater, NULL }, { ">=", "other", 1, is_greater_equal, NULL },
    { "ge", "other", 1, is_greater_equal, NULL },   { "<", "other", 1, is_less, NULL },             { "lt", "other", 1, is_less, NULL },
    { "lessthan", "other", 1, is_less, NULL },      { "<=", "other", 1, is_less_equal, NULL },      { "le", "other", 1, is_less_equal, NULL },
    { "in", "seq", 1, is_in, NULL },                { "filter", "", 0, is_filter, NULL },           { "test", "", 0, is_test, NULL },
    { NULL, NULL, 0, NULL, NULL },
};

static jinja_value is_filter(jinja *j, jinja_value v, const jinja_value *a) {
    (void)j, (void)a;
    if (v.kind != JINJA_STRING) return jinja_boolean(false);
    return jinja_boolean(jinja_callable_find(jinja_text_filters, v.text) || jinja_callable_find(jinja_number_filters, v.text)
                         || jinja_callable_find(jinja_sequence_filters, v.text));
}

static jinja_value is_test(jinja *j, jinja_value v, const jinja_value *a) {
    (void)j, (void)a;
    return jinja_boolean(v.kind == JINJA_STRING && jinja_callable_find(tests, v.text));
}

const jinja_callable *jinja_test(jinja *j, jinja_text name) {
    const jinja_callable *c = jinja_callable_find(tests, name);
    if (!c) jinja_fail(j, RIDGE_E_BAD_FILE, "there is no test '%.*s'", (int)name.n, name.data);
    return c;
}
