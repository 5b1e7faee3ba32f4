/* Tokenisers: text to token ids and back, exactly as the model's own.
 *
 * Two kinds: byte-level BPE (GGUF's "gpt2": text is cut into words by regular expressions, words are merged by rank) and
 * SentencePiece BPE ("llama": merged by score, what has no token is spelled in bytes). Time is O(n log n) for any text.
 * A tokenizer is read-only once made: any number of threads may use one. */
#pragma once
#include "base/buffer.h"
#include "base/error.h"
#include <stdint.h>

/* A slice of memory that somebody else owns: here, mostly, of the mapped file. */
typedef struct { const char *text; size_t n; } text_slice;

typedef enum { TOKENIZER_BPE, TOKENIZER_SPM } tokenizer_kind;

/* GGUF's numbers (tokenizer.ggml.token_type). */
typedef enum {
    TOKEN_UNDEFINED = 0, TOKEN_NORMAL = 1, TOKEN_UNKNOWN = 2, TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4, TOKEN_UNUSED = 5, TOKEN_BYTE = 6,
} token_type;

enum { TOKEN_NONE = -1 };

/* What the file says, filled by the loader (model/vocabulary.c) or by a test; start with vocabulary_init. */
typedef struct {
    tokenizer_kind kind;
    size_t      n_tokens;
    text_slice *token;          /* [n_tokens] spelled as in the file; the text must outlive the tokenizer */
    uint8_t    *type;           /* [n_tokens] token_type; NULL: all normal */
    float      *score;          /* [n_tokens] finite; SentencePiece only */
    size_t      n_merges;
    text_slice *merge;          /* [n_merges] "left right", the best first; byte-level BPE only; text needed only while making */
    char        pre[64];        /* tokenizer.ggml.pre; "" where the file has none */
    int32_t     bos, eos, eot, eom, unknown, padding;       /* TOKEN_NONE, or below n_tokens */
    int8_t      add_bos, add_eos, add_space_prefix;         /* 1, 0, or -1 where the file does not say */
    bool        strip_after_special;    /* white space behind a special token is dropped (Phi-3's tokens are marked so) */
} vocabulary;

void vocabulary_init(vocabulary *v);
/* Frees the arrays (each from memory_new), not the texts. */
void vocabulary_free(vocabulary *v);

/* A list of tokens that grows. */
typedef struct { int32_t *id; size_t n, room; } token_list;
int  token_list_append(token_list *l, int32_t id, error *err);
void token_list_free(token_list *l);

typedef struct tokenizer tokenizer;

/* Takes over v's arrays, also on failure, and leaves v empty. RIDGE_E_BAD_FILE where v contradicts itself beyond repair;
 * what can be repaired (a merge without its token, two tokens spelled alike) is an event. */
int  tokenizer_new(tokenizer **out, vocabulary *v, error *err);
void tokenizer_free(tokenizer *t);

enum {
    ENCODE_ADD_SPECIAL   = 1,       /* BOS and EOS where the file asks for them */
    ENCODE_PARSE_SPECIAL = 2,       /* control tokens spelled in the text become their id; otherwise they are text */
};
/* Appends the ids of n bytes of text to *out; on failure *out is as it was. User-defined tokens always become their id.
 * Bytes that are not UTF-8 are replaced by U+FFFD first (text/utf8.h has the rule), which is an event.
 * Bytes that the vocabulary cannot spell are left out (SentencePiece: become the unknown token), which is an event, too.
 * Special tokens are found leftmost first, the longest at each place. RIDGE_E_NO_MEMORY, RIDGE_E_UNSUPPORTED (above 1 GiB). */
int tokenizer_encode(const tokenizer *t, const char *text, size_t n, unsigned flags, token_list *out, error *err);

/* The bytes of a token (of a control token: its name); not necessarily UTF-8. Owned by t; {"", 0} for an id out of range. */
text_slice tokenizer_piece(const tokenizer *t, int32_t id);

enum {
    DECODE_REMOVE_SPECIAL  = 1,     /* drop a BOS in front and an EOS at the end where the file adds them */
    DECODE_UNPARSE_SPECIAL = 2,     /* control tokens give their name instead of nothing */
};
/* Appends the bytes of n tokens: exactly the concatenated pieces, without the space that SentencePiece puts in front.
 * Ids out of range give nothing. Check out->failed. */
void tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, unsigned flags, buffer *out);

/* Streaming: what is appended is always whole, valid UTF-8. An unfinished character is held back until it is finished or known
 * to be bad; bad bytes become U+FFFD. Start with zeros and the tokenizer; copy it to try something out. */
typedef struct {
    const tokenizer *t;
    bool    unparse_special;        /* control tokens give their name */
    bool    strip_space;            /* the text begins here: drop the space that SentencePiece puts in front */
    uint8_t n_held;
    char    held[4];
} detokenizer;
void detokenizer_push(detokenizer *d, int32_t id, buffer *out);
void detokenizer_flush(detokenizer *d, buffer *out);        /* the end: what is still held back is bad */

size_t     tokenizer_n_tokens(const tokenizer *t);
token_type tokenizer_type(const tokenizer *t, int32_t id);          /* TOKEN_UNDEFINED for an id out of range */
int32_t    tokenizer_bos(const tokenizer *t);                       /* these: TOKEN_NONE where there is none */
int32_t    tokenizer_eos(const tokenizer *t);
int32_t    tokenizer_eot(const tokenizer *t);                       /* end of turn: from the file, or by its spelling */
int32_t    tokenizer_padding(const tokenizer *t);
bool       tokenizer_adds_bos(const tokenizer *t);
bool       tokenizer_adds_eos(const tokenizer *t);
/* The token spelled so (as in the file), or TOKEN_NONE. */
int32_t    tokenizer_find(const tokenizer *t, const char *text, size_t n);
/* Tokens after which a model has nothing more to say: EOS, EOT, EOM and control tokens spelled like one ("<|im_end|>" ...). */
bool       tokenizer_is_end_of_generation(const tokenizer *t, int32_t id);
