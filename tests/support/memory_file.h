/* A file without a name on any disk, for tests that open thousands of variants of a file by path. */
#pragma once
#include <stddef.h>

/* Gives the one memory file of this process the content of n bytes and returns its path; it is valid until the next call. */
const char *memory_file(const void *data, size_t n);
