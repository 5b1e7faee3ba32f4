/* Values of the Jinja interpreter, and the context that owns their memory and counts what a template may spend.
 *
 * Values behave as Python's do under jinja2's ImmutableSandboxedEnvironment. They live in an arena until the context ends.
 * Errors are sticky: the first jinja_fail() is kept, everything after it returns quickly and its result means nothing, so
 * that code checks `j->code` only where it loops or where it must not go on. Integers are 64 bits; more is an error. */
#pragma once
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    JINJA_SOURCE_LIMIT  = 256 * 1024,           /* bytes of a template */
    JINJA_NESTING_LIMIT = 100,                  /* of brackets and blocks in the source, of values in values */
    JINJA_DEPTH_LIMIT   = 1000,                 /* of evaluation, macro calls included: less than 1 MB of stack */
    JINJA_STEP_LIMIT    = 1000000,              /* nodes evaluated, items visited, and KB of text looked at */
    JINJA_OUTPUT_LIMIT  = 4 * 1024 * 1024,      /* bytes of a rendering and of any text on the way there */
    JINJA_MEMORY_LIMIT  = 512 * 1024 * 1024,    /* bytes of all values of one rendering */
};

typedef enum {
    JINJA_MISSING,      /* an argument that was not given; never seen by a template */
    JINJA_UNDEFINED, JINJA_NONE, JINJA_BOOLEAN, JINJA_INTEGER, JINJA_FLOAT, JINJA_STRING,
    JINJA_LIST, JINJA_TUPLE, JINJA_DICT, JINJA_NAMESPACE, JINJA_RANGE,
    JINJA_VIEW,         /* dict.keys(), .values(), .items(): a list with a name of its own */
    JINJA_ITERATOR,     /* what select, map and the like give: can be walked once */
    JINJA_LOOP, JINJA_MACRO, JINJA_METHOD, JINJA_FUNCTION,
} jinja_kind;

typedef struct jinja_value jinja_value;
typedef struct jinja_list jinja_list;
typedef struct jinja_dict jinja_dict;
typedef struct jinja_macro jinja_macro;
typedef struct jinja_loop jinja_loop;
typedef struct jinja_method jinja_method;
typedef struct jinja_callable jinja_callable;

typedef struct { const char *data; size_t n; } jinja_text;      /* UTF-8; not terminated */
typedef struct { int64_t start, stop, step; } jinja_range;
/* Why a value is undefined: a hint, or the owner's type (NULL: a variable) and the name that it lacks. */
typedef struct { const char *hint, *owner; const jinja_value *name; } jinja_undefined;

struct jinja_value {
    jinja_kind kind;
    bool markup;                                /* a string marked by safe or escape */
    union {
        bool boolean;
        int64_t integer;
        double number;
        jinja_text text;
        jinja_list *list;                       /* LIST, TUPLE, VIEW, ITERATOR */
        jinja_dict *dict;                       /* DICT, NAMESPACE */
        const jinja_range *range;
        const jinja_undefined *undefined;       /* NULL: nothing is known */
        const jinja_macro *macro;
        jinja_loop *loop;
        const jinja_method *method;
        const jinja_callable *function;
    };
};

struct jinja_list { jinja_value *items; size_t n, room; const char *view; };
typedef struct { jinja_value key, value; uint64_t hash; } jinja_entry;
struct jinja_dict { jinja_entry *entries; size_t n, room; };    /* in order of insertion */

typedef struct {
    arena   memory;
    size_t  bytes, steps;
    int     depth;
    int     line;               /* of the node being evaluated */
    int     code;               /* 0, or the error's */
    error  *err;
    jinja_list empty;           /* what functions that return a list return after an error */
    buffer *out;                /* where output goes now */
    int64_t now;                /* seconds since 1970 for strftime_now */
} jinja;

void jinja_free(jinja *j);
/* Keeps the first error: "line 3: <text>". */
void jinja_fail(jinja *j, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Raises what using an undefined value means. */
jinja_value jinja_fail_undefined(jinja *j, jinja_value v);
/* Zeroed memory from the context's arena; NULL after an error. */
void *jinja_allocate(jinja *j, size_t count, size_t size);
/* Spends n steps; false after an error. */
bool jinja_step(jinja *j, size_t n);
/* Goes one evaluation deeper (then leave with j->depth--); false, with depth unchanged, after an error. */
bool jinja_enter(jinja *j, int limit);

jinja_value jinja_nothing(void);                                /* MISSING: what is returned after an error */
jinja_value jinja_none(void);
jinja_value jinja_boolean(bool b);
jinja_value jinja_integer(int64_t i);
jinja_value jinja_float(double d);
jinja_value jinja_string(const char *data, size_t n);           /* borrows */
jinja_value jinja_literal(const char *text);                    /* borrows */
jinja_value jinja_string_copy(jinja *j, const char *data, size_t n);
/* Copies the buffer's text into the arena and frees the buffer. */
jinja_value jinja_string_take(jinja *j, buffer *b);
/* Appends within JINJA_OUTPUT_LIMIT. */
void jinja_append(jinja *j, buffer *b, const char *data, size_t n);
jinja_value jinja_undefined_hint(jinja *j, const char *hint);
jinja_value jinja_undefined_name(jinja *j, const char *owner, jinja_value name);
jinja_value jinja_sequence(jinja_kind kind, jinja_list *list);
jinja_value jinja_mapping(jinja_kind kind, jinja_dict *dict);

jinja_list *jinja_list_new(jinja *j, size_t room);              /* never NULL */
void jinja_list_add(jinja *j, jinja_list *l, jinja_value v);
jinja_value jinja_pair(jinja *j, jinja_value a, jinja_value b); /* a tuple */
jinja_dict *jinja_dict_new(jinja *j);                           /* may be NULL, which the functions below accept */
void jinja_dict_set(jinja *j, jinja_dict *d, jinja_value key, jinja_value value);
/* Adds without looking for an equal key. */
void jinja_dict_add(jinja *j, jinja_dict *d, jinja_value key, jinja_value value);
jinja_value *jinja_dict_find(jinja *j, const jinja_dict *d, jinja_value key);

/* Python's name of the value's type: "str", "NoneType". */
const char *jinja_type_name(jinja_value v);
bool jinja_is_number(jinja_value v);                            /* bool, int, float */
bool jinja_as_integer(jinja_value v, int64_t *out);             /* int and bool */
double jinja_as_float(jinja_value v);                           /* of a number */
bool jinja_truth(jinja_value v);
bool jinja_equal(jinja *j, jinja_value a, jinja_value b);
/* Negative, 0 or positive; an error where Python has no order. `sign` is the operator for the error's text. */
int  jinja_compare(jinja *j, jinja_value a, jinja_value b, const char *sign);
uint64_t jinja_hash(jinja *j, jinja_value v);                   /* an error where Python has none */
int64_t jinja_range_length(const jinja_range *r);
/* The number of items, or -1 where Python's len() raises. */
int64_t jinja_length(jinja_value v);
bool jinja_iterable(jinja_value v);
/* The items of anything that can be iterated; an iterator is used up. A LIST gives its own list, to be read only. */
jinja_list *jinja_items(jinja *j, jinja_value v);
bool jinja_contains(jinja *j, jinja_value container, jinja_value item);
