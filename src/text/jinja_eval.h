/* Walks a template's syntax tree. The statements are in jinja_eval.c, the expressions in jinja_eval_expression.c.
 *
 * Where it differs from jinja2 on purpose: integers have 64 bits; map, select and the like compute at once, so an error in one that
 * is never walked is an error all the same, as is a loop's "if"; a name is looked up when it is used, while jinja2 decides at compile
 * time whether a macro means the context's or the template's; an unknown filter or test is an error only where it is reached;
 * recursive loops, template inheritance and inclusion, and the filters that no chat template uses, are refused. */
#pragma once
#include "text/jinja_scope.h"

/* Runs the statements; output goes to j->out. Top-level names are set in s. */
void jinja_run(jinja *j, const jinja_node *statements, jinja_scope *s);

/* The value of an expression; MISSING after an error. */
jinja_value jinja_eval(jinja *j, const jinja_node *n, jinja_scope *s);
/* A call whose callee also gets the keyword argument "caller" (unless MISSING). */
jinja_value jinja_eval_call(jinja *j, const jinja_node *n, jinja_scope *s, jinja_value caller);
