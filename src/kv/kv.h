/* The KV cache's bookkeeping: which page of the pool holds which positions of which sequence. The bytes of the pages
 * belong to the backend; here are only numbers. A page holds KV_PAGE_POSITIONS positions of all layers. */
#pragma once
#include "base/error.h"
#include "plan/batch.h"

typedef struct kv_pool kv_pool;
int      kv_pool_new(kv_pool **out, uint32_t n_pages, error *err);
void     kv_pool_free(kv_pool *pool);              /* after its sequences */
uint32_t kv_pool_free_pages(const kv_pool *pool);

/* A sequence: its positions 0 .. n_positions - 1 lie in its pages, in order. */
typedef struct {
    kv_pool *pool;
    int32_t *pages;             /* [n_pages] */
    uint32_t n_pages, room;
    uint32_t n_positions;       /* written so far; the owner counts it up after a run */
} kv_sequence;

kv_sequence kv_sequence_new(kv_pool *pool);
/* Takes pages until n_positions fit; RIDGE_E_CONTEXT_FULL names both sizes, and nothing was taken then. */
int  kv_sequence_reserve(kv_sequence *s, uint32_t n_positions, error *err);
/* Forgets all positions from n_positions on and returns the pages that became empty. */
void kv_sequence_truncate(kv_sequence *s, uint32_t n_positions);
void kv_sequence_free(kv_sequence *s);
