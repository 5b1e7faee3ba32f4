/* Memory: see memory.h. */
#include "base/memory.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, ARENA_BLOCK_BYTES = 64 * 1024 };

static atomic_size_t requests, fail_at;

static bool refused(void) {
    const size_t n = atomic_fetch_add_explicit(&requests, 1, memory_order_relaxed) + 1;
    return n == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

void memory_fail_nth(size_t n) {
    atomic_store(&requests, 0);
    atomic_store(&fail_at, n);
}

size_t memory_requests(void) { return atomic_load(&requests); }

void *memory_new(size_t count, size_t size) {
    size_t bytes;
    if (refused() || __builtin_mul_overflow(count, size, &bytes)) return NULL;
    return calloc(bytes ? bytes : 1, 1);
}

void *memory_grow(void *p, size_t count, size_t size) {
    size_t bytes;
    if (refused() || __builtin_mul_overflow(count, size, &bytes)) return NULL;
    return realloc(p, bytes ? bytes : 1);
}

char *memory_copy_text(const char *text, size_t n) {
    if (n == SIZE_MAX) return NULL;
    char *copy = memory_new(n + 1, 1);
    if (copy && n) memcpy(copy, text, n);
    return copy;
}

void memory_free(void *p) { free(p); }

void *memory_new_aligned(size_t bytes) {
    if (refused() || bytes > SIZE_MAX - ALIGNMENT) return NULL;
    const size_t rounded = (bytes + ALIGNMENT) & ~(size_t)(ALIGNMENT - 1);     /* never 0 */
    void *p = aligned_alloc(ALIGNMENT, rounded);
    if (p) memset(p, 0, rounded);
    return p;
}

void *memory_map(size_t bytes) {
    if (refused()) return NULL;
    void *p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    madvise(p, bytes, MADV_HUGEPAGE);       /* a wish: without it the pages are small, and all is right */
    return p;
}

void memory_unmap(void *p, size_t bytes) {
    if (p) munmap(p, bytes ? bytes : 1);
}

struct arena_block {
    arena_block *previous;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

void *arena_new(arena *a, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    if (!a->last || a->last->size - a->last->used < bytes) {
        const size_t room = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
        arena_block *b = memory_new(1, sizeof *b + room);
        if (!b) return NULL;
        *b = (arena_block){ .previous = a->last, .size = room };
        a->last = b;
    }
    void *p = a->last->data + a->last->used;
    a->last->used += bytes;
    return p;
}

char *arena_copy_text(arena *a, const char *text, size_t n) {
    if (n == SIZE_MAX) return NULL;
    char *copy = arena_new(a, n + 1, 1);
    if (copy && n) memcpy(copy, text, n);
    return copy;
}

void arena_free(arena *a) {
    while (a->last) {
        arena_block *b = a->last;
        a->last = b->previous;
        memory_free(b);
    }
}
