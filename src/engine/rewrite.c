/* Writing a model file from another: see rewrite.h. */
#include "engine/rewrite.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include "base/memory.h"

int rewrite_refuse_input(const gguf *g, const char *output, error *err) {
    struct stat there, here;
    if (stat(output, &there)) return 0;
    for (size_t i = 0; i < gguf_n_parts(g); i++)
        if (!stat(gguf_part(g, i)->path, &here) && here.st_dev == there.st_dev && here.st_ino == there.st_ino)
            return fail(err, RIDGE_E_BAD_ARGUMENT, "%s is the input itself: give the output another name", output);
    return 0;
}

static const rewrite_number *find(const rewrite_number *ours, size_t n, gguf_string key) {
    for (size_t i = 0; i < n; i++)
        if (key.n == strlen(ours[i].key) && !memcmp(key.text, ours[i].key, key.n)) return &ours[i];
    return NULL;
}

static bool begins(gguf_string key, const char *with) { return with && key.n >= strlen(with) && !memcmp(key.text, with, strlen(with)); }

void rewrite_metadata(gguf_header *h, const gguf *g, const rewrite_number *ours, size_t n, const char *without) {
    for (size_t i = 0; i < gguf_n_values(g); i++) {
        const gguf_value *v = gguf_value_at(g, i);
        if (begins(v->key, "split.") || begins(v->key, without)) continue;
        const rewrite_number *number = find(ours, n, v->key);
        if (number) gguf_write_u32(h, number->key, number->value);
        else gguf_write_value(h, v);
    }
    for (size_t i = 0; i < n; i++)
        if (!gguf_find(g, ours[i].key)) gguf_write_u32(h, ours[i].key, ours[i].value);
}

/* ---- pieces -------------------------------------------------------------------------------------------------------- */

typedef struct {
    rewrite_work *work;
    uint64_t      n_pieces;
    atomic_uint_least64_t next, done_bytes;
    atomic_int    failed;           /* what the first failure was */
} run;

static void do_pieces(void *user, uint32_t thread) {
    run *r = user;
    rewrite_work *w = r->work;
    void *room = memory_new_aligned(w->room_bytes);
    int none = 0;
    if (!room) atomic_compare_exchange_strong(&r->failed, &none, ENOMEM);
    uint64_t piece;
    size_t job = 0;                 /* a thread's pieces ascend */
    while (!atomic_load(&r->failed) && (piece = atomic_fetch_add(&r->next, 1)) < r->n_pieces) {
        while (job + 1 < w->n_jobs && piece >= w->jobs[job + 1].first_piece) job++;
        const rewrite_job *j = &w->jobs[job];
        const uint64_t from = (piece - j->first_piece) * j->piece, n = j->n - from < j->piece ? j->n - from : j->piece;
        uint64_t done = 0;
        const int failed = w->make(w->user, job, from, n, room, &done);
        none = 0;
        if (failed && atomic_compare_exchange_strong(&r->failed, &none, failed)) w->failed_job = job;
        atomic_fetch_add(&r->done_bytes, done);
        if (!thread && w->on_progress) w->on_progress(w->progress_user, atomic_load(&r->done_bytes), w->all_bytes);
    }
    memory_free(room);
}

int rewrite_run(team *t, rewrite_work *w, error *err) {
    run r = { .work = w };
    for (size_t i = 0; i < w->n_jobs; i++) {
        w->jobs[i].first_piece = r.n_pieces;
        r.n_pieces += (w->jobs[i].n + w->jobs[i].piece - 1) / w->jobs[i].piece;
    }
    team_run(t, do_pieces, &r);
    const int failed = atomic_load(&r.failed);
    if (failed < 0) return RIDGE_E_BAD_FILE;
    if (failed == ENOMEM) return fail_memory(err, w->room_bytes, "rows of weights");
    if (failed) return fail(err, RIDGE_E_IO, "%s cannot be written: %s", w->path, strerror(failed));
    if (w->on_progress) w->on_progress(w->progress_user, w->all_bytes, w->all_bytes);
    return 0;
}
