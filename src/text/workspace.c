/* Workspaces: what one call of tokenizer_encode needs besides the tables, kept for the next call. */
#include "base/memory.h"
#include "text/tokenizer_internal.h"

enum { KEEP_BYTES = 1 << 20 };      /* buffers that a very long text made larger than this are not kept */

static void workspace_free(workspace *w) {
    if (!w) return;
    pre_tokenizer_run_free(w->run);
    normaliser_free(&w->normaliser);
    buffer_free(&w->repaired);
    buffer_free(&w->normalised);
    memory_free(w->cache);
    memory_free(w->part);
    memory_free(w->heap);
    memory_free(w);
}

int workspace_take(workspace **out, const tokenizer *t, error *err) {
    pthread_mutex_lock(&t->pool->lock);
    workspace *w = t->pool->idle;
    if (w) t->pool->idle = w->next;
    pthread_mutex_unlock(&t->pool->lock);
    *out = w;
    if (w) return 0;
    w = memory_new(1, sizeof *w);
    if (!w) return fail_memory(err, sizeof *w, "a tokeniser's workspace");
    w->t = t;
    w->cache = memory_new(CACHED_WORDS, sizeof *w->cache);
    int rc = w->cache ? 0 : fail_memory(err, CACHED_WORDS * sizeof *w->cache, "a tokeniser's workspace");
    if (!rc && t->pre) rc = pre_tokenizer_run_new(&w->run, t->pre, err);
    if (rc) {
        workspace_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

void workspace_give(workspace *w) {
    if (w->n_parts_room * sizeof *w->part > KEEP_BYTES) {
        memory_free(w->part);
        w->part = NULL;
        w->n_parts_room = 0;
    }
    if (w->n_heap_room * sizeof *w->heap > KEEP_BYTES) {
        memory_free(w->heap);
        w->heap = NULL;
        w->n_heap_room = 0;
    }
    if (w->repaired.room > KEEP_BYTES) buffer_free(&w->repaired);
    if (w->normalised.room > KEEP_BYTES) buffer_free(&w->normalised);
    if (w->normaliser.room > KEEP_BYTES / 4) normaliser_free(&w->normaliser);
    w->out = NULL;
    pthread_mutex_lock(&w->t->pool->lock);
    w->next = w->t->pool->idle;
    w->t->pool->idle = w;
    pthread_mutex_unlock(&w->t->pool->lock);
}

void workspace_pool_free(workspace_pool *pool) {
    if (!pool) return;
    for (workspace *w = pool->idle, *next; w; w = next) {
        next = w->next;
        workspace_free(w);
    }
    pthread_mutex_destroy(&pool->lock);
    memory_free(pool);
}
