/* ridge pull: brings a model into the Hugging Face cache, from the Hub or from a local file, and prints its path. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/memory.h"
#include "cli/catalog.h"
#include "cli/commands.h"
#include "cli/download.h"
#include "cli/flags.h"
#include "cli/hub.h"
#include "cli/progress.h"
#include "cli/pull.h"
#include "cli/reference.h"
#include "cli/remote.h"
#include "cli/sha256.h"
#include "cli/store.h"

static struct { const char *repo, *file, *token, *revision, *from; } options;

static const flag flags[] = {
    { "-hf -hfr --hf-repo",  "USER/REPO[:QUANT]", "a repository of Hugging Face; QUANT selects the file (default: Q4_K_M, else the first)", .text = &options.repo },
    { "-hff --hf-file",      "FILE",  "the file of that repository", .text = &options.file },
    { "-hft --hf-token",     "TOKEN", "access token (default: $HF_TOKEN, or what `hf auth login` saved)", .text = &options.token },
    { "--revision",          "NAME",  "branch, tag or commit of the repository (default: main)", .text = &options.revision },
    { "--from",              "FILE",  "take the bytes of a model with a known checksum from this local file instead", .text = &options.from },
};

/* One file that the cache shall hold. */
typedef struct {
    const char *repo, *commit, *file, *sha256;
    uint64_t    bytes;
} wanted_file;

/* Where its bytes come from: the Hub, or a local file where `local` is not NULL. */
typedef struct {
    const remote *hub;
    const char   *local;
} file_source;

static int copy_and_hash(int from, int to, const char *local, const char *path, char hex[SHA256_HEX_ROOM], error *err) {
    sha256_state hash = {0};
    char chunk[65536];
    int code = sha256_begin(&hash, err);
    for (ssize_t n; !code && (n = read(from, chunk, sizeof chunk)) != 0; ) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) code = fail(err, RIDGE_E_IO, "cannot read %s: %s", local, strerror(errno));
        else code = sha256_add(&hash, chunk, (size_t)n, err);
        if (!code) code = store_write(to, chunk, (size_t)n, path, err);
    }
    if (!code) code = sha256_end(&hash, hex, err);
    if (!code && fsync(to)) code = fail(err, RIDGE_E_IO, "cannot write %s: %s", path, strerror(errno));
    sha256_free(&hash);
    return code;
}

/* Copies a local file to path if it is the one that is wanted. */
static int import_file(const wanted_file *w, const char *local, const char *path, error *err) {
    uint64_t bytes;
    if (!store_size(local, &bytes)) return fail(err, RIDGE_E_NOT_FOUND, "there is no file %s", local);
    if (bytes != w->bytes)
        return fail(err, RIDGE_E_BAD_FILE, "%s has %llu bytes, but %s has %llu", local, (unsigned long long)bytes, w->file, (unsigned long long)w->bytes);
    int code = 0, to = -1;
    char hex[SHA256_HEX_ROOM];
    const int from = open(local, O_RDONLY | O_CLOEXEC);
    if (from < 0) return fail(err, RIDGE_E_IO, "cannot open %s: %s", local, strerror(errno));
    to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to < 0) code = fail(err, RIDGE_E_IO, "cannot create %s: %s", path, strerror(errno));
    if (!code) code = store_check_room(path, bytes, err);
    if (!code) code = copy_and_hash(from, to, local, path, hex, err);
    if (!code && strcmp(hex, w->sha256)) code = fail(err, RIDGE_E_BAD_FILE, "%s: its SHA-256 is %s, but that of %s is %s", local, hex, w->file, w->sha256);
    close(from);
    if (to >= 0) close(to);
    if (to >= 0 && code) unlink(path);
    return code;
}

static int download_file(const wanted_file *w, const remote *hub, const char *path, error *err) {
    buffer url = {0};
    char size[16];
    int code = remote_url(hub, w->repo, w->commit, w->file, &url, err);
    if (!code) {
        fprintf(stderr, "ridge: downloading %s (%s) from %s of %s\n", w->file, progress_size(size, sizeof size, (double)w->bytes), w->repo, buffer_text(&hub->endpoint));
        const char *slash = strrchr(w->file, '/');
        code = download(&(download_request){ .url = buffer_text(&url), .token = remote_token(hub), .path = path, .label = slash ? slash + 1 : w->file,
                                             .bytes = w->bytes, .sha256 = w->sha256 }, err);
    }
    buffer_free(&url);
    return code;
}

/* Makes the blob, unless it is there. Its lock is held. */
static int make_blob(const wanted_file *w, const file_source *source, error *err) {
    buffer blob = {0}, incomplete = {0};
    uint64_t bytes;
    int code = store_blob(w->repo, w->sha256, "", &blob, err);
    if (!code) code = store_blob(w->repo, w->sha256, ".incomplete", &incomplete, err);
    if (!code && !(store_size(buffer_text(&blob), &bytes) && bytes == w->bytes)) {
        code = source->local ? import_file(w, source->local, buffer_text(&incomplete), err) : download_file(w, source->hub, buffer_text(&incomplete), err);
        if (!code) code = store_finish(w->repo, w->sha256, err);
    }
    buffer_free(&blob);
    buffer_free(&incomplete);
    return code;
}

/* Appends the file's path in the cache to *path, after bringing it there where it is not. */
static int place(const wanted_file *w, const file_source *source, buffer *path, error *err) {
    uint64_t bytes;
    int lock, code = store_snapshot(w->repo, w->commit, w->file, path, err);
    if (code || (store_size(buffer_text(path), &bytes) && bytes == w->bytes)) return code;
    code = store_lock(w->repo, w->sha256, &lock, err);
    if (code) return code;
    code = make_blob(w, source, err);
    if (!code) code = store_link(w->repo, w->commit, w->file, w->sha256, err);
    store_unlock(lock);
    return code;
}

static int pull_pinned(const catalog_model *m, const file_source *source, buffer *path, error *err) {
    const wanted_file w = { m->repo, m->revision, m->file, m->sha256, m->bytes };
    const int code = place(&w, source, path, err);
    return code ? code : store_ref(m->repo, "main", m->revision, true, err);
}

/* Index of the file that quant selects, or a negative code. */
static ptrdiff_t choose(const remote_repo *files, const char *repo, const char *quant, error *err) {
    const ptrdiff_t chosen = reference_choose(files->paths, files->n, quant);
    if (chosen >= 0) return chosen;
    buffer names = { .limit = 300 };
    for (size_t i = 0; i < files->n && !names.failed; i++) {
        char other[REFERENCE_ROOM];
        if (reference_quant(files->paths[i], other) && !strstr(buffer_text(&names), other)) buffer_printf(&names, "%s%s", names.n ? " " : "", other);
    }
    const int code = !files->n ? fail(err, RIDGE_E_NOT_FOUND, "%s holds no GGUF file", repo)
                   : fail(err, RIDGE_E_NOT_FOUND, "%s has no file for \"%s\"; it has: %s", repo, quant, buffer_text(&names));
    buffer_free(&names);
    return code;
}

/* Brings one file of a repository, or all parts of a split one; *path is the first one's. */
static int pull_parts(const char *repo, const remote_repo *files, size_t chosen, const file_source *source, buffer *path, error *err) {
    unsigned part = 1, parts = 1;
    int code = 0;
    reference_split(files->paths[chosen], &part, &parts);
    char *name = memory_copy_text(files->paths[chosen], strlen(files->paths[chosen]));
    if (!name) return fail_memory(err, strlen(files->paths[chosen]), "a file's name");
    for (unsigned i = 1; i <= parts && !code; i++) {
        buffer other = {0};
        if (parts > 1) reference_split_part(name, i);
        size_t at = 0;
        while (at < files->n && strcmp(files->paths[at], name)) at++;
        const remote_file *f = &files->files[at];
        if (at == files->n)      code = fail(err, RIDGE_E_NOT_FOUND, "%s lacks %s, one of %u parts", repo, name, parts);
        else if (!f->sha256[0])  code = fail(err, RIDGE_E_UNSUPPORTED, "%s tells no SHA-256 of %s, so that it cannot be checked", repo, name);
        else                     code = place(&(wanted_file){ repo, files->commit, f->path, f->sha256, f->bytes }, source, i == 1 ? path : &other, err);
        buffer_free(&other);
    }
    memory_free(name);
    return code;
}

static int pull_repo(const char *repo, const char *quant, const file_source *source, buffer *path, error *err) {
    const char *revision = options.revision ? options.revision : "main";
    remote_repo files = {0};
    int code = remote_files(source->hub, repo, revision, &files, err);
    if (!code) {
        const ptrdiff_t chosen = choose(&files, repo, quant, err);
        code = chosen < 0 ? (int)chosen : pull_parts(repo, &files, (size_t)chosen, source, path, err);
    }
    if (!code && reference_is_safe_path(revision) && strcmp(revision, files.commit)) code = store_ref(repo, revision, files.commit, false, err);
    remote_repo_free(&files);
    return code;
}

static int fail_unknown_name(const char *name, error *err) {
    const char *near = catalog_nearest(name);
    if (near) return fail(err, RIDGE_E_NOT_FOUND, "there is no model \"%s\": did you mean %s?", name, near);
    return fail(err, RIDGE_E_NOT_FOUND, "there is no model \"%s\": `ridge pull --help` lists the names, and user/repository[:quant] takes one of Hugging Face", name);
}

static int pull(const char *name, buffer *path, error *err) {
    const catalog_model *m = options.repo ? NULL : catalog_find(name);
    reference r;
    if (!m && !reference_parse(name, &r)) {
        if (!strchr(name, '/')) return fail_unknown_name(name, err);
        return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" is not user/repository[:quant]", name);
    }
    const bool pinned = m && m->file && !options.revision && !options.file;
    if (options.from && !pinned) return fail(err, RIDGE_E_BAD_ARGUMENT, "--from takes the name of a model whose checksum is known, such as smollm2, not %s", name);
    if (options.from) return pull_pinned(m, &(file_source){ .local = options.from }, path, err);
    remote hub = {0};
    const file_source source = { .hub = &hub };
    int code = remote_open(&hub, options.token, err);
    if (code)        ;
    else if (pinned) code = pull_pinned(m, &source, path, err);
    else             code = pull_repo(m ? m->repo : r.repo, options.file ? options.file : m ? m->quant : r.quant, &source, path, err);
    remote_close(&hub);
    return code;
}

int pull_missing(const char *name, buffer *path, error *err) {
    const int code = hub_resolve(name, path, err);
    return code == RIDGE_E_NOT_FOUND ? pull(name, path, err) : code;
}

/* What --help prints below the flags: the names. */
static void describe_catalog(buffer *out) {
    size_t n;
    const catalog_model *models = catalog(&n);
    buffer_append_text(out, "Names\n");
    for (size_t i = 0; i < n; i++) buffer_printf(out, "  %-14s %-48s %s\n", models[i].name, models[i].about, models[i].repo);
    buffer_append_text(out, "\nFiles go to the Hugging Face cache: $HF_HUB_CACHE, $HF_HOME/hub, or ~/.cache/huggingface/hub.\n"
                            "HF_ENDPOINT names a mirror. The path of the model is printed on standard output.");
}

int cmd_pull(int argc, char **argv) {
    buffer names = {0}, path = {0};
    error err;
    int n_rest;
    describe_catalog(&names);
    const command_line line = {
        .usage = "ridge pull [flags] NAME | USER/REPO[:QUANT]", .about = "Downloads a model, goes on where a download broke off, and checks its SHA-256.",
        .groups = { FLAG_GROUP("Flags", flags) }, .after = buffer_text(&names),
    };
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code && n_rest + (options.repo != NULL) != 1) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "pull takes one model: a name, or USER/REPO[:QUANT]; --help lists the names");
    if (!code) code = pull(options.repo ? options.repo : argv[1], &path, &err);
    if (!code) printf("%s\n", buffer_text(&path));
    buffer_free(&names);
    buffer_free(&path);
    return command_end(code, &err);
}
