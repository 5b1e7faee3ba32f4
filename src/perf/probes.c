/* Probes: see probes.h. */
#include "perf/probes.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "perf/statistics.h"

enum {
    HUGE_PAGE = 2 << 20,
    STEP_BYTES = 1 << 20,           /* of a step of reading: some 50 us */
    CACHE_STEP_BYTES = 8 << 20,
    PEAK_ROUNDS = 4000,             /* some 20 us */
    BARRIERS = 2000,
    LINE = 64,
    CHOOSE_ROUNDS = 5,
};
static const double CHOOSE_SECONDS = 0.002;

double probe_median(const probe_samples *s) { return statistics_median(s->sample, (size_t)s->n); }

/* What a thread remembers between steps; a line each, so that they do not disturb one another. */
typedef struct { _Alignas(LINE) size_t at; uint64_t sum; } thread_state;

typedef struct {
    const peak_loops *loops;
    char             *data;
    size_t            stride_bytes, part_bytes;
    int               pattern;
    peak_kind         kind;
    thread_state     *state;
} probe;

/* Runs `step` of p; gives the rates in units of 1e9. */
static int measure(probe *p, int n_threads, double seconds, int n_samples, crew_step *step, probe_samples *out, error *err) {
    assert(n_samples >= 1 && n_samples <= PROBE_SAMPLES);
    p->state = memory_new_aligned((size_t)n_threads * sizeof *p->state);
    if (!p->state) return fail_memory(err, (size_t)n_threads * sizeof *p->state, "a probe's threads");
    const int code = crew_rate(n_threads, seconds, (size_t)n_samples, step, p, out->sample, err);
    out->n = n_samples;
    for (int i = 0; i < n_samples && !code; i++) out->sample[i] *= 1e-9;
    memory_free(p->state);
    return code;
}

typedef struct { probe_memory *memory; uint64_t most_ns; _Atomic size_t least_touched; } touching;

static void touch(void *user, team *t, uint32_t rank) {
    touching *c = user;
    const probe_memory *m = c->memory;
    const uint64_t start = clock_ns();
    size_t at = 0;
    (void)t;
    while (at < m->stride_bytes && (at == 0 || !c->most_ns || clock_ns() - start < c->most_ns)) {
        const size_t n = m->stride_bytes - at < HUGE_PAGE ? m->stride_bytes - at : HUGE_PAGE;
        memset(m->data + rank * m->stride_bytes + at, (int)rank + 1, n);
        at += n;
    }
    size_t least = atomic_load(&c->least_touched);
    while (at < least && !atomic_compare_exchange_weak(&c->least_touched, &least, at)) { }
}

/* Lets each thread write its part first. */
static int touch_all(probe_memory *m, double seconds, error *err) {
    touching c = { .memory = m, .most_ns = (uint64_t)(seconds * 1e9), .least_touched = m->stride_bytes };
    const int code = crew_each(m->n_threads, touch, &c, err);
    m->part_bytes = c.least_touched;
    return code;
}

size_t probe_memory_bytes(void) {
    const crew_cache last = crew_cache_level(3);
    const size_t caches = last.bytes ? (size_t)((crew_cores() + last.shared_by - 1) / last.shared_by) * last.bytes : 0;
    return 4 * caches > (1u << 30) ? 4 * caches : 1u << 30;
}

static double read_step(void *user, uint32_t rank) {
    probe *p = user;
    thread_state *s = &p->state[rank];
    s->sum ^= p->loops->read[p->pattern](p->data + rank * p->stride_bytes + s->at, STEP_BYTES);
    s->at += STEP_BYTES;
    if (s->at == p->part_bytes) s->at = 0;
    return STEP_BYTES;
}

int probe_read(const probe_memory *m, double seconds, int n_samples, probe_samples *out, error *err) {
    probe p = { .loops = peaks_reader(machine_here()), .data = m->data, .stride_bytes = m->stride_bytes, .part_bytes = m->part_bytes, .pattern = m->pattern };
    return measure(&p, m->n_threads, seconds, n_samples, read_step, out, err);
}

/* In turns, so that whatever the machine does meanwhile meets all. */
int probe_choose_pattern(probe_memory *m, error *err) {
    const peak_loops *loops = peaks_reader(machine_here());
    double sample[READ_COUNT][CHOOSE_ROUNDS];
    for (int round = 0; round < CHOOSE_ROUNDS; round++)
        for (m->pattern = 0; m->pattern < READ_COUNT; m->pattern++) {
            probe_samples s;
            if (!loops->read[m->pattern]) { sample[m->pattern][round] = 0; continue; }
            const int code = probe_read(m, CHOOSE_SECONDS, 1, &s, err);
            if (code) return code;
            sample[m->pattern][round] = s.sample[0];
        }
    m->pattern = 0;
    for (int i = 1; i < READ_COUNT; i++)
        if (statistics_median(sample[i], CHOOSE_ROUNDS) > statistics_median(sample[m->pattern], CHOOSE_ROUNDS)) m->pattern = i;
    return 0;
}

int probe_memory_open(probe_memory *m, int n_threads, size_t bytes, double touch_seconds, error *err) {
    *m = (probe_memory){ .n_threads = n_threads };
    const uint64_t quarter = machine_available_memory() / 4;
    if (quarter && bytes > quarter) bytes = quarter;
    m->stride_bytes = bytes / (size_t)n_threads / HUGE_PAGE * HUGE_PAGE;
    if (!m->stride_bytes) m->stride_bytes = HUGE_PAGE;
    m->data = memory_map((size_t)n_threads * m->stride_bytes);
    if (!m->data) return fail_memory(err, (size_t)n_threads * m->stride_bytes, "a probe of the memory's bandwidth");
    int code = touch_all(m, touch_seconds, err);
    if (!code) code = probe_choose_pattern(m, err);
    if (code) probe_memory_close(m);
    return code;
}

void probe_memory_close(probe_memory *m) {
    memory_unmap(m->data, (size_t)m->n_threads * m->stride_bytes);
    m->data = NULL;
}

static double copy_step(void *user, uint32_t rank) {
    probe *p = user;
    thread_state *s = &p->state[rank];
    char *from = p->data + rank * p->stride_bytes + s->at;
    p->loops->copy(from + p->part_bytes / 2, from, STEP_BYTES);
    s->at += STEP_BYTES;
    if (s->at == p->part_bytes / 2) s->at = 0;
    return 2.0 * STEP_BYTES;
}

int probe_copy(const probe_memory *m, double seconds, int n_samples, probe_samples *out, error *err) {
    probe p = { .loops = peaks_reader(machine_here()), .data = m->data, .stride_bytes = m->stride_bytes, .part_bytes = m->part_bytes };
    return measure(&p, m->n_threads, seconds, n_samples, copy_step, out, err);
}

static double cache_step(void *user, uint32_t rank) {
    probe *p = user;
    size_t done = 0;
    for (; done < CACHE_STEP_BYTES; done += p->part_bytes) p->state[rank].sum ^= p->loops->read[READ_one](p->data + rank * p->stride_bytes, p->part_bytes);
    return (double)done;
}

int probe_cache(int n_threads, size_t bytes, double seconds, int n_samples, probe_samples *out, error *err) {
    probe_memory m = { .stride_bytes = bytes, .n_threads = n_threads };
    m.data = memory_map((size_t)n_threads * bytes);
    if (!m.data) return fail_memory(err, (size_t)n_threads * bytes, "a probe of a cache's bandwidth");
    int code = touch_all(&m, 0, err);
    probe p = { .loops = peaks_reader(machine_here()), .data = m.data, .stride_bytes = bytes, .part_bytes = bytes };
    if (!code) code = measure(&p, n_threads, seconds, n_samples, cache_step, out, err);
    memory_unmap(m.data, (size_t)n_threads * bytes);
    return code;
}

static double peak_step(void *user, uint32_t rank) {
    const probe *p = user;
    (void)rank;
    return p->loops->peak[p->kind](PEAK_ROUNDS);
}

int probe_peak(int n_threads, const peak_loops *loops, peak_kind kind, double seconds, int n_samples, probe_samples *out, error *err) {
    assert(loops->peak[kind]);
    probe p = { .loops = loops, .kind = kind };
    return measure(&p, n_threads, seconds, n_samples, peak_step, out, err);
}

static void barrier_work(void *user, team *t, uint32_t rank) {
    probe_samples *out = user;
    for (int s = 0; s < out->n; s++) {
        team_barrier(t);
        const uint64_t start = clock_ns();
        for (int i = 0; i < BARRIERS; i++) team_barrier(t);
        if (rank == 0) out->sample[s] = (double)(clock_ns() - start) / BARRIERS;
    }
}

int probe_barrier(int n_threads, int n_samples, probe_samples *out, error *err) {
    assert(n_samples >= 1 && n_samples <= PROBE_SAMPLES);
    out->n = n_samples;
    return crew_each(n_threads, barrier_work, out, err);
}
