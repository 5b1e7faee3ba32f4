/* From a template's text to its syntax tree. */
#pragma once
#include "text/jinja_ast.h"
#include "text/jinja_lexer.h"

typedef struct {
    jinja *j;
    const jinja_token *token;       /* the current one */
    jinja_node *macro;              /* the macro or call block around, or NULL */
    int loops;                      /* loops around within it: break and continue need one */
} jinja_parser;

/* The statements of a template, linked by next; in j's arena. NULL for an empty template and after an error (j->code). */
jinja_node *jinja_parse(jinja *j, const char *source, size_t n);

/* Between the two halves of the parser. After an error they return NULL, or a node that nobody will look at. */
void jinja_parse_fail(jinja_parser *p, const char *what);
jinja_node *jinja_parse_node(jinja_parser *p, jinja_node_kind kind);
bool jinja_parse_accept(jinja_parser *p, jinja_token_kind kind);
void jinja_parse_expect(jinja_parser *p, jinja_token_kind kind);
bool jinja_parse_at_word(const jinja_parser *p, const char *word);
bool jinja_parse_accept_word(jinja_parser *p, const char *word);
jinja_text jinja_parse_name(jinja_parser *p);
jinja_node *jinja_parse_expression(jinja_parser *p, bool conditional);
jinja_node *jinja_parse_primary(jinja_parser *p);
/* One expression or, where commas follow, a tuple of them. end_word: where the list may end besides a closing token; or NULL. */
typedef enum { JINJA_PARSE_FULL, JINJA_PARSE_NO_CONDITIONAL, JINJA_PARSE_TARGET, JINJA_PARSE_IN_PARENTHESES } jinja_parse_mode;
jinja_node *jinja_parse_tuple(jinja_parser *p, jinja_parse_mode mode, const char *end_word);
/* Filters behind node: "| a | b(c)"; begin: the first name stands here without its "|". */
jinja_node *jinja_parse_filters(jinja_parser *p, jinja_node *node, bool begin);
