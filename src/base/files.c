/* Files: see files.h. */
#define _GNU_SOURCE
#include "base/files.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int mapped_file_open(mapped_file *f, const char *path, error *err) {
    *f = (mapped_file){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(err, errno == ENOENT ? RIDGE_E_NOT_FOUND : RIDGE_E_IO, "cannot open %s: %s", path, strerror(errno));
    int code = 0;
    struct stat st;
    if (fstat(fd, &st)) { code = fail(err, RIDGE_E_IO, "cannot examine %s: %s", path, strerror(errno)); goto done; }
    if (!S_ISREG(st.st_mode)) { code = fail(err, RIDGE_E_BAD_FILE, "%s is not a regular file", path); goto done; }
    f->size = (size_t)st.st_size;
    if (f->size) {
        void *p = mmap(NULL, f->size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) { code = fail(err, RIDGE_E_IO, "cannot map %s: %s", path, strerror(errno)); goto done; }
        madvise(p, f->size, MADV_HUGEPAGE);         /* a wish: where the file system can, what is read from now on is cached in huge pages */
        f->data = p;
    }
    f->path = memory_copy_text(path, strlen(path));
    if (!f->path) code = fail_memory(err, strlen(path), "a file's name");
done:
    close(fd);
    if (code) mapped_file_close(f);
    return code;
}

void mapped_file_close(mapped_file *f) {
    if (f->data) munmap((void *)f->data, f->size);
    memory_free(f->path);
    *f = (mapped_file){0};
}

/* Only pages that lie wholly inside; the file's last one does. */
void mapped_file_drop(const mapped_file *f, size_t from, size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (from >= f->size) return;
    size_t to = bytes < f->size - from ? from + bytes : f->size;
    if (to < f->size) to = to / page * page;
    from = (from + page - 1) / page * page;
    if (from < to) madvise((void *)(f->data + from), to - from, MADV_DONTNEED);
}

/* A fault maps the pages around it that are cached, 64 KB of them unless the system was told otherwise; asking for every page by
 * MADV_POPULATE_READ takes half as long again, where the pages are small. */
void mapped_file_touch(const mapped_file *f, size_t from, size_t bytes) {
    enum { AROUND = 65536 };
    if (from >= f->size) return;
    const size_t to = bytes < f->size - from ? from + bytes : f->size;
    for (size_t at = from; at < to; at = (at / AROUND + 1) * AROUND) (void)*(volatile const unsigned char *)(f->data + at);
}

int read_whole_file(const char *path, size_t max_bytes, buffer *out, error *err) {
    const bool standard_input = !strcmp(path, "-");
    const int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(err, errno == ENOENT ? RIDGE_E_NOT_FOUND : RIDGE_E_IO, "cannot open %s: %s", path, strerror(errno));
    int code = 0;
    char chunk[65536];
    size_t total = 0;
    for (ssize_t n; !code && (n = read(fd, chunk, sizeof chunk)) != 0; ) {
        if (n < 0) {
            if (errno != EINTR) code = fail(err, RIDGE_E_IO, "cannot read %s: %s", path, strerror(errno));
            continue;
        }
        total += (size_t)n;
        if (total > max_bytes) code = fail(err, RIDGE_E_UNSUPPORTED, "%s is larger than %zu bytes", path, max_bytes);
        else buffer_append(out, chunk, (size_t)n);
    }
    if (!standard_input) close(fd);
    if (!code && out->failed) code = fail_memory(err, total, path);
    return code;
}

static int write_all(int fd, const char *data, size_t n) {
    while (n) {
        const ssize_t w = write(fd, data, n);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return -1;
        data += w;
        n -= (size_t)w;
    }
    return 0;
}

int write_whole_file(const char *path, const void *data, size_t n, error *err) {
    const size_t room = strlen(path) + 8;
    char *temporary = memory_new(room, 1);
    if (!temporary) return fail_memory(err, room, "a file's name");
    snprintf(temporary, room, "%s.XXXXXX", path);
    int code = 0;
    const int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) { code = fail(err, RIDGE_E_IO, "cannot create a file beside %s: %s", path, strerror(errno)); goto done; }
    if (write_all(fd, data, n) || fchmod(fd, 0644) || fsync(fd)) code = fail(err, RIDGE_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (close(fd) && !code) code = fail(err, RIDGE_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (!code && rename(temporary, path)) code = fail(err, RIDGE_E_IO, "cannot rename to %s: %s", path, strerror(errno));
    if (code) unlink(temporary);
done:
    memory_free(temporary);
    return code;
}

int make_directories(const char *path, error *err) {
    char *copy = memory_copy_text(path, strlen(path));
    if (!copy) return fail_memory(err, strlen(path), "a directory's name");
    int code = 0;
    for (char *p = copy + 1; !code; p++) {
        if (*p && *p != '/') continue;
        const char end = *p;
        *p = 0;
        if (mkdir(copy, 0777) && errno != EEXIST) code = fail(err, RIDGE_E_IO, "cannot create the directory %s: %s", copy, strerror(errno));
        *p = end;
        if (!end) break;
    }
    memory_free(copy);
    return code;
}

static int user_directory(const char *variable, const char *below_home, buffer *out, error *err) {
    const char *xdg = getenv(variable), *home = getenv("HOME");
    if (xdg && xdg[0] == '/')  buffer_printf(out, "%s/ridge", xdg);
    else if (home && home[0])  buffer_printf(out, "%s/%s/ridge", home, below_home);
    else return fail(err, RIDGE_E_NOT_FOUND, "neither %s nor HOME says where a user's files belong", variable);
    return out->failed ? fail_memory(err, out->n, "a directory's name") : 0;
}

int files_cache_directory(buffer *out, error *err) { return user_directory("XDG_CACHE_HOME", ".cache", out, err); }
int files_state_directory(buffer *out, error *err) { return user_directory("XDG_STATE_HOME", ".local/state", out, err); }
