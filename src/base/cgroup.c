/* Walks from a process's group up to the root: see cgroup.h. A file that is missing or says anything but numbers is no limit. */
#include "base/cgroup.h"
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads up to n whole numbers; returns how many there were: "max" is none. */
static int read_numbers(const char *directory, const char *name, long long *number, int n) {
    char path[PATH_MAX + 32], text[128];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return 0;
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    int found = 0;
    for (char *at = text, *end; found < n; found++, at = end) {
        number[found] = strtoll(at, &end, 10);
        if (end == at) break;
    }
    return found;
}

/* What one group grants, or 0. */
typedef double limit_of(const char *directory);

static double quota_v2(const char *directory) {
    long long n[2];
    return read_numbers(directory, "cpu.max", n, 2) == 2 && n[0] > 0 && n[1] > 0 ? (double)n[0] / (double)n[1] : 0;
}

static double quota_v1(const char *directory) {
    long long quota, period;
    return read_numbers(directory, "cpu.cfs_quota_us", &quota, 1) && quota > 0 && read_numbers(directory, "cpu.cfs_period_us", &period, 1)
        && period > 0 ? (double)quota / (double)period : 0;
}

enum { NO_BYTES_FROM_BIT = 60 };    /* version 1 says "no limit" with a huge number */
static double bytes_of(const char *directory, const char *name) {
    long long bytes;
    return read_numbers(directory, name, &bytes, 1) && bytes > 0 && bytes < 1ll << NO_BYTES_FROM_BIT ? (double)bytes : 0;
}
static double memory_v2(const char *directory) { return bytes_of(directory, "memory.max"); }
static double memory_v1(const char *directory) { return bytes_of(directory, "memory.limit_in_bytes"); }

static double least_of(double a, double b) { return a > 0 && (b == 0 || a < b) ? a : b; }

/* ".." means a group outside of what the process may see: what the path would lead to is another folder. */
static bool leads_out(const char *path) {
    for (const char *at = path; (at = strstr(at, "/..")); at += 3)
        if (at[3] == '/' || !at[3]) return true;
    return false;
}

/* The least limit of group (a path from "/" on) and of all groups above it; mount: the folder of the root group. */
static double least_above(const char *mount, const char *group, limit_of *limit) {
    char directory[PATH_MAX];
    const size_t n = strlen(mount);
    const bool known = *group == '/' && !leads_out(group);
    if (snprintf(directory, sizeof directory, "%s%s", mount, known ? group : "") >= (int)sizeof directory) return limit(mount);
    double least = limit(directory);
    for (char *slash; (slash = strrchr(directory + n, '/')); ) {
        *slash = 0;
        least = least_of(limit(directory), least);
    }
    return least;
}

/* Whether the names between commas have this one. */
static bool has_name(const char *names, const char *name) {
    while (*names) {
        const size_t n = strcspn(names, ",");
        if (n == strlen(name) && !memcmp(names, name, n)) return true;
        names += n;
        names += *names == ',';
    }
    return false;
}

/* The least limit of the groups in `groups`, of v2 under root, of v1 under root/controller. */
static double least_limit(const char *root, const char *groups, const char *controller, limit_of *v2, limit_of *v1) {
    char v1_root[PATH_MAX], line[PATH_MAX];
    if (snprintf(v1_root, sizeof v1_root, "%s/%s", root, controller) >= (int)sizeof v1_root) return 0;
    double least = least_of(v2(root), v1(v1_root));
    for (size_t n; *groups; groups += n, groups += *groups == '\n') {
        n = strcspn(groups, "\n");
        if (n >= sizeof line) continue;
        memcpy(line, groups, n);
        line[n] = 0;
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;      /* number:controllers:path */
        if (!group) continue;
        *controllers++ = *group++ = 0;
        if (!*controllers)                          least = least_of(least_above(root, group, v2), least);
        else if (has_name(controllers, controller)) least = least_of(least_above(v1_root, group, v1), least);
    }
    return least;
}

double cgroup_cpu_quota(const char *root, const char *groups)    { return least_limit(root, groups, "cpu", quota_v2, quota_v1); }
double cgroup_memory_limit(const char *root, const char *groups) { return least_limit(root, groups, "memory", memory_v2, memory_v1); }
