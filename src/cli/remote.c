/* The Hugging Face Hub: see remote.h. Its API: https://huggingface.co/docs/hub/api, "Get model info" with blobs=true. */
#include "cli/remote.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "base/files.h"
#include "cli/download.h"
#include "cli/reference.h"
#include "cli/sha256.h"
#include "cli/store.h"

enum { ANSWER_MOST = 32 << 20, TOKEN_MOST = 4096, COMMIT_DIGITS = 40 };

/* The token that `hf auth login` saved, if there is one. */
static int read_saved_token(buffer *token, error *err) {
    const char *named = getenv("HF_TOKEN_PATH");
    buffer path = {0};
    int code = 0;
    if (named && *named) {
        buffer_append_text(&path, named);
    } else {
        error no_home;
        if (store_settings(&path, &no_home)) goto done;
        buffer_append_text(&path, "/token");
    }
    uint64_t bytes;
    if (path.failed) code = fail_memory(err, path.n, "a file's name");
    else if (store_size(buffer_text(&path), &bytes)) code = read_whole_file(buffer_text(&path), TOKEN_MOST, token, err);
done:
    buffer_free(&path);
    return code;
}

int remote_open(remote *r, const char *token, error *err) {
    const char *endpoint = getenv("HF_ENDPOINT"), *offline = getenv("HF_HUB_OFFLINE");
    if (offline && *offline && strcmp(offline, "0")) return fail(err, RIDGE_E_IO, "HF_HUB_OFFLINE is set: nothing is downloaded");
    if (!endpoint || !*endpoint) endpoint = "https://huggingface.co";
    if (strncmp(endpoint, "https://", 8) && strncmp(endpoint, "http://", 7))
        return fail(err, RIDGE_E_BAD_ARGUMENT, "HF_ENDPOINT is \"%s\", which does not start with https://", endpoint);
    buffer_append_text(&r->endpoint, endpoint);
    while (r->endpoint.n && r->endpoint.data[r->endpoint.n - 1] == '/') r->endpoint.data[--r->endpoint.n] = 0;
    int code = 0;
    if (!token) token = getenv("HF_TOKEN");
    if (token && *token) buffer_append_text(&r->token, token);
    else                 code = read_saved_token(&r->token, err);
    while (r->token.n && strchr(" \r\n", r->token.data[r->token.n - 1])) r->token.data[--r->token.n] = 0;
    if (!code && (r->endpoint.failed || r->token.failed)) code = fail_memory(err, r->endpoint.n, "an address");
    return code;
}

void remote_close(remote *r) {
    buffer_free(&r->endpoint);
    buffer_free(&r->token);
}

const char *remote_token(const remote *r) { return r->token.n ? r->token.data : NULL; }

int remote_url(const remote *r, const char *repo, const char *commit, const char *path, buffer *out, error *err) {
    buffer_append_text(out, buffer_text(&r->endpoint));
    buffer_append_char(out, '/');
    download_append_escaped(out, repo);
    buffer_printf(out, "/resolve/%s/", commit);
    download_append_escaped(out, path);
    return out->failed ? fail_memory(err, out->n, "an address") : 0;
}

static int append_file(remote_repo *out, const json_t *sibling, error *err) {
    const char *path = json_string_value(json_object_get(sibling, "rfilename"));
    if (!path || !reference_is_model(path) || !reference_is_safe_path(path)) return 0;
    const json_t *lfs = json_object_get(sibling, "lfs"), *size = json_object_get(lfs, "size");
    const char *digest = json_string_value(json_object_get(lfs, "sha256"));
    if (!digest) digest = json_string_value(json_object_get(lfs, "oid"));
    if (!digest || !sha256_is_hex(digest)) digest = "";
    if (!size) size = json_object_get(sibling, "size");
    remote_file *f = &out->files[out->n];
    *f = (remote_file){ arena_copy_text(&out->texts, path, strlen(path)), arena_copy_text(&out->texts, digest, strlen(digest)), 0 };
    if (!f->path || !f->sha256) return fail_memory(err, strlen(path), "a list of files");
    f->bytes = json_is_integer(size) && json_integer_value(size) > 0 ? (uint64_t)json_integer_value(size) : 0;
    out->paths[out->n++] = f->path;
    return 0;
}

static int read_answer(const json_t *answer, const char *url, remote_repo *out, error *err) {
    const char *commit = json_string_value(json_object_get(answer, "sha"));
    const json_t *siblings = json_object_get(answer, "siblings");
    if (!commit || strlen(commit) != COMMIT_DIGITS || strspn(commit, "0123456789abcdef") != COMMIT_DIGITS || !json_is_array(siblings))
        return fail(err, RIDGE_E_IO, "%s does not answer as the Hugging Face Hub does", url);
    const size_t n = json_array_size(siblings);
    out->commit = arena_copy_text(&out->texts, commit, COMMIT_DIGITS);
    out->files = memory_new(n, sizeof *out->files);
    out->paths = memory_new(n, sizeof *out->paths);
    if (!out->commit || !out->files || !out->paths) return fail_memory(err, n * sizeof *out->files, "a list of files");
    int code = 0;
    for (size_t i = 0; i < n && !code; i++) code = append_file(out, json_array_get(siblings, i), err);
    return code;
}

int remote_files(const remote *r, const char *repo, const char *revision, remote_repo *out, error *err) {
    buffer url = {0}, text = { .limit = ANSWER_MOST };
    buffer_printf(&url, "%s/api/models/%s/revision/", buffer_text(&r->endpoint), repo);
    for (const char *p = revision; *p; p++) {       /* a branch's slash is a part of its name here */
        const char one[2] = { *p, 0 };
        if (*p == '/') buffer_append_text(&url, "%2F");
        else           download_append_escaped(&url, one);
    }
    buffer_append_text(&url, "?blobs=true");
    int code = url.failed ? fail_memory(err, url.n, "an address") : download_text(buffer_text(&url), remote_token(r), &text, err);
    if (code == RIDGE_E_NOT_FOUND)
        fail(err, code, "%s has no repository %s with a revision %s: check the name; a private one needs HF_TOKEN", buffer_text(&r->endpoint), repo, revision);
    if (!code) {
        json_t *answer = json_loadb(buffer_text(&text), text.n, 0, NULL);
        code = read_answer(answer, buffer_text(&url), out, err);
        json_decref(answer);
    }
    buffer_free(&url);
    buffer_free(&text);
    return code;
}

void remote_repo_free(remote_repo *repo) {
    memory_free(repo->files);
    memory_free(repo->paths);
    arena_free(&repo->texts);
    *repo = (remote_repo){0};
}
