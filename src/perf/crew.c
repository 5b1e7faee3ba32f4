/* A crew of pinned threads: see crew.h. */
#define _GNU_SOURCE
#include "perf/crew.h"
#include <hwloc.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/machine.h"
#include "base/memory.h"
#include "cpu/topology.h"

static struct { topology processors; crew_cache cache[3]; } found;

static void find_caches(void) {
    static const hwloc_obj_type_t type[3] = { HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE };
    hwloc_topology_t h;
    if (hwloc_topology_init(&h)) return;
    if (!hwloc_topology_load(h))
        for (int i = 0; i < 3; i++) {
            const hwloc_obj_t cache = hwloc_get_obj_by_type(h, type[i], 0);
            if (!cache) continue;
            const int cores = hwloc_get_nbobjs_inside_cpuset_by_type(h, cache->cpuset, HWLOC_OBJ_CORE);
            found.cache[i] = (crew_cache){ (size_t)cache->attr->cache.size, cores > 0 ? cores : 1 };
        }
    hwloc_topology_destroy(h);
}

static void *find_main(void *unused) {
    machine_unbind_thread();
    topology_find(&found.processors);
    find_caches();
    return unused;
}

/* In a thread of its own, whose affinity may be widened again; without one, in the caller's as it is. */
static void find(void) {
    pthread_t thread;
    if (!pthread_create(&thread, NULL, find_main, NULL)) pthread_join(thread, NULL);
    else { topology_find(&found.processors); find_caches(); }
}

static void need_topology(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find);
}

int crew_most(void)  { need_topology(); return found.processors.n_processors ? (int)found.processors.n_processors : 1; }
int crew_cores(void) { need_topology(); return found.processors.n_threads ? (int)found.processors.n_threads : 1; }

crew_cache crew_cache_level(int level) { need_topology(); return found.cache[level - 1]; }

typedef struct {
    int        n;
    crew_work *work;
    void      *user;
    team      *team;
    error     *err;
    int        code;
} crew_call;

static void member_work(void *user, uint32_t rank) {
    const crew_call *c = user;
    c->work(c->user, c->team, rank);
}

static void *crew_main(void *argument) {
    crew_call *c = argument;
    machine_unbind_thread();
    c->code = team_new(&c->team, (uint32_t)c->n, c->err);
    if (!c->code) team_run(c->team, member_work, c);
    team_free(c->team);
    return NULL;
}

int crew_each(int n, crew_work *work, void *user, error *err) {
    if (n < 1 || n > crew_most()) return fail(err, RIDGE_E_BAD_ARGUMENT, "a probe was asked for %d threads; this process may use 1 to %d", n, crew_most());
    crew_call call = { .n = n, .work = work, .user = user, .err = err };
    pthread_t thread;
    const int refused = pthread_create(&thread, NULL, crew_main, &call);
    if (refused) return fail(err, RIDGE_E_IO, "a thread for a probe could not be started: %s", strerror(refused));
    pthread_join(thread, NULL);
    return call.code;
}

typedef struct {
    int        n;
    uint64_t   duration_ns;
    size_t     n_samples;
    crew_step *step;
    void      *user;
    double    *rate;            /* [n_samples][n] */
} rate_call;

static void rate_work(void *user, team *t, uint32_t rank) {
    const rate_call *c = user;
    c->step(c->user, rank);                             /* warms up code, caches and clock */
    for (size_t s = 0; s < c->n_samples; s++) {
        team_barrier(t);
        const uint64_t start = clock_ns();
        uint64_t now;
        double amount = 0;
        do {
            amount += c->step(c->user, rank);
            now = clock_ns();
        } while (now - start < c->duration_ns);
        c->rate[s * (size_t)c->n + rank] = amount / ((double)(now - start) * 1e-9);
    }
}

int crew_rate(int n, double seconds, size_t n_samples, crew_step *step, void *user, double *sample, error *err) {
    rate_call c = { .n = n, .duration_ns = (uint64_t)(seconds * 1e9), .n_samples = n_samples, .step = step, .user = user };
    const size_t n_rates = n_samples * (size_t)(n > 0 ? n : 1);
    c.rate = memory_new(n_rates, sizeof *c.rate);
    if (!c.rate) return fail_memory(err, n_rates * sizeof *c.rate, "a probe's samples");
    const int code = crew_each(n, rate_work, &c, err);
    for (size_t s = 0; !code && s < n_samples; s++) {
        sample[s] = 0;
        for (int i = 0; i < n; i++) sample[s] += c.rate[s * (size_t)n + (size_t)i];
    }
    memory_free(c.rate);
    return code;
}

static double thread_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Works for a moment, and returns the processor's time that it got. */
static double use_processor(void *user, uint32_t rank) {
    const double start = thread_seconds();
    const uint64_t until = clock_ns() + 100000;
    while (clock_ns() < until) { }
    return thread_seconds() - start;
}

int crew_share(int n, double seconds, double *share, error *err) {
    const int code = crew_rate(n, seconds, 1, use_processor, NULL, share, err);
    *share = code ? 0 : *share / n;
    return code;
}
