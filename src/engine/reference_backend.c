/* The reference as a backend: see backends.h. */
#include "base/memory.h"
#include "engine/backends.h"
#include "engine/candidates.h"
#include "plan/reference.h"

struct backend {
    reference *reference;
    size_t     n_vocab;
    uint32_t   n_pages;
};

static int reference_open(backend **out, const backend_options *o, error *err) {
    backend *b = *out = memory_new(1, sizeof *b);
    if (!b) return fail_memory(err, sizeof *b, "the reference backend");
    b->n_pages = o->n_pages;
    return 0;
}

static int reference_bind(backend *b, const plan *p, const weights *w, error *err) {
    b->n_vocab = p->n_vocab;
    return reference_new(&b->reference, p, w, b->n_pages, err);
}

static int reference_run_batch(backend *b, const batch *in, float *logits, float *largest, error *err) {
    const int code = reference_run(b->reference, in, logits, err);
    for (size_t row = 0; !code && largest && row < batch_outputs(in); row++)
        logits_find_largest(largest + row * logit_blocks(b->n_vocab), logits + row * b->n_vocab, b->n_vocab);
    return code;
}

static void reference_close(backend *b) {
    if (b) reference_free(b->reference);
    memory_free(b);
}

static const char *reference_describe(const backend *b) {
    (void)b;
    return "f32, 1 thread";
}

static uint32_t reference_n_threads(const backend *b) { return 1; }

const backend_api reference_backend = {
    .name = "reference", .open = reference_open, .bind = reference_bind, .run = reference_run_batch, .close = reference_close,
    .describe = reference_describe, .n_threads = reference_n_threads,
};
