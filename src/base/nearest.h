/* Suggests what a user may have meant. */
#pragma once
#include <stddef.h>

/* The entry of names (n of them) that is nearest to `word` by edit distance, or NULL where none is near enough to suggest. */
const char *nearest(const char *word, const char *const *names, size_t n);
