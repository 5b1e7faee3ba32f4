/* Walks a template's syntax tree. The statements are in jinja_eval.c, the expressions in jinja_eval_expression.c. */
#pragma once
#include "text/jinja_scope.h"

/* Runs the statements; output goes to j->out. Top-level names are set in s. */
void jinja_run(jinja *j, const jinja_node *statements, jinja_scope *s);

/* The value of an expression; MISSING after an error. */
jinja_value jinja_eval(jinja *j, const jinja_node *n, jinja_scope *s);
/* A call whose callee also gets the keyword argument "caller" (unless MISSING). */
jinja_value jinja_eval_call(jinja *j, const jinja_node *n, jinja_scope *s, jinja_value caller);
