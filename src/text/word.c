/* One word to tokens: merging its parts, the best pair first, leftmost among equals.
 *
 * Both kinds of tokenizer are this one algorithm (Sennrich et al., arXiv:1508.07909): they differ in where a pair's priority
 * comes from. Short words take the best pair by looking at all; long ones keep a heap, so that a word of n parts takes
 * O(n log n). Short words and their tokens are remembered. */
#include "base/half.h"
#include "base/memory.h"
#include "text/tokenizer_internal.h"
#include "text/utf8.h"

enum { SHORT_WORD_PARTS = 24 };

/* Ascending keys for descending scores. */
static uint32_t score_key(float score) {
    const uint32_t u = float_bits(score + 0.0f);                        /* no -0 */
    return ~(u & 0x80000000 ? ~u : u | 0x80000000);
}

/* A token for the text, as merging may make it. */
static int32_t find_text(const tokenizer *t, const char *text, size_t n) {
    if (n > t->tokens.longest) return TOKEN_NONE;
    const int32_t id = token_table_find(&t->tokens, text, n);
    return id != TOKEN_NONE && may_be_merged_into(&t->v, id) ? id : TOKEN_NONE;
}

/* Fills a's key and result for merging it with b. */
static inline void look_up_pair(const tokenizer *t, const char *word, word_part *a, const word_part *b) {
    a->key = NO_MERGE;
    if (t->v.kind == TOKENIZER_BPE) {
        const merge_slot *m = merge_table_find(&t->merges, a->id, b->id);
        if (!m) return;
        a->key = m->rank_plus_1;
        a->result = m->result;
    } else {
        const int32_t id = find_text(t, word + a->start, b->end - a->start);
        if (id == TOKEN_NONE) return;
        a->key = score_key(t->v.score[id]);
        a->result = id;
    }
}

/* The parts to begin with: bytes or characters. part has room for n. Returns how many. */
static size_t first_parts(const tokenizer *t, const char *word, size_t n, word_part *part) {
    size_t count = 0;
    if (t->v.kind == TOKENIZER_BPE) {
        for (; count < n; count++) {
            part[count] = (word_part){ .start = (uint32_t)count, .end = (uint32_t)count + 1, .id = t->byte_id[(uint8_t)word[count]], .key = NO_MERGE };
        }
        return n;
    }
    for (size_t i = 0; i < n; count++) {
        const size_t bytes = utf8_next(word + i, n - i).bytes;
        part[count] = (word_part){ .start = (uint32_t)i, .end = (uint32_t)(i + bytes), .id = find_text(t, word + i, bytes), .key = NO_MERGE };
        i += bytes;
    }
    return count;
}

/* Few parts, kept side by side. Returns how many are left. */
static size_t merge_short(const tokenizer *t, const char *word, word_part *part, size_t n) {
    for (size_t i = 0; i + 1 < n; i++) look_up_pair(t, word, &part[i], &part[i + 1]);
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++) if (part[i].key < part[best].key) best = i;
        if (part[best].key == NO_MERGE) return n;
        part[best].id  = part[best].result;
        part[best].end = part[best + 1].end;
        n--;
        memmove(&part[best + 1], &part[best + 2], (n - best - 1) * sizeof *part);
        part[best].key = NO_MERGE;
        if (best + 1 < n) look_up_pair(t, word, &part[best], &part[best + 1]);
        if (best) look_up_pair(t, word, &part[best - 1], &part[best]);
    }
}

/* A heap in which each entry has 4 children, 4 i + 1 to 4 i + 4: half as deep as a binary one, and they share a cache line. */
enum { CHILDREN = 4 };

static void sift_down(uint64_t *heap, size_t n, size_t i) {
    const uint64_t x = heap[i];
    for (size_t first; (first = CHILDREN * i + 1) < n;) {
        const size_t end = first + CHILDREN < n ? first + CHILDREN : n;
        size_t least = first;
        for (size_t c = first + 1; c < end; c++) if (heap[c] < heap[least]) least = c;
        if (heap[least] >= x) break;
        heap[i] = heap[least];
        i = least;
    }
    heap[i] = x;
}

static void heap_push(uint64_t *heap, size_t *n, uint64_t x) {
    size_t i = (*n)++;
    for (; i && heap[(i - 1) / CHILDREN] > x; i = (i - 1) / CHILDREN) heap[i] = heap[(i - 1) / CHILDREN];
    heap[i] = x;
}

/* Many parts, linked; the heap holds key << 32 | index of the left part, also of pairs that are gone: those no longer have that key.
 * heap has room for 2 n: n at first, and each merge takes one out and puts two in. Leaves the remaining parts in order in front. */
static size_t merge_long(const tokenizer *t, const char *word, word_part *part, size_t n, uint64_t *heap) {
    size_t n_heap = 0;
    for (size_t i = 0; i < n; i++) {
        part[i].previous = i ? (uint32_t)i - 1 : NO_PART;
        part[i].next = i + 1 < n ? (uint32_t)i + 1 : NO_PART;
        if (i + 1 < n) look_up_pair(t, word, &part[i], &part[i + 1]);
        if (part[i].key != NO_MERGE) heap[n_heap++] = (uint64_t)part[i].key << 32 | i;
    }
    for (size_t i = (n_heap + CHILDREN - 2) / CHILDREN; i--;) sift_down(heap, n_heap, i);
    while (n_heap) {
        const uint64_t top = heap[0];
        heap[0] = heap[--n_heap];
        if (n_heap) sift_down(heap, n_heap, 0);
        word_part *a = &part[(uint32_t)top];
        if (a->key != top >> 32) continue;
        word_part *b = &part[a->next];
        a->id   = a->result;
        a->end  = b->end;
        a->next = b->next;
        a->key  = b->key = NO_MERGE;
        if (a->next != NO_PART) {
            part[a->next].previous = (uint32_t)top;
            look_up_pair(t, word, a, &part[a->next]);
            if (a->key != NO_MERGE) heap_push(heap, &n_heap, (uint64_t)a->key << 32 | (uint32_t)top);
        }
        if (a->previous != NO_PART) {
            word_part *before = &part[a->previous];
            look_up_pair(t, word, before, a);
            if (before->key != NO_MERGE) heap_push(heap, &n_heap, (uint64_t)before->key << 32 | a->previous);
        }
    }
    size_t left = 0;
    for (uint32_t i = 0; i != NO_PART; ) {
        const word_part p = part[i];
        part[left++] = p;
        i = p.next;
    }
    return left;
}

static int reserve(workspace *w, size_t n_parts, size_t n_heap, error *err) {
    if (n_parts > w->n_parts_room) {
        n_parts += n_parts / 2;
        word_part *grown = memory_grow(w->part, n_parts, sizeof *grown);
        if (!grown) return fail_memory(err, n_parts * sizeof *grown, "tokenising a long word");
        w->part = grown;
        w->n_parts_room = n_parts;
    }
    if (n_heap > w->n_heap_room) {
        n_heap += n_heap / 2;
        uint64_t *grown = memory_grow(w->heap, n_heap, sizeof *grown);
        if (!grown) return fail_memory(err, n_heap * sizeof *grown, "tokenising a long word");
        w->heap = grown;
        w->n_heap_room = n_heap;
    }
    return 0;
}

/* Appends a part's token. Text that has none becomes the tokens of its bytes; where a byte has none either, byte-level BPE drops
 * the byte, as the models' own tokenisers do, and SentencePiece takes the unknown token for the whole part. */
static int append_part(workspace *w, const char *word, const word_part *p, error *err) {
    const tokenizer *t = w->t;
    if (p->id != TOKEN_NONE) return token_list_append(w->out, p->id, err);
    bool spelled = t->v.kind == TOKENIZER_SPM;
    for (uint32_t i = p->start; i < p->end && spelled; i++) spelled = t->byte_id[(uint8_t)word[i]] != TOKEN_NONE;
    if (!spelled) {
        w->n_lost += p->end - p->start;
        return t->v.kind == TOKENIZER_BPE || t->v.unknown == TOKEN_NONE ? 0 : token_list_append(w->out, t->v.unknown, err);
    }
    for (uint32_t i = p->start; i < p->end; i++) {
        const int rc = token_list_append(w->out, t->byte_id[(uint8_t)word[i]], err);
        if (rc) return rc;
    }
    return 0;
}

static int merge_word(workspace *w, const char *word, size_t n, error *err) {
    word_part few[SHORT_WORD_PARTS], *part = few;
    size_t count;
    if (n <= SHORT_WORD_PARTS) {
        count = merge_short(w->t, word, part, first_parts(w->t, word, n, part));
    } else {
        if (reserve(w, n, 0, err)) return RIDGE_E_NO_MEMORY;
        part = w->part;
        count = first_parts(w->t, word, n, part);
        if (reserve(w, n, 2 * count, err)) return RIDGE_E_NO_MEMORY;
        count = merge_long(w->t, word, part, count, w->heap);
    }
    for (size_t i = 0; i < count; i++) {
        const int rc = append_part(w, word, &part[i], err);
        if (rc) return rc;
    }
    return 0;
}

/* Byte-level BPE with ignore_merges: the token that is the whole word (of at most 1024 bytes), or TOKEN_NONE. */
static int32_t whole_word(const tokenizer *t, const char *word, size_t n) {
    char spelled[2048];
    if (n > sizeof spelled / 2) return TOKEN_NONE;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) at += utf8_write(spelled + at, byte_alphabet_encode((uint8_t)word[i]));
    return find_text(t, spelled, at);
}

int word_encode(workspace *w, const char *word, size_t n, error *err) {
    uint64_t key[CACHED_WORD_BYTES / 8] = {0};
    cached_word *c = NULL;
    if (n <= CACHED_WORD_BYTES) {
        memcpy(key, word, n);
        const uint64_t hash = hash_fold(key[0] ^ w->t->tokens.seed, key[1] ^ 0x9e3779b97f4a7c15u) ^ hash_fold(key[2] ^ n, 0xd6e8feb86659fd93u);
        c = &w->cache[hash % CACHED_WORDS];
        if (c->n_bytes == n && !memcmp(c->word, key, sizeof key)) {
            for (size_t i = 0; i < c->n_tokens; i++) {
                const int rc = token_list_append(w->out, c->id[i], err);
                if (rc) return rc;
            }
            return 0;
        }
    }
    const size_t before = w->out->n, lost_before = w->n_lost;
    const int32_t whole = w->t->kind && w->t->kind->ignore_merges ? whole_word(w->t, word, n) : TOKEN_NONE;
    const int rc = whole != TOKEN_NONE ? token_list_append(w->out, whole, err) : merge_word(w, word, n, err);
    if (rc) return rc;
    const size_t made = w->out->n - before;
    if (c && made <= CACHED_WORD_TOKENS && w->n_lost == lost_before) {
        memcpy(c->word, key, sizeof key);
        c->n_bytes  = (uint8_t)n;
        c->n_tokens = (uint8_t)made;
        memcpy(c->id, w->out->id + before, made * sizeof *c->id);
    }
    return 0;
}
