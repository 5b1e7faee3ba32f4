/* Walks from a process's group up to the root: see cgroup.h. A file that is missing or says anything but two numbers is no limit. */
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
typedef double quota_of(const char *directory);

static double quota_v2(const char *directory) {
    long long n[2];
    return read_numbers(directory, "cpu.max", n, 2) == 2 && n[0] > 0 && n[1] > 0 ? (double)n[0] / (double)n[1] : 0;
}

static double quota_v1(const char *directory) {
    long long quota, period;
    return read_numbers(directory, "cpu.cfs_quota_us", &quota, 1) && quota > 0 && read_numbers(directory, "cpu.cfs_period_us", &period, 1)
        && period > 0 ? (double)quota / (double)period : 0;
}

static double least_of(double a, double b) { return a > 0 && (b == 0 || a < b) ? a : b; }

/* ".." means a group outside of what the process may see: what the path would lead to is another folder. */
static bool leads_out(const char *path) {
    for (const char *at = path; (at = strstr(at, "/..")); at += 3)
        if (at[3] == '/' || !at[3]) return true;
    return false;
}

/* The least quota of group (a path from "/" on) and of all groups above it; mount: the folder of the root group. */
static double least_quota(const char *mount, const char *group, quota_of *quota) {
    char directory[PATH_MAX];
    const size_t n = strlen(mount);
    const bool known = *group == '/' && !leads_out(group);
    if (snprintf(directory, sizeof directory, "%s%s", mount, known ? group : "") >= (int)sizeof directory) return quota(mount);
    double least = quota(directory);
    for (char *slash; (slash = strrchr(directory + n, '/')); ) {
        *slash = 0;
        least = least_of(quota(directory), least);
    }
    return least;
}

/* Whether the names between commas have "cpu". */
static bool names_cpu(const char *names) {
    while (*names) {
        const size_t n = strcspn(names, ",");
        if (n == 3 && !memcmp(names, "cpu", 3)) return true;
        names += n;
        names += *names == ',';
    }
    return false;
}

double cgroup_cpu_quota(const char *root, const char *groups) {
    char v1_root[PATH_MAX], line[PATH_MAX];
    if (snprintf(v1_root, sizeof v1_root, "%s/cpu", root) >= (int)sizeof v1_root) return 0;
    double least = least_of(quota_v2(root), quota_v1(v1_root));
    for (size_t n; *groups; groups += n, groups += *groups == '\n') {
        n = strcspn(groups, "\n");
        if (n >= sizeof line) continue;
        memcpy(line, groups, n);
        line[n] = 0;
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;      /* number:controllers:path */
        if (!group) continue;
        *controllers++ = *group++ = 0;
        if (!*controllers)               least = least_of(least_quota(root, group, quota_v2), least);
        else if (names_cpu(controllers)) least = least_of(least_quota(v1_root, group, quota_v1), least);
    }
    return least;
}
