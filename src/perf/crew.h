/* A crew: pinned threads that do one measurement together and end. For probes only.
 *
 * It is the backend's team (cpu/team.h), run from a thread of its own, so that the caller is not bound to a processor. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "cpu/team.h"

/* Hardware threads that this process may use, and cores of them within its limits; at least 1. */
int crew_most(void);
int crew_cores(void);

/* Bytes of the data cache of `level` (1 to 3) that serves one core (0: there is none), and how many cores share it. */
typedef struct { size_t bytes; int shared_by; } crew_cache;
crew_cache crew_cache_level(int level);

/* Runs work(user, team, rank) once on each of n threads at the same time. n: 1 .. crew_most(). */
typedef void crew_work(void *user, team *t, uint32_t rank);
int crew_each(int n, crew_work *work, void *user, error *err);

/* Runs step(user, rank), which does a bit of work (some 10 to 200 us) and returns its amount, again and again on n threads.
 * Each of n_samples samples takes `seconds`; sample[i] is the sum of the threads' rates: amount a second. A thread that the system
 * delays lowers only its own rate: the sum is what the machine offers, however the work is split. */
typedef double crew_step(void *user, uint32_t rank);
int crew_rate(int n, double seconds, size_t n_samples, crew_step *step, void *user, double *sample, error *err);

/* The share of n processors that n threads get which ask for all of them, over `seconds`: clearly below 1 where something else runs there. */
static const double CREW_IDLE_SHARE = 0.97;         /* below this, the machine is busy */
int crew_share(int n, double seconds, double *share, error *err);
