/* str() and repr() of Python for the values of the Jinja interpreter. */
#pragma once
#include "text/jinja_value.h"

void jinja_print(jinja *j, buffer *b, jinja_value v);       /* str(v) */
void jinja_repr(jinja *j, buffer *b, jinja_value v);        /* repr(v) */
jinja_value jinja_to_string(jinja *j, jinja_value v);       /* str(v); a string is returned as it is, without its mark */
/* Python's float.__repr__: the shortest digits that give d back. */
void jinja_print_float(jinja *j, buffer *b, double d);
