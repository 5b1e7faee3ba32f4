/* Names of models: see hub.h. */
#include "cli/hub.h"
#include <string.h>
#include <strings.h>
#include "base/memory.h"
#include "base/nearest.h"
#include "cli/catalog.h"
#include "cli/discover.h"
#include "cli/reference.h"
#include "cli/store.h"

static int append_path(const char *found, buffer *path, error *err) {
    buffer_append_text(path, found);
    return path->failed ? fail_memory(err, path->n, "a model's path") : 0;
}

/* A catalogue model whose bytes are pinned: its places in the cache are known. */
static int resolve_pinned(const catalog_model *m, buffer *path, error *err) {
    uint64_t bytes;
    int code = store_snapshot(m->repo, m->revision, m->file, path, err);
    if (code || (store_size(buffer_text(path), &bytes) && bytes == m->bytes)) return code;
    buffer_clear(path);
    code = store_blob(m->repo, m->sha256, "", path, err);           /* the same bytes, downloaded as another commit's */
    if (code || (store_size(buffer_text(path), &bytes) && bytes == m->bytes)) return code;
    return fail(err, RIDGE_E_NOT_FOUND, "%s is not on this machine yet: `ridge pull %s` gets it", m->name, m->name);
}

/* A repository that has been downloaded from before. wanted: how the user called it. */
static int resolve_repo(const char *repo, const char *quant, const char *wanted, buffer *path, error *err) {
    found_models found = {0};
    int code = discover_repo(repo, &found, err);
    const char **files = code ? NULL : memory_new(found.n, sizeof *files);
    if (!code && !files) code = fail_memory(err, found.n * sizeof *files, "a list of files");
    if (!code) {
        for (size_t i = 0; i < found.n; i++) files[i] = found.items[i].file;
        const ptrdiff_t chosen = reference_choose(files, found.n, quant);
        if (chosen >= 0)      code = append_path(found.items[chosen].path, path, err);
        else if (found.n)     code = fail(err, RIDGE_E_NOT_FOUND, "of %s, %s is on this machine, but not %s: `ridge pull %s` gets it", repo, found.items[0].name, quant, wanted);
        else                  code = fail(err, RIDGE_E_NOT_FOUND, "%s is not on this machine yet: `ridge pull %s` gets it", wanted, wanted);
    }
    memory_free(files);
    discover_free(&found);
    return code;
}

/* The name that `ridge list` shows and that is nearest to `name`, or NULL; the catalogue's names count too. */
static const char *suggest(const char *name, const found_models *found) {
    const char **names = memory_new(found->n + 1, sizeof *names), *in_catalog = catalog_nearest(name);
    size_t n = 0;
    if (!names) return in_catalog;
    if (in_catalog) names[n++] = in_catalog;
    for (size_t i = 0; i < found->n; i++) names[n++] = found->items[i].name;
    const char *best = nearest(name, names, n);
    memory_free(names);
    return best;
}

static int resolve_found(const char *name, buffer *path, error *err) {
    found_models found = {0};
    int code = discover(&found, err);
    if (code) goto done;
    for (size_t i = 0; i < found.n; i++)
        if (!strcasecmp(found.items[i].name, name)) {
            code = append_path(found.items[i].path, path, err);
            goto done;
        }
    const char *near = suggest(name, &found);
    code = near ? fail(err, RIDGE_E_NOT_FOUND, "there is no model \"%s\", neither as a file nor as a name: did you mean %s?", name, near)
                : fail(err, RIDGE_E_NOT_FOUND, "there is no model \"%s\", neither as a file nor as a name: `ridge list` shows what is here, `ridge pull --help` what can be got", name);
done:
    discover_free(&found);
    return code;
}

int hub_resolve(const char *name, buffer *path, error *err) {
    reference r;
    uint64_t bytes;
    buffer_clear(path);
    if (store_size(name, &bytes)) return append_path(name, path, err);
    const catalog_model *m = catalog_find(name);
    if (m && m->file) return resolve_pinned(m, path, err);
    if (m)            return resolve_repo(m->repo, m->quant, m->name, path, err);
    const size_t n = strlen(name);
    const bool like_a_file = n > 5 && !strcasecmp(name + n - 5, ".gguf") && !strchr(name, ':');
    if (!like_a_file && reference_parse(name, &r)) return resolve_repo(r.repo, r.quant, name, path, err);
    return resolve_found(name, path, err);
}
