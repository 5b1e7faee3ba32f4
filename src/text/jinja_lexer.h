/* Cuts a Jinja template into tokens, with the white space rules of trim_blocks and lstrip_blocks already applied. */
#pragma once
#include "text/jinja_value.h"

typedef enum {
    TOKEN_END, TOKEN_DATA, TOKEN_PRINT_BEGIN, TOKEN_PRINT_END, TOKEN_BLOCK_BEGIN, TOKEN_BLOCK_END,
    TOKEN_NAME, TOKEN_STRING, TOKEN_INTEGER, TOKEN_FLOAT,
    TOKEN_ADD, TOKEN_SUBTRACT, TOKEN_MULTIPLY, TOKEN_DIVIDE, TOKEN_FLOOR_DIVIDE, TOKEN_MODULO, TOKEN_POWER, TOKEN_TILDE,
    TOKEN_EQUAL, TOKEN_NOT_EQUAL, TOKEN_GREATER, TOKEN_GREATER_EQUAL, TOKEN_LESS, TOKEN_LESS_EQUAL,
    TOKEN_ASSIGN, TOKEN_DOT, TOKEN_COLON, TOKEN_PIPE, TOKEN_COMMA, TOKEN_SEMICOLON,
    TOKEN_LEFT_BRACKET, TOKEN_RIGHT_BRACKET, TOKEN_LEFT_PARENTHESIS, TOKEN_RIGHT_PARENTHESIS, TOKEN_LEFT_BRACE, TOKEN_RIGHT_BRACE,
    TOKEN_IN, TOKEN_NOT_IN,         /* never lexed: operations of comparisons */
} jinja_token_kind;

typedef struct {
    jinja_token_kind kind;
    int line;
    jinja_text text;                /* DATA, NAME and STRING: their text */
    jinja_value value;              /* INTEGER, FLOAT */
} jinja_token;

/* All tokens of source, the last one TOKEN_END; in j's arena. NULL after an error. */
jinja_token *jinja_lex(jinja *j, const char *source, size_t n);
/* How a token is called in an error: "'%}'", "a name". */
const char *jinja_token_name(jinja_token_kind kind);
