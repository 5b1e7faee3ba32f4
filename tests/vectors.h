/* Where the large reference vectors are: $RIDGE_VECTORS, or ../shared/vectors beside the checkout. They are not part of it. */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The path of a file or folder of the vectors, or NULL where it is not here. The result lives until the next call. */
static inline const char *vectors_path(const char *relative) {
    static char path[4096];
    const char *folder = getenv("RIDGE_VECTORS");
    if (folder && *folder) snprintf(path, sizeof path, "%s/%s", folder, relative);
    else snprintf(path, sizeof path, "%s/../../shared/vectors/%s", RIDGE_TESTS, relative);
    return access(path, R_OK) ? NULL : path;
}

/* Whether they are missing, and says so: a test that is nothing without them ends with 77 then. */
static inline bool vectors_missing(const char *relative) {
    if (vectors_path(relative)) return false;
    printf("skipped: the reference vectors are not here (RIDGE_VECTORS, or ../shared/vectors beside the checkout)\n");
    return true;
}
