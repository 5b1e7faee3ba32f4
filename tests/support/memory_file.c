/* Memory files: see memory_file.h. */
#define _GNU_SOURCE
#include "support/memory_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const char *memory_file(const void *data, size_t n) {
    static int fd = -1;
    static char path[64];
    if (fd < 0) fd = memfd_create("ridge-test", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) || ftruncate(fd, (off_t)n) || pwrite(fd, data, n, 0) != (ssize_t)n) {
        perror("memory_file");
        abort();
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}
