/* The two hash tables of a tokenizer: token by spelling, and merge by its two tokens. Built once, then read-only.
 *
 * Open addressing, keyed with a random seed, so that no file can make them slow. */
#pragma once
#include "text/tokenizer.h"
#include <string.h>

typedef struct { uint32_t tag, id_plus_1; } token_slot;             /* id_plus_1 == 0: empty */
typedef struct {
    token_slot *slot;
    uint64_t    mask, seed;
    const text_slice *token;        /* [n] borrowed */
    size_t      n, longest;         /* bytes of the longest spelling */
    bool        unique;             /* no two tokens are spelled alike */
} token_table;

/* Tokens with an empty spelling, and all but the first of those spelled alike, are left out; *n_duplicates counts the latter. */
int  token_table_new(token_table *table, const text_slice *token, size_t n, size_t *n_duplicates, error *err);
void token_table_free(token_table *table);

typedef struct { uint64_t pair; uint32_t rank_plus_1; int32_t result; } merge_slot;     /* rank_plus_1 == 0: empty */
typedef struct {
    merge_slot *slot;
    uint64_t    mask, seed;
} merge_table;

/* Merges whose tokens or whose result the vocabulary lacks are left out; *n_missing counts them. */
int  merge_table_new(merge_table *table, const token_table *tokens, const text_slice *merge, size_t n, size_t *n_missing, error *err);
void merge_table_free(merge_table *table);

/* Folds the 128-bit product of two numbers into 64 bits. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b) {
    const unsigned __int128 r = (unsigned __int128)a * b;
    return (uint64_t)r ^ (uint64_t)(r >> 64);
}

static inline uint64_t hash_load(const char *p, size_t n) {         /* n <= 8 bytes */
    uint64_t v = 0;
    if (n >= 4) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        return low | (uint64_t)high << 32;
    }
    if (n) v = (unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << 8 | (uint64_t)(unsigned char)p[n - 1] << 16;
    return v;
}

static inline uint64_t hash_text(uint64_t seed, const char *p, size_t n) {
    uint64_t h = seed ^ n;
    for (; n > 16; p += 16, n -= 16) {
        uint64_t a, b;
        memcpy(&a, p, 8);
        memcpy(&b, p + 8, 8);
        h = hash_fold(a ^ h, b ^ 0x9e3779b97f4a7c15u);
    }
    const size_t half = n > 8 ? 8 : n;
    return hash_fold(hash_load(p, half) ^ h ^ 0xd6e8feb86659fd93u, hash_load(p + half, n - half) ^ seed);
}

static inline int32_t token_table_find_hashed(const token_table *table, uint64_t hash, const char *text, size_t n) {
    for (uint64_t i = hash & table->mask;; i = (i + 1) & table->mask) {
        const token_slot s = table->slot[i];
        if (!s.id_plus_1) return TOKEN_NONE;
        if (s.tag != (uint32_t)(hash >> 32)) continue;
        const text_slice token = table->token[s.id_plus_1 - 1];
        if (token.n == n && !memcmp(token.text, text, n)) return (int32_t)s.id_plus_1 - 1;
    }
}

static inline int32_t token_table_find(const token_table *table, const char *text, size_t n) {
    return token_table_find_hashed(table, hash_text(table->seed, text, n), text, n);
}

static inline uint64_t merge_hash(const merge_table *table, uint64_t pair) { return hash_fold(pair ^ table->seed, 0x9e3779b97f4a7c15u); }

/* NULL where the two do not merge. */
static inline const merge_slot *merge_table_find(const merge_table *table, int32_t left, int32_t right) {
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    for (uint64_t i = merge_hash(table, pair) & table->mask;; i = (i + 1) & table->mask) {
        const merge_slot *s = &table->slot[i];
        if (!s->rank_plus_1) return NULL;
        if (s->pair == pair) return s;
    }
}
