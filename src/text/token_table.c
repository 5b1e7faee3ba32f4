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

/* One half of a merge while its token is looked up. */
typedef struct { text_slice text; uint64_t hash; int32_t id; } half;
typedef struct { half left, right; } split_merge;

static half start_lookup(const token_table *tokens, const char *text, size_t n) {
    const half h = { { text, n }, hash_text(tokens->seed, text, n), TOKEN_NONE };
    __builtin_prefetch(&tokens->slot[h.hash & tokens->mask]);
    return h;
}

/* The first token that has the same tag: the right one, but for one in 4 billion. */
static void guess(const token_table *tokens, half *h) {
    for (uint64_t i = h->hash & tokens->mask; tokens->slot[i].id_plus_1; i = (i + 1) & tokens->mask) {
        if (tokens->slot[i].tag != (uint32_t)(h->hash >> 32)) continue;
        h->id = (int32_t)tokens->slot[i].id_plus_1 - 1;
        __builtin_prefetch(&tokens->token[h->id]);
        return;
    }
}

static void fetch_text(const token_table *tokens, const half *h) {
    if (h->id != TOKEN_NONE) __builtin_prefetch(tokens->token[h->id].text);
}

static void verify(const token_table *tokens, half *h) {
    if (h->id == TOKEN_NONE) return;
    const text_slice token = tokens->token[h->id];
    if (token.n != h->text.n || memcmp(token.text, h->text.text, token.n)) h->id = token_table_find_hashed(tokens, h->hash, h->text.text, h->text.n);
}

/* Finds the space between the two halves (a half is never empty); no text where there is none. */
static split_merge split(const token_table *tokens, text_slice m) {
    const char *space = m.n < 3 ? NULL : memchr(m.text + 1, ' ', m.n - 2);
    if (!space) return (split_merge){ .left.id = TOKEN_NONE, .right.id = TOKEN_NONE };
    const size_t n = (size_t)(space - m.text);
    return (split_merge){ start_lookup(tokens, m.text, n), start_lookup(tokens, space + 1, m.n - n - 1) };
}

static bool spells(text_slice token, text_slice left, text_slice right) {
    return token.n == left.n + right.n && !memcmp(token.text, left.text, left.n) && !memcmp(token.text + left.n, right.text, right.n);
}

/* The token that a merge makes. Files list merges in the order of their tokens, so the one after the last result, and that one again,
 * are tried first. `whole` has room for the longest token. */
static int32_t result_of(const token_table *tokens, text_slice left, text_slice right, int32_t last, char *whole) {
    for (int32_t id = last + 1; tokens->unique && id >= 0 && id >= last; id--) {
        if ((size_t)id < tokens->n && spells(tokens->token[id], left, right)) return id;
    }
    const size_t n = left.n + right.n;
    if (n > tokens->longest) return TOKEN_NONE;
    memcpy(whole, left.text, left.n);
    memcpy(whole + left.n, right.text, right.n);
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
        split_merge m[BLOCK];
        int32_t result[BLOCK];
        const size_t count = n - first < BLOCK ? n - first : BLOCK;
        for (size_t i = 0; i < count; i++) m[i] = split(tokens, merge[first + i]);
        for (size_t i = 0; i < count; i++) if (m[i].left.text.n) guess(tokens, &m[i].left), guess(tokens, &m[i].right);
        for (size_t i = 0; i < count; i++) fetch_text(tokens, &m[i].left), fetch_text(tokens, &m[i].right);
        for (size_t i = 0; i < count; i++) {
            half *left = &m[i].left, *right = &m[i].right;
            verify(tokens, left);
            verify(tokens, right);
            result[i] = left->id == TOKEN_NONE || right->id == TOKEN_NONE ? TOKEN_NONE : result_of(tokens, left->text, right->text, last, whole);
            if (result[i] == TOKEN_NONE) continue;
            last = result[i];
            __builtin_prefetch(&table->slot[merge_hash(table, (uint64_t)(uint32_t)left->id << 32 | (uint32_t)right->id) & table->mask], 1);
        }
        for (size_t i = 0; i < count; i++) {
            if (result[i] == TOKEN_NONE) ++*n_missing;
            else insert(table, m[i].left.id, m[i].right.id, (uint32_t)(first + i), result[i]);
        }
    }
    memory_free(whole);
    return 0;
}

void merge_table_free(merge_table *table) {
    memory_free(table->slot);
    *table = (merge_table){0};
}
