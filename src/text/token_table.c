/* The hash tables of a tokenizer: see token_table.h. Lookups go in blocks whose memory is fetched ahead: that is what makes
 * a vocabulary of 150,000 tokens and merges load in some 15 ms. */
#include "text/token_table.h"
#include "base/memory.h"
#include <sys/random.h>

enum { BLOCK = 32 };

static uint64_t random_seed(void) {
    uint64_t seed = 0x2545f4914f6cdd1du;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) < 0) seed ^= (uintptr_t)&seed;
    return seed;
}

/* A power of two of which n entries fill at most two thirds. */
static size_t slots_for(size_t n) {
    size_t slots = 16;
    while (slots < n + n / 2 + 1) slots *= 2;
    return slots;
}

int token_table_new(token_table *table, const text_slice *token, size_t n, size_t *n_duplicates, error *err) {
    const size_t slots = slots_for(n);
    *table = (token_table){ .slot = memory_new(slots, sizeof *table->slot), .mask = slots - 1, .seed = random_seed(), .token = token, .n = n };
    *n_duplicates = 0;
    if (!table->slot) return fail_memory(err, slots * sizeof *table->slot, "the table of tokens");
    uint64_t hash[BLOCK];
    for (size_t first = 0; first < n; first += BLOCK) {
        const size_t count = n - first < BLOCK ? n - first : BLOCK;
        for (size_t i = 0; i < count; i++) {
            hash[i] = hash_text(table->seed, token[first + i].text, token[first + i].n);
            if (token[first + i].n > table->longest) table->longest = token[first + i].n;
            __builtin_prefetch(&table->slot[hash[i] & table->mask], 1);
        }
        for (size_t i = 0; i < count; i++) {
            const text_slice s = token[first + i];
            if (!s.n) continue;
            if (token_table_find_hashed(table, hash[i], s.text, s.n) != TOKEN_NONE) {
                ++*n_duplicates;
                continue;
            }
            uint64_t at = hash[i] & table->mask;
            while (table->slot[at].id_plus_1) at = (at + 1) & table->mask;
            table->slot[at] = (token_slot){ .tag = (uint32_t)(hash[i] >> 32), .id_plus_1 = (uint32_t)(first + i + 1) };
        }
    }
    table->unique = !*n_duplicates;
    return 0;
}

void token_table_free(token_table *table) {
    memory_free(table->slot);
    *table = (token_table){0};
}

/* A merge on its way into the table. */
typedef struct { text_slice left, right; uint64_t left_hash, right_hash; } split_merge;

/* Finds the space between the two halves (a half is never empty) and hashes them; {NULL} where there is none. */
static split_merge split(const token_table *tokens, text_slice m) {
    split_merge s = {0};
    const char *space = m.n < 3 ? NULL : memchr(m.text + 1, ' ', m.n - 2);
    if (!space) return s;
    s.left  = (text_slice){ m.text, (size_t)(space - m.text) };
    s.right = (text_slice){ space + 1, m.n - s.left.n - 1 };
    s.left_hash  = hash_text(tokens->seed, s.left.text, s.left.n);
    s.right_hash = hash_text(tokens->seed, s.right.text, s.right.n);
    __builtin_prefetch(&tokens->slot[s.left_hash & tokens->mask]);
    __builtin_prefetch(&tokens->slot[s.right_hash & tokens->mask]);
    return s;
}

static bool spells(text_slice token, const split_merge *s) {
    return token.n == s->left.n + s->right.n && !memcmp(token.text, s->left.text, s->left.n) && !memcmp(token.text + s->left.n, s->right.text, s->right.n);
}

/* The token that a merge makes. Files list merges in the order of their tokens, so the last result and the one after it are tried first.
 * `whole` has room for the longest token. */
static int32_t result_of(const token_table *tokens, const split_merge *s, int32_t last, char *whole) {
    for (int32_t guess = last; tokens->unique && guess <= last + 1; guess++) {
        if (guess >= 0 && (size_t)guess < tokens->n && spells(tokens->token[guess], s)) return guess;
    }
    const size_t n = s->left.n + s->right.n;
    if (n > tokens->longest) return TOKEN_NONE;
    memcpy(whole, s->left.text, s->left.n);
    memcpy(whole + s->left.n, s->right.text, s->right.n);
    return token_table_find(tokens, whole, n);
}

static void insert(merge_table *table, int32_t left, int32_t right, uint32_t rank, int32_t result) {
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint64_t at = merge_hash(table, pair) & table->mask;
    for (; table->slot[at].rank_plus_1; at = (at + 1) & table->mask) if (table->slot[at].pair == pair) return;     /* the better rank came first */
    table->slot[at] = (merge_slot){ .pair = pair, .rank_plus_1 = rank + 1, .result = result };
}

int merge_table_new(merge_table *table, const token_table *tokens, const text_slice *merge, size_t n, size_t *n_missing, error *err) {
    const size_t slots = slots_for(n);
    *table = (merge_table){ .slot = memory_new(slots, sizeof *table->slot), .mask = slots - 1, .seed = random_seed() };
    *n_missing = 0;
    if (!table->slot) return fail_memory(err, slots * sizeof *table->slot, "the table of merges");
    char *whole = memory_new(tokens->longest + 1, 1);
    if (!whole) return fail_memory(err, tokens->longest + 1, "the table of merges");
    int32_t last = TOKEN_NONE;
    for (size_t first = 0; first < n; first += BLOCK) {
        split_merge block[BLOCK];
        int32_t left[BLOCK], right[BLOCK], result[BLOCK];
        const size_t count = n - first < BLOCK ? n - first : BLOCK;
        for (size_t i = 0; i < count; i++) block[i] = split(tokens, merge[first + i]);
        for (size_t i = 0; i < count; i++) {
            const split_merge *s = &block[i];
            left[i] = right[i] = result[i] = TOKEN_NONE;
            if (!s->left.n) continue;
            left[i]  = token_table_find_hashed(tokens, s->left_hash, s->left.text, s->left.n);
            right[i] = token_table_find_hashed(tokens, s->right_hash, s->right.text, s->right.n);
            if (left[i] == TOKEN_NONE || right[i] == TOKEN_NONE) continue;
            result[i] = result_of(tokens, s, last, whole);
            if (result[i] != TOKEN_NONE) last = result[i];
            __builtin_prefetch(&table->slot[merge_hash(table, (uint64_t)(uint32_t)left[i] << 32 | (uint32_t)right[i]) & table->mask], 1);
        }
        for (size_t i = 0; i < count; i++) {
            if (result[i] == TOKEN_NONE) ++*n_missing;
            else insert(table, left[i], right[i], (uint32_t)(first + i), result[i]);
        }
    }
    memory_free(whole);
    return 0;
}

void merge_table_free(merge_table *table) {
    memory_free(table->slot);
    *table = (merge_table){0};
}
