/* ridge_imatrix: what the matrices of a model are multiplied by while it reads a text. The oracle reads, since it sees every input in
 * f32; a thread takes a chunk of the text at a time. Sums of a chunk are added to those of all in the chunks' order, so that the file is
 * the same for any number of threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "base/memory.h"
#include "engine/handle.h"
#include "engine/rewrite.h"
#include "model/imatrix.h"
#include "plan/reference.h"

enum { ROWS_AT_ONCE = 128 };        /* of logits too, which are made although nobody wants them: only then all inputs are */

/* Sums of squares, by tensor of the plan; NULL for those that are not collected. */
typedef struct { double **sum; arena memory; } sums;

typedef struct {
    const model   *model;
    const int32_t *ids;
    uint32_t       chunk_tokens, n_chunks;
    const ridge_imatrix_options *options;
    sums           all;
    atomic_uint    next;                /* chunk that nobody reads yet */
    pthread_mutex_t lock;               /* of what follows, and of `all` */
    pthread_cond_t  added;
    uint32_t       n_added;             /* chunks in `all` */
    int            code;                /* the first failure */
    error          err;
} collection;

/* What one thread reads with. */
typedef struct {
    reference *reference;
    sums       sums;                    /* of the present chunk */
    const plan *plan;
    float     *logits;
    int32_t   *tokens, *pages;
} eye;

/* Matrices of layers, as llama-imatrix: the token table and the matrix of logits are better quantised as they are. Of a file's tensor
 * that several steps share, the first part: all have the same input. */
static bool is_collected(const plan_tensor *t) { return !t->is_vector && !t->first_row && !strncmp(t->name, "blk.", 4); }

static int sums_new(sums *s, const plan *p, error *err) {
    s->sum = arena_new(&s->memory, p->n_tensors, sizeof *s->sum);
    for (size_t i = 0; s->sum && i < p->n_tensors; i++) {
        if (!is_collected(&p->tensor[i])) continue;
        s->sum[i] = arena_new(&s->memory, p->tensor[i].n, sizeof **s->sum);
        if (!s->sum[i]) s->sum = NULL;
    }
    return s->sum ? 0 : fail_memory(err, p->n_tensors * sizeof *s->sum, "sums of squares");
}

static void see(void *user, tensor_id matrix, const float *x, size_t n_rows, size_t n) {
    double *sum = ((eye *)user)->sums.sum[matrix];
    for (size_t r = 0; sum && r < n_rows; r++, x += n)
        for (size_t k = 0; k < n; k++) sum[k] += (double)x[k] * (double)x[k];
}

static int eye_open(eye *e, const collection *c, error *err) {
    const plan *p = e->plan = c->model->plan;
    const uint32_t n_pages = (c->chunk_tokens + KV_PAGE_POSITIONS - 1) / KV_PAGE_POSITIONS;
    int code = sums_new(&e->sums, p, err);
    if (!code) code = reference_new(&e->reference, p, &c->model->weights, n_pages, err);
    if (code) return code;
    reference_observe(e->reference, see, e);
    e->logits = memory_new((size_t)ROWS_AT_ONCE * p->n_vocab, sizeof *e->logits);
    e->tokens = memory_new(c->chunk_tokens, sizeof *e->tokens);
    e->pages = memory_new(n_pages, sizeof *e->pages);
    if (!e->logits || !e->tokens || !e->pages) return fail_memory(err, (size_t)ROWS_AT_ONCE * p->n_vocab * sizeof *e->logits, "rows of logits");
    for (uint32_t i = 0; i < n_pages; i++) e->pages[i] = (int32_t)i;
    return 0;
}

static void eye_close(eye *e) {
    reference_free(e->reference);
    arena_free(&e->sums.memory);
    memory_free(e->logits);
    memory_free(e->tokens);
    memory_free(e->pages);
}

static int read_chunk(eye *e, const collection *c, uint32_t chunk, error *err) {
    int code = 0;
    for (size_t i = 0; i < e->plan->n_tensors; i++)
        if (e->sums.sum[i]) memset(e->sums.sum[i], 0, e->plan->tensor[i].n * sizeof **e->sums.sum);
    memcpy(e->tokens, c->ids + (size_t)chunk * c->chunk_tokens, c->chunk_tokens * sizeof *e->tokens);
    if (c->options->first >= 0) e->tokens[0] = c->options->first;
    for (uint32_t from = 0; !code && from < c->chunk_tokens; from += ROWS_AT_ONCE) {
        const uint32_t left = c->chunk_tokens - from;
        const batch_part part = { .tokens = e->tokens + from, .n_tokens = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE, .first_position = from,
                                  .pages = e->pages };
        code = reference_run(e->reference, &(batch){ &part, 1 }, e->logits, err);
    }
    return code;
}

/* Adds the chunk's sums when it is its turn; false where another chunk failed. */
static bool add_chunk(collection *c, const eye *e, uint32_t chunk, int code, const error *err) {
    pthread_mutex_lock(&c->lock);
    while (!code && !c->code && c->n_added != chunk) pthread_cond_wait(&c->added, &c->lock);
    if (code && !c->code) {
        c->code = code;
        c->err = *err;
    }
    for (size_t i = 0; !c->code && i < e->plan->n_tensors; i++)
        for (uint32_t k = 0; e->sums.sum[i] && k < e->plan->tensor[i].n; k++) c->all.sum[i][k] += e->sums.sum[i][k];
    if (!c->code) c->n_added++;
    if (!c->code && c->options->on_progress) c->options->on_progress(c->options->user, c->n_added, c->n_chunks);
    const bool going_on = !c->code;
    pthread_cond_broadcast(&c->added);
    pthread_mutex_unlock(&c->lock);
    return going_on;
}

static void read_chunks(void *user, uint32_t thread) {
    collection *c = user;
    eye e = {0};
    error err;
    int code = eye_open(&e, c, &err);
    if (code) add_chunk(c, &e, 0, code, &err);
    for (uint32_t chunk; !code && (chunk = atomic_fetch_add(&c->next, 1)) < c->n_chunks;) {
        code = read_chunk(&e, c, chunk, &err);
        if (!add_chunk(c, &e, chunk, code, &err)) break;
    }
    eye_close(&e);
}

static int write_totals(const collection *c, const char *output, error *err) {
    const plan *p = c->model->plan;
    imatrix_totals t = { .tokens = (uint64_t)c->n_chunks * c->chunk_tokens, .dataset = c->options->dataset ? c->options->dataset : "",
                         .n_chunks = c->n_chunks, .chunk_tokens = c->chunk_tokens };
    imatrix_sums *list = memory_new(p->n_tensors, sizeof *list);
    if (!list) return fail_memory(err, p->n_tensors * sizeof *list, "a table of tensors");
    for (size_t i = 0; i < p->n_tensors; i++)
        if (c->all.sum[i]) list[t.n_tensors++] = (imatrix_sums){ .name = p->tensor[i].name, .sum = c->all.sum[i], .n = p->tensor[i].n };
    t.tensors = list;
    const int code = imatrix_write(output, &t, err);
    memory_free(list);
    return code;
}

static int prepare(const ridge_model *m, collection *c, size_t n, const char *output, error *err) {
    if (!m->model) return fail(err, RIDGE_E_BAD_ARGUMENT, "an importance matrix needs a model that was opened with RIDGE_LOAD_PLAN or more");
    c->model = m->model;
    c->chunk_tokens = c->options->chunk_tokens ? c->options->chunk_tokens : CHUNK_DEFAULT;
    const size_t whole = n / c->chunk_tokens, asked = c->options->chunks;
    c->n_chunks = (uint32_t)(asked && asked < whole ? asked : whole < UINT32_MAX ? whole : UINT32_MAX);
    if (!c->n_chunks) return fail(err, RIDGE_E_BAD_ARGUMENT, "the text has %zu token%s, less than a chunk of %u", n, n == 1 ? "" : "s", c->chunk_tokens);
    int code = rewrite_refuse_input(m->file, output, err);
    if (!code) code = imatrix_check_path(output, err);
    return code ? code : sums_new(&c->all, m->model->plan, err);
}

int ridge_imatrix(const ridge_model *m, const int32_t *ids, size_t n, const char *output, const ridge_imatrix_options *options, error *err) {
    const ridge_imatrix_options defaults = { .first = -1 };
    collection c = { .ids = ids, .options = options ? options : &defaults, .lock = PTHREAD_MUTEX_INITIALIZER, .added = PTHREAD_COND_INITIALIZER };
    team *t = NULL;
    int code = prepare(m, &c, n, output, err);
    if (!code) code = team_new(&t, c.options->threads, err);
    if (!code) {
        team_run(t, read_chunks, &c);
        code = c.code;
        if (code && err) *err = c.err;
    }
    team_free(t);
    if (!code) code = write_totals(&c, output, err);
    arena_free(&c.all.memory);
    return code;
}
