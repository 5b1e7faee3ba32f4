/* The syntax tree of a Jinja template: what the parser makes and the evaluator walks. Lives in the template's arena. */
#pragma once
#include "text/jinja_value.h"

typedef enum {
    /* statements */
    NODE_DATA,          /* value */
    NODE_PRINT,         /* a */
    NODE_IF,            /* a: condition, body, other: the elif chain's next NODE_IF or the else body */
    NODE_FOR,           /* target, a: iterable, b: filter or NULL, body, other: else body */
    NODE_SET,           /* target, a */
    NODE_SET_BLOCK,     /* target, a: filters over NODE_CAPTURED or NULL, body */
    NODE_MACRO,         /* name, items: parameters (NODE_PARAMETER), body, uses_… */
    NODE_CALL_BLOCK,    /* a: NODE_CALL, items: parameters, body, uses_… */
    NODE_FILTER_BLOCK,  /* a: filters over NODE_CAPTURED, body */
    NODE_WITH,          /* items: NODE_SETs, body */
    NODE_SCOPE,         /* body: a generation block */
    NODE_BREAK, NODE_CONTINUE,
    NODE_PARAMETER,     /* name, a: default or NULL */
    /* expressions */
    NODE_CONSTANT,      /* value */
    NODE_NAME,          /* name */
    NODE_NAMESPACE_NAME,/* name, b: NODE_NAME of the attribute; only a target */
    NODE_TUPLE, NODE_LIST,  /* items */
    NODE_DICT,          /* items: key, value, key, value */
    NODE_CONDITIONAL,   /* a if b else c (or NULL) */
    NODE_AND, NODE_OR, NODE_NOT,
    NODE_COMPARE,       /* a, items: NODE_OPERAND */
    NODE_OPERAND,       /* operation, a */
    NODE_BINARY,        /* a operation b */
    NODE_NEGATE, NODE_PLUS,
    NODE_CONCAT,        /* items */
    NODE_ATTRIBUTE,     /* a, name */
    NODE_ITEM,          /* a, b */
    NODE_SLICE,         /* a, items: start, stop, step (NODE_CONSTANT none where left out) */
    NODE_CALL,          /* a, items: arguments */
    NODE_FILTER,        /* a, name, items: arguments */
    NODE_TEST,          /* a, name, items: arguments */
    NODE_KEYWORD,       /* name, a: an argument name=a */
    NODE_SPREAD,        /* a: an argument *a */
    NODE_SPREAD_DICT,   /* a: an argument **a */
    NODE_CAPTURED,      /* the text of the block around */
} jinja_node_kind;

typedef struct jinja_node jinja_node;
struct jinja_node {
    jinja_node_kind kind;
    int line;
    int operation;              /* a jinja_token_kind */
    int height;                 /* of the expression below: bounds recursion in the evaluator */
    bool uses_caller, uses_varargs, uses_kwargs;    /* MACRO, CALL_BLOCK */
    jinja_text name;
    jinja_value value;
    jinja_node *a, *b, *c, *target;
    jinja_node *items;          /* first of a list linked by next */
    jinja_node *body, *other;
    jinja_node *next;
};
