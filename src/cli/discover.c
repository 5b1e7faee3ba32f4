/* Models on this machine: see discover.h. */
#include "cli/discover.h"
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buffer.h"
#include "base/files.h"
#include "cli/catalog.h"
#include "cli/reference.h"
#include "cli/sha256.h"
#include "cli/store.h"

enum { ENTRIES_MOST = 20000, DEPTH_MOST = 6, MANIFEST_MOST = 1 << 20 };

/* What the entries of a directory are given to; `path` is the entry's, `name` its last part. */
typedef int visit(found_models *out, const char *path, const char *name, void *user, error *err);

/* The sorted names in a directory, without those that start with a dot; 0 of them where it cannot be read. */
static int directory_names(found_models *out, const char *path, char ***names, size_t *n, error *err) {
    struct dirent **entries;
    *names = NULL;
    const int count = scandir(path, &entries, NULL, alphasort);
    *n = 0;
    if (count < 0) return 0;
    *names = memory_new((size_t)count, sizeof **names);
    int code = *names ? 0 : fail_memory(err, (size_t)count * sizeof **names, "the names in a directory");
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (!code && name[0] != '.') {
            char *copy = arena_copy_text(&out->texts, name, strlen(name));
            if (copy) (*names)[(*n)++] = copy;
            else      code = fail_memory(err, strlen(name), "a file's name");
        }
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int each_entry(found_models *out, const char *path, visit *call, void *user, error *err) {
    char **names;
    size_t n;
    int code = directory_names(out, path, &names, &n, err);
    for (size_t i = 0; i < n && !code; i++) {
        if (out->visited++ >= ENTRIES_MOST) { out->bounded = true; break; }
        buffer entry = {0};
        buffer_printf(&entry, "%s/%s", path, names[i]);
        code = entry.failed ? fail_memory(err, entry.n, "a file's name") : call(out, buffer_text(&entry), names[i], user, err);
        buffer_free(&entry);
    }
    memory_free(names);
    return code;
}

static const char *keep(found_models *out, const char *text) { return arena_copy_text(&out->texts, text, strlen(text)); }

static int append(found_models *out, const found_model *m, error *err) {
    if (out->n == out->room) {
        const size_t room = out->room ? 2 * out->room : 16;
        found_model *items = memory_grow(out->items, room, sizeof *items);
        if (!items) return fail_memory(err, room * sizeof *items, "a list of models");
        out->items = items;
        out->room = room;
    }
    found_model *kept = &out->items[out->n];
    *kept = *m;
    kept->name = keep(out, m->name);
    kept->path = keep(out, m->path);
    kept->repo = m->repo ? keep(out, m->repo) : NULL;
    if (!kept->name || !kept->path || (m->repo && !kept->repo)) return fail_memory(err, strlen(m->path), "a list of models");
    kept->file = kept->path + (m->file - m->path);
    out->n++;
    return 0;
}

/* The size of the model whose first file is at path: of all of its parts that are there. False: it is no file, or not a first part. */
static bool model_size(const char *path, uint64_t *bytes) {
    unsigned part, parts;
    if (!store_size(path, bytes)) return false;
    if (!reference_split(path, &part, &parts)) return true;
    if (part != 1) return false;
    char *other = memory_copy_text(path, strlen(path));
    for (unsigned i = 2; other && i <= parts; i++) {
        uint64_t more;
        reference_split_part(other, i);
        if (store_size(other, &more)) *bytes += more;
    }
    memory_free(other);
    return true;
}

/* One walk over a tree of .gguf files. */
typedef struct {
    const char *source, *repo;
    size_t root;            /* length of the path at which names start */
    int    depth;
    bool   base_names;      /* names are file names, not paths below the root */
} walk;

/* The name of a file of a repository: from the catalogue, or user/repository:QUANT. */
static void append_repo_name(buffer *name, const char *repo, const char *file) {
    size_t n;
    const catalog_model *models = catalog(&n);
    char quant[REFERENCE_ROOM];
    const bool told = reference_quant(file, quant);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(models[i].repo, repo) && reference_matches(file, models[i].file ? models[i].file : models[i].quant)) {
            buffer_append_text(name, models[i].name);
            return;
        }
    buffer_printf(name, "%s:%s", repo, told ? quant : file);
}

static bool is_listed(const found_models *out, const char *name, const char *repo) {
    for (size_t i = out->n; i-- > 0 && out->items[i].repo; )
        if (repo && !strcmp(out->items[i].repo, repo) && !strcmp(out->items[i].name, name)) return true;
    return false;
}

static int visit_tree(found_models *out, const char *path, const char *base, void *user, error *err) {
    walk *w = user;
    uint64_t bytes;
    if (!reference_is_model(path) || !model_size(path, &bytes)) {
        if (w->depth >= DEPTH_MOST || store_size(path, &bytes)) return 0;
        w->depth++;
        const int code = each_entry(out, path, visit_tree, w, err);
        w->depth--;
        return code;
    }
    buffer name = {0};
    if (w->repo) append_repo_name(&name, w->repo, path + w->root);
    else         buffer_append_text(&name, w->base_names ? base : path + w->root);
    int code = name.failed ? fail_memory(err, name.n, "a model's name") : 0;
    if (!code && !is_listed(out, buffer_text(&name), w->repo))
        code = append(out, &(found_model){ buffer_text(&name), path, path + w->root, w->source, w->repo, bytes }, err);
    buffer_free(&name);
    return code;
}

static int discover_tree(found_models *out, const char *directory, const char *source, bool base_names, error *err) {
    walk w = { .source = source, .root = strlen(directory) + 1, .base_names = base_names };
    return each_entry(out, directory, visit_tree, &w, err);
}

static int visit_snapshot(found_models *out, const char *path, const char *name, void *user, error *err) {
    (void)name;
    walk w = { .source = "huggingface", .repo = user, .root = strlen(path) + 1 };
    return each_entry(out, path, visit_tree, &w, err);
}

/* The commit that the repository's main branch meant when it was asked last, "" where that is unknown. */
static int current_commit(const char *repo, buffer *commit, error *err) {
    buffer path = {0};
    uint64_t bytes;
    int code = store_repo(repo, &path, err);
    buffer_append_text(&path, "/refs/main");
    if (!code && path.failed) code = fail_memory(err, path.n, "a file's name");
    if (!code && store_size(buffer_text(&path), &bytes)) {
        code = read_whole_file(buffer_text(&path), 100, commit, err);
        if (code != RIDGE_E_NO_MEMORY) code = 0;                /* an unreadable one is like a missing one */
    }
    if (!reference_is_safe_path(buffer_text(commit))) buffer_clear(commit);
    buffer_free(&path);
    return code;
}

int discover_repo(const char *repo, found_models *out, error *err) {
    buffer commit = {0}, current = {0}, all = {0};
    int code = current_commit(repo, &commit, err);
    if (!code) code = store_snapshot(repo, buffer_text(&commit), "", &current, err);
    if (!code) code = store_repo(repo, &all, err);
    buffer_append_text(&all, "/snapshots");
    if (!code && all.failed) code = fail_memory(err, all.n, "a file's name");
    if (!code && commit.n) {
        current.data[current.n - 1] = 0;                        /* without its last slash */
        code = visit_snapshot(out, buffer_text(&current), NULL, (void *)repo, err);
    }
    if (!code) code = each_entry(out, buffer_text(&all), visit_snapshot, (void *)repo, err);
    buffer_free(&commit);
    buffer_free(&current);
    buffer_free(&all);
    return code;
}

/* A folder models--USER--REPOSITORY of the Hugging Face cache. */
static int visit_cached_repo(found_models *out, const char *path, const char *name, void *user, error *err) {
    static const char prefix[] = "models--";
    (void)path; (void)user;
    char repo[REFERENCE_ROOM];
    const char *split = strncmp(name, prefix, sizeof prefix - 1) ? NULL : strstr(name + sizeof prefix - 1, "--");
    if (!split || strlen(name) >= sizeof repo) return 0;
    const char *user_name = name + sizeof prefix - 1;
    snprintf(repo, sizeof repo, "%.*s/%s", (int)(split - user_name), user_name, split + 2);
    return discover_repo(repo, out, err);
}

/* The digest of the layer with the weights in a manifest of Ollama; NULL where it has none. Owned by the manifest. */
static const char *weights_digest(const json_t *manifest) {
    json_t *layer;
    size_t i;
    json_array_foreach(json_object_get(manifest, "layers"), i, layer) {
        const char *type = json_string_value(json_object_get(layer, "mediaType")), *digest = json_string_value(json_object_get(layer, "digest"));
        if (type && !strcmp(type, "application/vnd.ollama.image.model") && digest && !strncmp(digest, "sha256:", 7) && sha256_is_hex(digest + 7)) return digest + 7;
    }
    return NULL;
}

/* manifests/REGISTRY/NAMESPACE/MODEL/TAG: JSON; the weights are a GGUF file named blobs/sha256-DIGEST. `user`: the directory above. */
static int visit_manifest(found_models *out, const char *path, const char *tag, void *user, error *err) {
    uint64_t bytes;
    if (!store_size(path, &bytes)) {
        size_t depth = 0;
        for (const char *p = path + strlen(user) + strlen("/manifests/"); *p; p++) depth += *p == '/';
        return depth < DEPTH_MOST ? each_entry(out, path, visit_manifest, user, err) : 0;
    }
    json_t *manifest = bytes <= MANIFEST_MOST ? json_load_file(path, 0, NULL) : NULL;
    const char *digest = weights_digest(manifest);
    int code = 0;
    if (digest) {
        buffer blob = {0}, name = {0};
        const char *end = path + strlen(path) - strlen(tag) - 1, *model = end;
        while (model > path && model[-1] != '/') model--;
        buffer_printf(&blob, "%s/blobs/sha256-%s", (const char *)user, digest);
        buffer_printf(&name, "%.*s:%s", (int)(end - model), model, tag);
        if (blob.failed || name.failed) code = fail_memory(err, blob.n, "a file's name");
        else if (store_size(buffer_text(&blob), &bytes)) {
            const char *file = buffer_text(&blob) + strlen(user) + 1;
            code = append(out, &(found_model){ buffer_text(&name), buffer_text(&blob), file, "ollama", NULL, bytes }, err);
        }
        buffer_free(&blob);
        buffer_free(&name);
    }
    json_decref(manifest);
    return code;
}

/* Sets *path to the directory of `variable` (which may be NULL), or else to one below the user's cache or home; false where nothing says where that is. */
static bool other_directory(buffer *path, const char *variable, bool cache, const char *below) {
    const char *value = variable ? getenv(variable) : NULL, *home = getenv("HOME"), *xdg = getenv("XDG_CACHE_HOME");
    buffer_clear(path);
    if (value && *value)             buffer_append_text(path, value);
    else if (cache && xdg && *xdg)   buffer_printf(path, "%s/%s", xdg, below);
    else if (home && *home)          buffer_printf(path, "%s/%s%s", home, cache ? ".cache/" : "", below);
    return path->n && !path->failed;
}

int discover(found_models *out, error *err) {
    buffer path = {0};
    error ignored;
    int code = 0;
    if (!store_root(&path, &ignored)) code = each_entry(out, buffer_text(&path), visit_cached_repo, NULL, err);
    if (!code && other_directory(&path, "LLAMA_CACHE", true, "llama.cpp")) code = discover_tree(out, buffer_text(&path), "llama.cpp", true, err);
    if (!code && other_directory(&path, NULL, false, ".lmstudio/models")) code = discover_tree(out, buffer_text(&path), "lmstudio", false, err);
    if (!code && other_directory(&path, "OLLAMA_MODELS", false, ".ollama/models")) {
        buffer root = {0};
        buffer_append_text(&root, buffer_text(&path));
        buffer_append_text(&path, "/manifests");
        if (!root.failed && !path.failed) code = each_entry(out, buffer_text(&path), visit_manifest, (void *)buffer_text(&root), err);
        buffer_free(&root);
    }
    buffer_clear(&path);
    if (!code && !files_cache_directory(&path, &ignored)) code = discover_tree(out, buffer_text(&path), "ridge", true, err);
    buffer_free(&path);
    return code;
}

void discover_free(found_models *found) {
    memory_free(found->items);
    arena_free(&found->texts);
    *found = (found_models){0};
}
