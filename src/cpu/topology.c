/* Which processors this process may use: see topology.h. hwloc knows cores and siblings; the cgroup's quota is read here,
 * since hwloc does not look at it. */
#define _GNU_SOURCE
#include "cpu/topology.h"
#include <hwloc.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Reads up to two numbers from a small file; returns how many there were. "max" counts as -1. */
static int read_numbers(const char *root, const char *name, double *a, double *b) {
    char path[512], text[128] = "";
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    const size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    if (!strncmp(text, "max", 3)) { *a = -1; return 1; }
    return sscanf(text, "%lf %lf", a, b);
}

double topology_cgroup_quota(const char *root) {
    double quota = 0, period = 0, unused = 0;
    if (read_numbers(root, "cpu.max", &quota, &period) == 2 && quota > 0 && period > 0) return quota / period;
    if (read_numbers(root, "cpu/cpu.cfs_quota_us", &quota, &unused) >= 1 && quota > 0
        && read_numbers(root, "cpu/cpu.cfs_period_us", &period, &unused) >= 1 && period > 0) return quota / period;
    return 0;
}

/* Appends the allowed processors of each core in turn: first one of every core, then the second, and so on. */
static void order_processors(hwloc_topology_t h, const cpu_set_t *allowed, topology *t) {
    const int n_cores = hwloc_get_nbobjs_by_type(h, HWLOC_OBJ_CORE);
    bool more = n_cores > 0;
    for (int sibling = 0; more; sibling++) {
        more = false;
        for (int c = 0; c < n_cores; c++) {
            const hwloc_obj_t core = hwloc_get_obj_by_type(h, HWLOC_OBJ_CORE, (unsigned)c);
            int seen = 0;
            unsigned p;
            hwloc_bitmap_foreach_begin(p, core->cpuset)
                if (p >= CPU_SETSIZE || !CPU_ISSET(p, allowed) || seen++ != sibling) continue;
                if (t->n_processors < TOPOLOGY_MAX_THREADS) t->processor[t->n_processors++] = (uint16_t)p;
                if (sibling == 0) t->n_threads++;
                more = true;
            hwloc_bitmap_foreach_end();
        }
    }
}

/* The affinity that the process was given: asked for once, since team_run binds the threads that call it. */
static cpu_set_t given;
static pthread_once_t given_once = PTHREAD_ONCE_INIT;

static void ask_affinity(void) {
    if (sched_getaffinity(0, sizeof given, &given)) { CPU_ZERO(&given); CPU_SET(0, &given); }
}

void topology_find(topology *t) {
    *t = (topology){0};
    pthread_once(&given_once, ask_affinity);
    const cpu_set_t allowed = given;

    hwloc_topology_t h;
    if (hwloc_topology_init(&h) == 0) {
        hwloc_topology_set_all_types_filter(h, HWLOC_TYPE_FILTER_KEEP_NONE);                   /* only cores are asked for: loads faster */
        hwloc_topology_set_type_filter(h, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
        hwloc_topology_set_flags(h, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);                   /* the mask above is the one that counts */
        if (hwloc_topology_load(h) == 0) order_processors(h, &allowed, t);
        hwloc_topology_destroy(h);
    }
    if (!t->n_processors)
        for (unsigned p = 0; p < CPU_SETSIZE && t->n_processors < TOPOLOGY_MAX_THREADS; p++)
            if (CPU_ISSET(p, &allowed)) t->processor[t->n_processors++] = (uint16_t)p;
    if (!t->n_threads) t->n_threads = t->n_processors;
    if (t->n_threads > TOPOLOGY_MAX_THREADS) t->n_threads = TOPOLOGY_MAX_THREADS;

    const double quota = topology_cgroup_quota("/sys/fs/cgroup");
    if (quota > 0 && quota < t->n_threads) t->n_threads = quota < 1 ? 1 : (uint32_t)floor(quota);
}
