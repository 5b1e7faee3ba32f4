/* What filters take for comparing items: attribute paths, keys, and a stable sort. */
#pragma once
#include "text/jinja_call.h"

/* The item at "a.b.0" (or an integer, or none: v itself) below v. */
jinja_value jinja_item_path(jinja *j, jinja_value v, jinja_value path);
/* The same, with `otherwise` (unless MISSING) in the place of each step that is undefined. */
jinja_value jinja_item_path_or(jinja *j, jinja_value v, jinja_value path, jinja_value otherwise);
/* What v is compared by: the item at the path (MISSING: v itself), in lower case unless case_sensitive. */
jinja_value jinja_sort_key(jinja *j, jinja_value v, jinja_value path, bool case_sensitive);
/* The same for several paths "a,b.c": a list. */
jinja_value jinja_sort_keys(jinja *j, jinja_value v, jinja_value paths, bool case_sensitive);
/* Sorts items and keys by the keys, in place; equal ones keep their order. */
void jinja_sort(jinja *j, jinja_list *items, jinja_list *keys, bool descending);
