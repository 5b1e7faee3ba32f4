/* UTF-8: checking it, and making it valid by one rule.
 *
 * The rule, wherever Ridge meets bytes that are not UTF-8: each maximal bad sequence becomes one U+FFFD, as the Unicode
 * standard recommends (section 3.9, "U+FFFD Substitution of Maximal Subparts") and as WHATWG decoders do. */
#pragma once
#include "base/buffer.h"
#include <stdint.h>

/* What stands at the front of a text: a character, or a maximal bad sequence. */
typedef struct {
    size_t   bytes;         /* how long it is; at least 1 */
    uint32_t code_point;    /* of a character; 0xFFFD where bad */
    bool     valid;
    bool     incomplete;    /* bad only because the text ends here: more bytes could make it a character */
} utf8_character;

/* n >= 1. */
utf8_character utf8_next(const char *text, size_t n);

/* Bytes of the longest prefix that is valid. */
size_t utf8_valid_prefix(const char *text, size_t n);

/* Appends the text with each bad sequence replaced; returns how many there were. */
size_t utf8_repair(buffer *out, const char *text, size_t n);

/* Writes the character (at most 0x10FFFF) and returns its length, 1 to 4 bytes. */
size_t utf8_write(char out[4], uint32_t code_point);
