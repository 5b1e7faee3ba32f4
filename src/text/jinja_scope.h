/* Scopes: what a name means. Loops, macros and block captures open one; assignments go to the innermost. */
#pragma once
#include "text/jinja_call.h"

struct jinja_scope {
    jinja_scope *parent;
    struct { jinja_text name; jinja_value value; } *names;
    size_t n, room;
};

jinja_scope *jinja_scope_new(jinja *j, jinja_scope *parent);        /* NULL after an error */
void jinja_scope_set(jinja *j, jinja_scope *s, jinja_text name, jinja_value value);
/* The innermost value of this name, or NULL. */
const jinja_value *jinja_scope_find(const jinja_scope *s, jinja_text name);
