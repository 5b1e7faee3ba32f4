/* Everything that a template can call, and how arguments find their parameters. */
#pragma once
#include "text/jinja_ast.h"

typedef struct { jinja_text name; jinja_value value; } jinja_keyword;
typedef struct {
    jinja_value *values;        /* [n] positional */
    size_t n;
    jinja_keyword *keywords;    /* [n_keywords] */
    size_t n_keywords;
} jinja_arguments;

enum { JINJA_PARAMETERS_LIMIT = 6 };

/* A filter, test, method or global function. `self` is what it is applied to; MISSING for a function. */
struct jinja_callable {
    const char *name;
    const char *parameters;     /* "width first blank"; NULL: `raw` looks at the arguments itself */
    int required;               /* how many of them must be given */
    jinja_value (*bound)(jinja *j, jinja_value self, const jinja_value *a);        /* a: one per parameter, MISSING where not given */
    jinja_value (*raw)(jinja *j, jinja_value self, const jinja_arguments *a);
};

struct jinja_method { jinja_value self; const jinja_callable *callable; };

typedef struct jinja_scope jinja_scope;
struct jinja_macro { const jinja_node *node; jinja_scope *scope; };     /* node: NODE_MACRO or NODE_CALL_BLOCK */
struct jinja_loop { const jinja_list *items; size_t index; jinja_value changed; };

/* Tables end with a name of NULL. The entry of this name, or NULL. */
const jinja_callable *jinja_callable_find(const jinja_callable *table, jinja_text name);
/* Binds the arguments and calls. */
jinja_value jinja_apply(jinja *j, const jinja_callable *c, jinja_value self, const jinja_arguments *a);
/* Calls a value: a macro, method, or function. */
jinja_value jinja_call(jinja *j, jinja_value callee, const jinja_arguments *a);
jinja_value jinja_call_macro(jinja *j, const jinja_macro *m, const jinja_arguments *a);        /* in jinja_eval.c */
/* The arguments from the first'th positional one on. */
jinja_arguments jinja_arguments_from(const jinja_arguments *a, size_t first);
/* The keyword argument of this name, or NULL. */
const jinja_value *jinja_keyword_find(const jinja_arguments *a, const char *name);
bool jinja_text_is(jinja_text t, const char *word);

/* By name; NULL (filters and tests: and an error) where there is none. */
const jinja_callable *jinja_filter(jinja *j, jinja_text name);
const jinja_callable *jinja_test(jinja *j, jinja_text name);
const jinja_callable *jinja_method_of(jinja_value self, jinja_text name);
const jinja_callable *jinja_function(jinja_text name);

extern const jinja_callable jinja_text_filters[], jinja_number_filters[], jinja_sequence_filters[];
extern const jinja_callable jinja_string_methods[], jinja_list_methods[], jinja_tuple_methods[], jinja_dict_methods[], jinja_loop_methods[];
