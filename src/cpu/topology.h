/* How many threads this process may use, and on which processors each should stay: affinity, cores and cgroup limits. */
#pragma once
#include <stdint.h>
#include "base/error.h"

enum { TOPOLOGY_MAX_THREADS = 1024 };

typedef struct {
    uint32_t n_threads;                         /* one for each core that this process may use, within its cgroup's quota */
    uint16_t processor[TOPOLOGY_MAX_THREADS];   /* system number of the processor for thread i: distinct cores first, then siblings */
    uint32_t n_processors;                      /* entries of processor: all that the affinity mask allows */
} topology;

/* Cannot fail: what cannot be found out is answered with what sched_getaffinity says, or one thread. */
void topology_find(topology *t);
