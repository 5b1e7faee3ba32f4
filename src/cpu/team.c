/* A team of pinned threads: see team.h. */
#define _GNU_SOURCE
#include "cpu/team.h"
#include "base/clock.h"
#include "base/events.h"
#include "base/memory.h"
#include "cpu/topology.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SPIN_NS = 500000,           /* longer than sampling between two tokens takes */
    SPIN_CROWDED_NS = 2000,     /* when threads share processors, the one waited for may need ours */
    SPINS_PER_LOOK = 64,        /* pauses between two looks at the clock */
};

struct team {
    /* Each on a line of its own: the first is written by all, the second read by all. */
    _Alignas(64) atomic_uint arrived;
    _Alignas(64) atomic_uint round;         /* counts completed barriers; waiters sleep on it */
    _Alignas(64) atomic_uint sleepers;

    atomic_uint n_threads;      /* changes once: to those that started, when not all did */
    uint64_t   spin_ns;
    team_work *work;            /* NULL: the team is dissolved */
    void      *user;
    topology   processors;
    pthread_t  caller;          /* who was bound as thread 0 */
    bool       caller_bound;
    cpu_set_t  caller_before;   /* its affinity before, which team_free gives back */
    uint32_t   n_started;
    struct member { team *team; uint32_t thread; pthread_t id; } *member;
};

static inline void relax(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("isb" ::: "memory");
#endif
}

static void sleep_while(atomic_uint *word, unsigned value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);     /* returns at once where the value has changed */
}

static void wake_all(atomic_uint *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* The member that arrives last opens the next round; the others wait for it. The counter of sleepers is raised before the futex
 * looks at the round, and read after the round was written, so no sleeper is missed. */
void team_barrier(team *t) {
    const unsigned round = atomic_load_explicit(&t->round, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&t->arrived, 1, memory_order_acq_rel) + 1 == atomic_load_explicit(&t->n_threads, memory_order_relaxed)) {
        atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
        atomic_store(&t->round, round + 1);
        if (atomic_load(&t->sleepers)) wake_all(&t->round);
        return;
    }
    for (unsigned i = 0; i < SPINS_PER_LOOK * 4; i++) {             /* the usual case is short: do not even ask for the time */
        if (atomic_load_explicit(&t->round, memory_order_acquire) != round) return;
        relax();
    }
    const uint64_t until = clock_ns() + t->spin_ns;
    do {
        for (unsigned i = 0; i < SPINS_PER_LOOK; i++) {
            if (atomic_load_explicit(&t->round, memory_order_acquire) != round) return;
            relax();
        }
    } while (clock_ns() < until);
    atomic_fetch_add(&t->sleepers, 1);
    while (atomic_load(&t->round) == round) sleep_while(&t->round, round);
    atomic_fetch_sub(&t->sleepers, 1);
}

static void bind_thread(const team *t, uint32_t thread) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(t->processors.processor[thread % t->processors.n_processors], &set);
    sched_setaffinity(0, sizeof set, &set);     /* a wish: a refusal costs speed at most */
}

static void *member_main(void *argument) {
    const struct member *m = argument;
    team *t = m->team;
    bind_thread(t, m->thread);
    for (;;) {
        team_barrier(t);                        /* work is there */
        if (!t->work) return NULL;
        t->work(t->user, m->thread);
        team_barrier(t);                        /* all are done */
    }
}

void team_run(team *t, team_work *work, void *user) {
    if (!t->caller_bound || !pthread_equal(t->caller, pthread_self())) {
        sched_getaffinity(0, sizeof t->caller_before, &t->caller_before);
        bind_thread(t, 0);
        t->caller = pthread_self();
        t->caller_bound = true;
    }
    t->work = work;
    t->user = user;
    team_barrier(t);
    work(user, 0);
    team_barrier(t);
}

/* Sends the members that started home: team_barrier counts n_threads, so it is set to those there are. */
static void dissolve(team *t) {
    t->work = NULL;
    t->n_threads = t->n_started + 1;
    team_barrier(t);
    for (uint32_t i = 0; i < t->n_started; i++) pthread_join(t->member[i].id, NULL);
}

int team_new(team **out, uint32_t n_threads, error *err) {
    *out = NULL;
    team *t = memory_new_aligned(sizeof *t);
    if (!t) return fail_memory(err, sizeof *t, "the threads");
    topology_find(&t->processors);
    t->n_threads = n_threads ? n_threads : t->processors.n_threads;
    if (t->n_threads > TOPOLOGY_MAX_THREADS) {
        const int code = fail(err, RIDGE_E_BAD_ARGUMENT, "%u threads were asked for; the most is %d", n_threads, TOPOLOGY_MAX_THREADS);
        memory_free(t);
        return code;
    }
    const bool crowded = t->n_threads > t->processors.n_threads;
    if (crowded) event(EVENT_threads_limited, "%u threads share the %u cores that this process may use: slower than %u threads",
                       t->n_threads, t->processors.n_threads, t->processors.n_threads);
    t->spin_ns = crowded ? SPIN_CROWDED_NS : SPIN_NS;

    int code = 0;
    t->member = memory_new(t->n_threads, sizeof *t->member);
    if (!t->member) { code = fail_memory(err, t->n_threads * sizeof *t->member, "the threads"); goto done; }
    for (uint32_t i = 1; i < t->n_threads; i++) {
        struct member *m = &t->member[t->n_started];
        *m = (struct member){ .team = t, .thread = i };
        const int failure = pthread_create(&m->id, NULL, member_main, m);
        if (failure) { code = fail(err, RIDGE_E_IO, "cannot start thread %u of %u: %s", i + 1, t->n_threads, strerror(failure)); goto done; }
        t->n_started++;
    }
done:
    if (code) team_free(t);
    else *out = t;
    return code;
}

void team_free(team *t) {
    if (!t) return;
    dissolve(t);
    if (t->caller_bound && pthread_equal(t->caller, pthread_self())) sched_setaffinity(0, sizeof t->caller_before, &t->caller_before);
    memory_free(t->member);
    memory_free(t);
}

uint32_t team_size(const team *t) { return t->n_threads; }
