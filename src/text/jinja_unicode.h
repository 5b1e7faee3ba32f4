/* What Python knows of Unicode and the Jinja interpreter needs: characters, white space, case. On top of utf8proc.
 * A byte that is not UTF-8 counts as one character of its own and passes through unchanged. */
#pragma once
#include "base/buffer.h"
#include <stdbool.h>
#include <stdint.h>

/* The bytes of the first character of s (n > 0 bytes); *code (may be NULL) is its code point, or -1 for a stray byte. */
size_t jinja_unicode_next(const char *s, size_t n, int32_t *code);
/* The bytes of the last character of s (n > 0). */
size_t jinja_unicode_last(const char *s, size_t n, int32_t *code);
size_t jinja_unicode_count(const char *s, size_t n);
/* The byte offset of the character with this index; n where there are fewer. */
size_t jinja_unicode_offset(const char *s, size_t n, size_t index);
void   jinja_unicode_append(buffer *b, int32_t code);

bool jinja_unicode_space(int32_t code);         /* str.isspace */
bool jinja_unicode_line_end(int32_t code);      /* where str.splitlines splits */
bool jinja_unicode_printable(int32_t code);     /* str.isprintable: what repr() leaves alone */
bool jinja_unicode_letter(int32_t code);        /* str.isalpha */
bool jinja_unicode_digit(int32_t code);         /* str.isdigit, for decimal digits and superscripts */
bool jinja_unicode_upper(int32_t code);         /* category Lu */
bool jinja_unicode_lower(int32_t code);         /* category Ll */

typedef enum { JINJA_UPPER, JINJA_LOWER, JINJA_TITLE, JINJA_CAPITALIZE, JINJA_SWAPCASE } jinja_case;
/* Appends s in that case, by Unicode's full mappings ("ß" becomes "SS"; a final sigma is known). */
void jinja_unicode_case(buffer *b, const char *s, size_t n, jinja_case mode);

/* How many bytes of white space s begins or ends with. */
size_t jinja_unicode_leading_space(const char *s, size_t n);
size_t jinja_unicode_trailing_space(const char *s, size_t n);
