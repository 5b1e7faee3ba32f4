/* How a model of Hugging Face is named: user/repository[:quant], and which of a repository's files that means. Pure text, no files. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { REFERENCE_ROOM = 200 };

typedef struct {
    char repo[REFERENCE_ROOM];      /* "user/repository" */
    char quant[REFERENCE_ROOM];     /* "Q4_K_M", a file's name, or "" */
} reference;

/* Whether text has that form; *out is filled in where it has. */
bool reference_parse(const char *text, reference *out);

/* Whether a file of that path is what `quant` selects: a whole name, or a part of one such as Q4_K_M; in any case of letters. */
bool reference_matches(const char *path, const char *quant);

/* Which of n paths `quant` selects: the index of a model, and of a split one the index of part 1; -1 where none does.
 * "" selects Q4_K_M where there is one, and else the first model. What belongs to a model without being one is passed over. */
ptrdiff_t reference_choose(const char *const *paths, size_t n, const char *quant);

/* The quantisation that a file's name tells ("Q4_K_M", as it is written there), copied into `quant`; false where it tells none. */
bool reference_quant(const char *path, char quant[REFERENCE_ROOM]);

/* Whether the path is one part of a split model (name-00002-of-00003.gguf); then *part and *parts are its numbers. */
bool reference_split(const char *path, unsigned *part, unsigned *parts);
/* The path of another part of the same split model; the result has the same length. */
void reference_split_part(char *path, unsigned part);

bool reference_is_model(const char *path);      /* ends with .gguf, and is no projector and no importance matrix */
/* Whether a path that came over the network may be created below a directory: relative, no "..", no control characters. */
bool reference_is_safe_path(const char *path);
