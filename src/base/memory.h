/* Memory: the one allocator of Ridge, arenas on top of it, and pages for weights.
 *
 * Every allocation of our own goes through here, so that a test can make the nth one fail (memory_fail_nth). */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Zeroed; NULL when there is no memory or count * size overflows. count or size of 0 gives a pointer that may be freed. */
void *memory_new(size_t count, size_t size);
/* Like realloc(p, count * size); the new part is not initialised; on failure p stays valid. */
void *memory_grow(void *p, size_t count, size_t size);
/* A copy of n bytes with a terminating 0 behind them. */
char *memory_copy_text(const char *text, size_t n);
void  memory_free(void *p);

/* Zeroed, aligned to 64 bytes: for buffers that vectors touch. Free with memory_free. */
void *memory_new_aligned(size_t bytes);

/* Zeroed pages straight from the system, on huge pages where it has them: for weights and caches. NULL on failure. */
void *memory_map(size_t bytes);
void  memory_unmap(void *p, size_t bytes);

/* Makes the nth allocation from now on fail (1 is the next one), once; 0 switches that off. For tests. */
void   memory_fail_nth(size_t n);
/* Allocations made since memory_fail_nth was last called. */
size_t memory_requests(void);

/* An arena: many small things with one lifetime. Zero-initialise; nothing is freed before arena_free. */
typedef struct arena_block arena_block;
typedef struct { arena_block *last; } arena;
void *arena_new(arena *a, size_t count, size_t size);              /* zeroed, aligned to 16; NULL when there is no memory */
char *arena_copy_text(arena *a, const char *text, size_t n);       /* terminated */
void  arena_free(arena *a);
