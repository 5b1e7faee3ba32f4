/* A batch: the tokens that one run of the plan processes, of one sequence or of several. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    KV_PAGE_POSITIONS = 128,        /* positions in a page of the KV cache */
    LOGIT_BLOCK = 256,              /* logits of a row whose largest one a backend tells, so that samplers need not read them all */
};
static inline size_t logit_blocks(size_t n_vocab) { return (n_vocab + LOGIT_BLOCK - 1) / LOGIT_BLOCK; }

/* Consecutive tokens of one sequence. */
typedef struct {
    const int32_t *tokens;          /* [n_tokens], each in 0 .. n_vocab - 1 */
    uint32_t       n_tokens;
    uint32_t       first_position;  /* of tokens[0]; all earlier positions are in the cache */
    const int32_t *pages;           /* the sequence's pages: position p lies in pages[p / KV_PAGE_POSITIONS] */
    uint32_t       first_output;    /* logits are wanted for tokens[first_output ..]; n_tokens: for none */
} batch_part;

typedef struct { const batch_part *part; size_t n_parts; } batch;

static inline size_t batch_tokens(const batch *b) {
    size_t n = 0;
    for (size_t i = 0; i < b->n_parts; i++) n += b->part[i].n_tokens;
    return n;
}
static inline size_t batch_outputs(const batch *b) {
    size_t n = 0;
    for (size_t i = 0; i < b->n_parts; i++) n += b->part[i].n_tokens - b->part[i].first_output;
    return n;
}
