/* JSON for the Jinja interpreter: values from JSON text (on top of jansson), and Python's json.dumps. */
#pragma once
#include "text/jinja_value.h"

/* The value that the text says; an error that names `what` where it is not JSON, or nests deeper than JINJA_NESTING_LIMIT. */
jinja_value jinja_json_read(jinja *j, const char *text, size_t n, const char *what);

typedef struct {
    jinja_text indent;                      /* one level's; data NULL: all on one line */
    jinja_text between_items, behind_key;   /* the separators */
    bool ascii, sorted;
} jinja_json_style;
/* Appends the value as json.dumps writes it; an error where JSON has no such thing. */
void jinja_json_write(jinja *j, buffer *b, jinja_value v, const jinja_json_style *style);
