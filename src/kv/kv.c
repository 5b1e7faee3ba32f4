/* Pages and sequences: a stack of free page numbers, and for each sequence the list of those it took. */
#include "kv/kv.h"
#include <assert.h>
#include "base/memory.h"

struct kv_pool {
    int32_t *free_page;         /* [n_pages], the first n_free are free; the last of them goes next */
    uint32_t n_free, n_pages;
};

int kv_pool_new(kv_pool **out, uint32_t n_pages, error *err) {
    *out = NULL;
    kv_pool *pool = n_pages <= INT32_MAX ? memory_new(1, sizeof *pool) : NULL;
    if (n_pages > INT32_MAX) return fail(err, RIDGE_E_BAD_ARGUMENT, "a KV cache of %u pages has too many.", n_pages);
    if (!pool) return fail_memory(err, sizeof *pool, "the KV cache");
    pool->free_page = memory_new(n_pages, sizeof *pool->free_page);
    if (!pool->free_page) {
        memory_free(pool);
        return fail_memory(err, n_pages * sizeof *pool->free_page, "the list of KV pages");
    }
    pool->n_free = pool->n_pages = n_pages;
    for (uint32_t i = 0; i < n_pages; i++) pool->free_page[i] = (int32_t)(n_pages - 1 - i);      /* 0 goes first */
    *out = pool;
    return 0;
}

void kv_pool_free(kv_pool *pool) {
    if (!pool) return;
    assert(pool->n_free == pool->n_pages);      /* sequences go first */
    memory_free(pool->free_page);
    memory_free(pool);
}

uint32_t kv_pool_free_pages(const kv_pool *pool) { return pool->n_free; }

static uint32_t pages_for(uint64_t n_positions) { return (uint32_t)((n_positions + KV_PAGE_POSITIONS - 1) / KV_PAGE_POSITIONS); }

kv_sequence kv_sequence_new(kv_pool *pool) { return (kv_sequence){ .pool = pool }; }

int kv_sequence_reserve(kv_sequence *s, uint32_t n_positions, error *err) {
    kv_pool *pool = s->pool;
    const uint32_t wanted = pages_for(n_positions);
    if (wanted <= s->n_pages) return 0;
    if (wanted - s->n_pages > pool->n_free)
        return fail(err, RIDGE_E_CONTEXT_FULL, "%u tokens are needed, but the context has room for %llu only.", n_positions,
                    (unsigned long long)((uint64_t)s->n_pages + pool->n_free) * KV_PAGE_POSITIONS);
    if (wanted > s->room) {
        const uint32_t room = wanted > 2 * s->room ? wanted : 2 * s->room;
        int32_t *pages = memory_grow(s->pages, room, sizeof *pages);
        if (!pages) return fail_memory(err, room * sizeof *pages, "the list of a sequence's pages");
        s->pages = pages;
        s->room = room;
    }
    while (s->n_pages < wanted) s->pages[s->n_pages++] = pool->free_page[--pool->n_free];
    return 0;
}

void kv_sequence_truncate(kv_sequence *s, uint32_t n_positions) {
    if (n_positions < s->n_positions) s->n_positions = n_positions;
    while (s->n_pages > pages_for(n_positions)) s->pool->free_page[s->pool->n_free++] = s->pages[--s->n_pages];
}

void kv_sequence_free(kv_sequence *s) {
    kv_sequence_truncate(s, 0);
    memory_free(s->pages);
    *s = (kv_sequence){ .pool = s->pool };
}
