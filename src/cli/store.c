/* The Hugging Face cache: see store.h. */
#define _GNU_SOURCE
#include "cli/store.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/files.h"
#include "cli/progress.h"

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static int finished(const buffer *path, error *err) { return path->failed ? fail_memory(err, path->n, "a file's name") : 0; }

int store_settings(buffer *out, error *err) {
    const char *value;
    if ((value = variable("HF_HOME")))             buffer_append_text(out, value);
    else if ((value = variable("XDG_CACHE_HOME"))) buffer_printf(out, "%s/huggingface", value);
    else if ((value = variable("HOME")))           buffer_printf(out, "%s/.cache/huggingface", value);
    else return fail(err, RIDGE_E_NOT_FOUND, "none of HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME and HOME says where models belong");
    return finished(out, err);
}

int store_root(buffer *out, error *err) {
    const char *value = variable("HF_HUB_CACHE");
    if (!value) value = variable("HUGGINGFACE_HUB_CACHE");
    if (value) {
        buffer_append_text(out, value);
        return finished(out, err);
    }
    const int code = store_settings(out, err);
    if (code) return code;
    buffer_append_text(out, "/hub");
    return finished(out, err);
}

/* "models--user--repository" */
static void append_folder(buffer *out, const char *repo) {
    buffer_append_text(out, "models--");
    for (const char *p = repo; *p; p++)
        if (*p == '/') buffer_append_text(out, "--");
        else           buffer_append_char(out, *p);
}

int store_repo(const char *repo, buffer *out, error *err) {
    const int code = store_root(out, err);
    if (code) return code;
    buffer_append_char(out, '/');
    append_folder(out, repo);
    return finished(out, err);
}

int store_blob(const char *repo, const char *sha256, const char *suffix, buffer *out, error *err) {
    const int code = store_repo(repo, out, err);
    if (code) return code;
    buffer_printf(out, "/blobs/%s%s", sha256, suffix);
    return finished(out, err);
}

int store_snapshot(const char *repo, const char *commit, const char *file, buffer *out, error *err) {
    const int code = store_repo(repo, out, err);
    if (code) return code;
    buffer_printf(out, "/snapshots/%s/%s", commit, file);
    return finished(out, err);
}

/* mkdir -p of what stands before the last slash. */
static int make_parents(const char *path, error *err) {
    const char *slash = strrchr(path, '/');
    buffer directory = {0};
    buffer_append(&directory, path, slash ? (size_t)(slash - path) : 0);
    int code = finished(&directory, err);
    if (!code && directory.n) code = make_directories(buffer_text(&directory), err);
    buffer_free(&directory);
    return code;
}

static int wait_for_lock(int fd, const char *path, error *err) {
    if (!flock(fd, LOCK_EX | LOCK_NB)) return 0;
    if (errno == EWOULDBLOCK) fprintf(stderr, "ridge: another download of this file is under way; waiting for it\n");
    while (flock(fd, LOCK_EX))
        if (errno != EINTR) return fail(err, RIDGE_E_IO, "cannot lock %s: %s", path, strerror(errno));
    return 0;
}

int store_lock(const char *repo, const char *sha256, int *lock, error *err) {
    buffer path = {0}, blob = {0};
    int code = store_root(&path, err);
    if (!code) code = store_blob(repo, sha256, "", &blob, err);
    buffer_append_text(&path, "/.locks/");
    append_folder(&path, repo);
    buffer_printf(&path, "/%s.lock", sha256);
    if (!code) code = finished(&path, err);
    if (!code) code = make_parents(buffer_text(&path), err);
    if (!code) code = make_parents(buffer_text(&blob), err);
    *lock = -1;
    if (!code) {
        *lock = open(buffer_text(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (*lock < 0) code = fail(err, RIDGE_E_IO, "cannot create %s: %s", buffer_text(&path), strerror(errno));
        else           code = wait_for_lock(*lock, buffer_text(&path), err);
    }
    if (code) store_unlock(*lock);
    buffer_free(&path);
    buffer_free(&blob);
    return code;
}

void store_unlock(int lock) {
    if (lock >= 0) close(lock);
}

int store_finish(const char *repo, const char *sha256, error *err) {
    buffer from = {0}, to = {0};
    int code = store_blob(repo, sha256, ".incomplete", &from, err);
    if (!code) code = store_blob(repo, sha256, "", &to, err);
    if (!code && rename(buffer_text(&from), buffer_text(&to)))
        code = fail(err, RIDGE_E_IO, "cannot rename to %s: %s", buffer_text(&to), strerror(errno));
    buffer_free(&from);
    buffer_free(&to);
    return code;
}

int store_link(const char *repo, const char *commit, const char *file, const char *sha256, error *err) {
    buffer path = {0}, target = {0}, temporary = {0};
    int code = store_snapshot(repo, commit, file, &path, err);
    if (!code) code = make_parents(buffer_text(&path), err);
    buffer_append_text(&target, "../../");
    for (const char *p = file; *p; p++)
        if (*p == '/') buffer_append_text(&target, "../");
    buffer_printf(&target, "blobs/%s", sha256);
    buffer_printf(&temporary, "%s.%ld", buffer_text(&path), (long)getpid());
    if (!code && (code = finished(&target, err)) == 0) code = finished(&temporary, err);
    if (!code) {
        unlink(buffer_text(&temporary));
        if (symlink(buffer_text(&target), buffer_text(&temporary)) || rename(buffer_text(&temporary), buffer_text(&path))) {
            code = fail(err, RIDGE_E_IO, "cannot create the link %s: %s", buffer_text(&path), strerror(errno));
            unlink(buffer_text(&temporary));
        }
    }
    buffer_free(&path);
    buffer_free(&target);
    buffer_free(&temporary);
    return code;
}

int store_ref(const char *repo, const char *ref, const char *commit, bool only_new, error *err) {
    buffer path = {0};
    int code = store_repo(repo, &path, err);
    buffer_printf(&path, "/refs/%s", ref);
    if (!code) code = finished(&path, err);
    if (!code && !(only_new && !access(buffer_text(&path), F_OK))) {
        code = make_parents(buffer_text(&path), err);
        if (!code) code = write_whole_file(buffer_text(&path), commit, strlen(commit), err);
    }
    buffer_free(&path);
    return code;
}

bool store_size(const char *path, uint64_t *bytes) {
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) return false;
    *bytes = (uint64_t)st.st_size;
    return true;
}

int store_check_room(const char *directory, uint64_t bytes, error *err) {
    struct statvfs v;
    if (statvfs(directory, &v)) return 0;       /* writing will tell */
    const uint64_t room = (uint64_t)v.f_bavail * v.f_frsize;
    char needed[16], left[16];
    if (room >= bytes) return 0;
    return fail(err, RIDGE_E_IO, "%s has room for %s, but %s are needed: free some space, or set HF_HUB_CACHE to another disk",
                directory, progress_size(left, sizeof left, (double)room), progress_size(needed, sizeof needed, (double)bytes));
}

int store_write(int file, const void *data, size_t n, const char *path, error *err) {
    for (const char *p = data; n; ) {
        const ssize_t w = write(file, p, n);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return fail(err, RIDGE_E_IO, "cannot write %s: %s", path, strerror(errno));
        p += w;
        n -= (size_t)w;
    }
    return 0;
}
