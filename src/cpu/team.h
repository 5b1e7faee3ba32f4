/* A team of pinned threads that works through the steps of a plan together. The caller of team_run is thread 0.
 *
 * Waiting spins first and sleeps (futex) after a while, so that neither a quick barrier pays for a wake-up nor a waiting
 * team burns a processor that somebody else needs. */
#pragma once
#include <stdint.h>
#include "base/error.h"

typedef struct team team;

/* n_threads: 0 for one per usable core. More threads than usable processors are allowed (EVENT_threads_limited tells). */
int  team_new(team **out, uint32_t n_threads, error *err);
void team_free(team *t);

uint32_t team_size(const team *t);

/* Calls work(user, thread) on every thread of the team, 0 on the caller's own, and returns when all have returned.
 * The calling thread is bound to the first processor of the team from then on; team_free on the same thread undoes that. */
typedef void team_work(void *user, uint32_t thread);
void team_run(team *t, team_work *work, void *user);

/* Inside work: returns when every thread of the team has called it. */
void team_barrier(team *t);

/* The part of n items that belongs to `thread` of `n_threads`: *from inclusive, *to exclusive; parts are contiguous, ascend,
 * and differ by one item at most. */
static inline void team_part(uint64_t n, uint32_t thread, uint32_t n_threads, uint64_t *from, uint64_t *to) {
    *from = n * thread / n_threads;
    *to = n * (thread + 1) / n_threads;
}
