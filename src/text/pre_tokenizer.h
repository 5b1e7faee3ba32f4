/* Pre-tokenisers of byte-level BPE: they cut a text into words, and merges never cross a cut.
 *
 * A pre-tokeniser is a list of regular expressions, applied in order: each cuts every piece that the one before it left
 * into its matches and what lies between them. The file names one (tokenizer.ggml.pre); only names in our table
 * are compiled, never a pattern from a file. Linear time for any input: see pre_tokenizer_table.c. */
#pragma once
#include "base/error.h"
#include <stddef.h>

enum { PRE_TOKENIZER_MAX_PATTERNS = 6 };

typedef struct {
    const char *name;                                       /* as tokenizer.ggml.pre spells it */
    const char *const *patterns;                            /* NULL-terminated */
    bool add_bos;                                           /* where the file does not say */
    bool ignore_merges;                                     /* a word that is a token is taken whole */
    bool normalise;                                         /* the model's tokeniser turns text into NFC first */
} pre_tokenizer_kind;

/* NULL for an unknown name. */
const pre_tokenizer_kind *pre_tokenizer_find(const char *name);
/* What an unknown or missing name is replaced by, loudly, by the caller. */
const pre_tokenizer_kind *pre_tokenizer_fallback(void);
/* All known ones, for tests and for `--help`. */
size_t pre_tokenizer_count(void);
const pre_tokenizer_kind *pre_tokenizer_at(size_t i);

/* Compiled patterns: shared by threads. */
typedef struct pre_tokenizer pre_tokenizer;
int  pre_tokenizer_new(pre_tokenizer **out, const pre_tokenizer_kind *kind, error *err);
void pre_tokenizer_free(pre_tokenizer *p);

/* What one thread needs to run them. */
typedef struct pre_tokenizer_run pre_tokenizer_run;
int  pre_tokenizer_run_new(pre_tokenizer_run **out, const pre_tokenizer *p, error *err);
void pre_tokenizer_run_free(pre_tokenizer_run *r);

/* Called for each word, in order; what it returns other than 0 ends the splitting. */
typedef int pre_tokenizer_word(void *user, const char *word, size_t n, error *err);
/* Splits valid UTF-8. Every byte is in exactly one word. */
int pre_tokenizer_split(pre_tokenizer_run *r, const char *text, size_t n, pre_tokenizer_word *word, void *user, error *err);
