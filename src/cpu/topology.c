/* Which processors this process may use: see topology.h. hwloc knows cores and siblings, but does not look at the
 * cgroup's quota. */
#define _GNU_SOURCE
#include "cpu/topology.h"
#include <hwloc.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include "base/cgroup.h"

/* 0 where there is no limit. The list of groups may be absent: the root's own limit is seen without it. */
static double quota_of_this_process(void) {
    char groups[1 << 14] = "";          /* no memory is asked for: topology_find cannot fail */
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (f) {
        groups[fread(groups, 1, sizeof groups - 1, f)] = 0;
        fclose(f);
    }
    return cgroup_cpu_quota("/sys/fs/cgroup", groups);
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

    const double quota = quota_of_this_process();
    if (quota > 0 && quota < t->n_threads) t->n_threads = quota < 1 ? 1 : (uint32_t)floor(quota);
}
