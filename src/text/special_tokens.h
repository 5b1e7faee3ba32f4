/* Finds the special tokens in a text, leftmost first and the longest at each place: a trie over their spellings. */
#pragma once
#include "text/tokenizer.h"

typedef struct { uint32_t child, sibling; int32_t id; uint8_t byte; } special_node;      /* 0: none; node 0 is the root */
typedef struct {
    special_node *node;
    size_t n, room;
    bool   begins[256];             /* bytes that some special token begins with */
    bool   begins_always[256];      /* the same, of user-defined tokens only */
} special_tokens;

int  special_tokens_new(special_tokens *s, const vocabulary *v, error *err);
void special_tokens_free(special_tokens *s);

/* The first special token in text[from, n): its id, and in *start and *end where it lies; TOKEN_NONE where there is none.
 * Without `parse`, only user-defined tokens count. */
int32_t special_tokens_find(const special_tokens *s, const vocabulary *v, bool parse, const char *text, size_t n, size_t from, size_t *start, size_t *end);
