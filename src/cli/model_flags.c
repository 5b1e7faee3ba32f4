/* See model_flags.h. */
#include "cli/model_flags.h"
#include <string.h>
#include "cli/catalog.h"
#include "cli/hub.h"
#include "cli/pull.h"

void model_events_ignored(void *user, const char *name, const char *text) { (void)user, (void)name, (void)text; }

int model_arguments_open(ridge_model **out, const model_arguments *a, ridge_load load, bool all_logits, error *err) {
    *out = NULL;
    size_t n;
    buffer path = {0};
    if (a->model && a->repo) return fail(err, RIDGE_E_BAD_ARGUMENT, "give one model: -m or -hf");
    int code = a->repo ? pull_missing(a->repo, &path, err) : hub_resolve(a->model ? a->model : catalog(&n)[0].name, &path, err);
    if (!code && path.failed) code = fail_memory(err, path.n, "a path");
    ridge_model_options o = ridge_model_options_default();
    o.load = load;
    o.backend = a->reference ? "reference" : NULL;
    o.isa = a->isa;
    o.fuse = a->fuse;
    o.threads = (uint32_t)a->threads;
    o.context_tokens = (uint32_t)a->context;
    o.chunk_tokens = (uint32_t)a->chunk;
    o.precise = a->precise;
    o.cache_type_k = a->cache_type_k;
    o.cache_type_v = a->cache_type_v;
    o.pack = a->pack;
    o.tuned = a->tuned;
    o.all_logits = all_logits;
    if (!code) code = ridge_model_open(out, buffer_text(&path), &o, err);
    buffer_free(&path);
    return code;
}

void model_isa(const ridge_model *m, char *text, size_t room) {
    const char *backend = ridge_model_get_info(m).backend, *colon = strchr(backend, ':'), *from = colon ? colon + 1 + strspn(colon + 1, " ") : backend;
    snprintf(text, room, "%.*s", (int)strcspn(from, ","), from);
}
