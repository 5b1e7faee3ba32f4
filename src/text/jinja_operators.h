/* The operators of expressions on values: arithmetic, attributes, items, slices. */
#pragma once
#include "text/jinja_call.h"

/* a operation b, for TOKEN_ADD … TOKEN_POWER. */
jinja_value jinja_arithmetic(jinja *j, int operation, jinja_value a, jinja_value b);
jinja_value jinja_negate(jinja *j, jinja_value v);
/* One comparison, TOKEN_EQUAL … TOKEN_LESS_EQUAL, TOKEN_IN, TOKEN_NOT_IN. */
bool jinja_relation(jinja *j, int operation, jinja_value a, jinja_value b);
/* v.name: an attribute or method, else the item of that name, else undefined. */
jinja_value jinja_attribute(jinja *j, jinja_value v, jinja_text name);
/* v[key]: an item, else the attribute of that name, else undefined. */
jinja_value jinja_item(jinja *j, jinja_value v, jinja_value key);
/* v[start:stop:step], none where left out. */
jinja_value jinja_slice(jinja *j, jinja_value v, jinja_value start, jinja_value stop, jinja_value step);
/* a + b for strings, b escaped where one of them is marked safe and the other not. */
jinja_value jinja_join_strings(jinja *j, jinja_value a, jinja_value b);
jinja_value jinja_escape(jinja *j, jinja_value v);
