/* Operations on texts that both filters and string methods offer. */
#pragma once
#include "text/jinja_call.h"
#include "text/jinja_unicode.h"

jinja_value jinja_text_case(jinja *j, jinja_value s, jinja_case mode);
/* Without the white space, or the characters of `chars` where it is a string, at the left and right end. */
jinja_value jinja_text_strip(jinja *j, jinja_value s, jinja_value chars, bool left, bool right);
/* The byte offset of the first or last `what` (not empty), SIZE_MAX where there is none. */
size_t jinja_text_find(jinja_text t, jinja_text what, bool last);
/* At most `most` replacements from the left; negative: all. */
jinja_value jinja_text_replace(jinja *j, jinja_text t, jinja_text old, jinja_text with, int64_t most);
/* str.splitlines: a list. */
jinja_value jinja_text_lines(jinja *j, jinja_text t, bool keep_ends);
/* str.isupper / str.islower. */
bool jinja_text_cased(jinja_text t, bool upper);
