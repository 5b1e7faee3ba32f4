/* What the files of the tokenizer share: its tables, and the workspace that one call of encode uses. */
#pragma once
#include <pthread.h>
#include "text/normalise.h"
#include "text/pre_tokenizer.h"
#include "text/special_tokens.h"
#include "text/token_table.h"
#include "text/tokenizer.h"

typedef struct workspace workspace;

/* Workspaces that wait for the next call of encode, so that threads share a tokenizer without waiting for each other. */
typedef struct {
    pthread_mutex_t lock;
    workspace *idle;
} workspace_pool;

struct tokenizer {
    vocabulary     v;
    token_table    tokens;
    merge_table    merges;              /* byte-level BPE */
    special_tokens special;
    const pre_tokenizer_kind *kind;     /* byte-level BPE */
    pre_tokenizer *pre;
    bool           add_bos, add_eos, add_space_prefix;
    int32_t        byte_id[256];        /* the token that spells a byte, or TOKEN_NONE */
    uint8_t        joins[256][256 / 8]; /* SentencePiece: bit [a][b]: some token holds a character that ends with byte a, and then one that
                                         * begins with byte b; the space sign counts as beginning with ' ' */
    char          *piece_bytes;         /* all pieces, one after the other */
    uint32_t      *piece_start;         /* [n_tokens + 1] */
    uint8_t       *ends;                /* [n_tokens] 1: end of generation */
    workspace_pool *pool;
};

/* A part of a word while it is being merged: word[start, end). */
typedef struct {
    uint32_t start, end;
    int32_t  id;                        /* its token, or TOKEN_NONE */
    uint32_t key;                       /* of merging it with the next part: least first; NO_MERGE: cannot */
    int32_t  result;                    /* the token that this merge makes */
    uint32_t previous, next;            /* neighbours in a long word; NO_PART at the ends */
} word_part;
enum { NO_PART = UINT32_MAX };
#define NO_MERGE UINT32_MAX

/* A short word that was seen before and its tokens: one cache line. */
enum { CACHED_WORD_BYTES = 24, CACHED_WORD_TOKENS = 9, CACHED_WORDS = 8192 };
typedef struct {
    uint64_t word[CACHED_WORD_BYTES / 8];       /* zero-padded */
    uint8_t  n_bytes, n_tokens;                 /* n_bytes == 0: empty */
    int32_t  id[CACHED_WORD_TOKENS];
} cached_word;

struct workspace {
    workspace  *next;                   /* in the list of idle ones */
    const tokenizer *t;
    token_list *out;                    /* of the call in progress */
    size_t      n_lost;                 /* bytes of this call's text that no token spells */
    cached_word *cache;                 /* [CACHED_WORDS] */
    pre_tokenizer_run *run;
    normaliser  normaliser;
    buffer      repaired, normalised;
    word_part  *part;
    uint64_t   *heap;
    size_t      n_parts_room, n_heap_room;
};

int  workspace_take(workspace **out, const tokenizer *t, error *err);
void workspace_give(workspace *w);                  /* back to the pool of its tokenizer */
void workspace_pool_free(workspace_pool *pool);

/* Appends the tokens of one word to w->out. */
int word_encode(workspace *w, const char *word, size_t n, error *err);

/* The space sign of SentencePiece, U+2581. */
#define SPACE_SIGN "\xe2\x96\x81"
enum { SPACE_SIGN_BYTES = 3 };

/* Whether merging may make this token: not control, unknown and byte tokens. */
static inline bool may_be_merged_into(const vocabulary *v, int32_t id) {
    if (!v->type) return true;
    const uint8_t type = v->type[id];
    return type == TOKEN_NORMAL || type == TOKEN_USER_DEFINED || type == TOKEN_UNUSED;
}

/* What a SentencePiece text's character at `text` begins with, as `joins` counts; -1: it goes on there. */
static inline int joining_byte(const char *text, size_t n) {
    const uint8_t c = (uint8_t)text[0];
    if (c == (uint8_t)SPACE_SIGN[0] && n >= SPACE_SIGN_BYTES && !memcmp(text, SPACE_SIGN, SPACE_SIGN_BYTES)) return ' ';
    return c >= 0x80 && c < 0xc0 ? -1 : c;
}

/* The byte that a character of byte-level BPE's alphabet stands for, or -1: every byte has a printable character (GPT-2's table). */
int byte_alphabet_decode(uint32_t code_point);
/* The character, at most U+0143, that stands for a byte. */
uint32_t byte_alphabet_encode(uint8_t byte);
