/* Lists of numbers on the command line: see number_list.h. */
#include "perf/number_list.h"
#include <errno.h>
#include <stdlib.h>

enum { NUMBER_MOST = 1 << 24 };

/* Reads a number at *text and moves behind it. */
static int number(const char **text, int *out, const char *whole, error *err) {
    char *end;
    errno = 0;
    const long v = **text >= '0' && **text <= '9' ? strtol(*text, &end, 10) : -1;
    if (v < 0 || v > NUMBER_MOST || errno) return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" is no list of whole numbers such as 512 or 16,512 or 128-1024*2", whole);
    *out = (int)v;
    *text = end;
    return 0;
}

static int append(number_list *list, int v, const char *whole, error *err) {
    if (list->n == NUMBER_LIST_MOST) return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" is more than %d numbers", whole, NUMBER_LIST_MOST);
    list->v[list->n++] = v;
    return 0;
}

/* first, first-last, first-last+step or first-last*factor. */
static int append_range(number_list *list, const char **text, const char *whole, error *err) {
    int first = 0, last = 0, step = 1;
    char kind = '+';
    int code = number(text, &first, whole, err);
    if (code || **text != '-') return code ? code : append(list, first, whole, err);
    (*text)++;
    code = number(text, &last, whole, err);
    if (!code && (**text == '+' || **text == '*')) {
        kind = *(*text)++;
        code = number(text, &step, whole, err);
    }
    if (code) return code;
    if (last < first || step < (kind == '*' ? 2 : 1) || (kind == '*' && first == 0))
        return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" has a range that never ends", whole);
    for (long v = first; v <= last && !code; v = kind == '*' ? v * step : v + step) code = append(list, (int)v, whole, err);
    return code;
}

int number_list_parse(void *store, const char *text, error *err) {
    number_list *list = store;
    const char *at = text;
    list->n = 0;
    for (;;) {
        const int code = append_range(list, &at, text, err);
        if (code) return code;
        if (!*at) return 0;
        if (*at++ != ',') return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" is no list of whole numbers such as 512 or 16,512 or 128-1024*2", text);
    }
}

int number_pair_parse(void *store, const char *text, error *err) {
    number_pairs *pairs = store;
    number_list two;
    const int code = number_list_parse(&two, text, err);
    if (code) return code;
    if (two.n != 2 || !two.v[0] || !two.v[1]) return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" is no pair of a prompt and what is generated, such as 512,128", text);
    if (pairs->n == NUMBER_LIST_MOST) return fail(err, RIDGE_E_BAD_ARGUMENT, "more than %d pairs", NUMBER_LIST_MOST);
    pairs->v[pairs->n][0] = two.v[0];
    pairs->v[pairs->n++][1] = two.v[1];
    return 0;
}
