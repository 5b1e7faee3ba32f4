/* Limits: see limits.h. */
#include "perf/limits.h"
#include <string.h>
#include <time.h>

static const double LEAST_BYTES = 32 << 20, READ_SECONDS = 0.02, PEAK_SECONDS = 0.01;
enum { SAMPLES = 3, SETTLE_NS = 2000000 };      /* longer than a backend's threads spin before they sleep */

const char *const limit_arithmetic_name[LIMIT_ARITHMETIC_COUNT] = {
#define LIMIT_NAME(name, ...) #name,
    LIMIT_ARITHMETICS(LIMIT_NAME)
#undef LIMIT_NAME
};
static const struct { peak_kind kind; double dots; } of[LIMIT_ARITHMETIC_COUNT] = {
#define LIMIT_OF(name, kind, dots) { kind, dots },
    LIMIT_ARITHMETICS(LIMIT_OF)
#undef LIMIT_OF
};

limit_arithmetic limit_arithmetic_find(const char *name) {
    int i = 0;
    while (i < LIMIT_ARITHMETIC_COUNT && strcmp(name, limit_arithmetic_name[i])) i++;
    return (limit_arithmetic)i;
}

/* Without a dot of bf16 pairs, f32 fma does that work. */
static void find_loops(limits_probe *l, int i, const char *isa) {
    l->kind[i] = of[i].kind;
    l->loops[i] = peaks_limit(machine_here(), l->kind[i], isa);
    if (l->loops[i] || l->kind[i] != PEAK_bf16) return;
    l->kind[i] = PEAK_f32;
    l->loops[i] = peaks_limit(machine_here(), PEAK_f32, isa);
}

int limits_open(limits_probe *l, int threads, double bytes, const char *isa, const bool wanted[LIMIT_ARITHMETIC_COUNT], error *err) {
    memset(l, 0, sizeof *l);
    l->threads = threads > crew_most() ? crew_most() : threads;
    for (int i = 0; i < LIMIT_ARITHMETIC_COUNT; i++) if (wanted[i]) find_loops(l, i, isa);
    probe_samples barrier;
    int code = probe_barrier(l->threads, SAMPLES, &barrier, err);
    if (code) return code;
    l->barrier_ns = probe_median(&barrier);
    const double most = (double)probe_memory_bytes(), clamped = bytes < LEAST_BYTES ? LEAST_BYTES : bytes > most ? most : bytes;
    return probe_memory_open(&l->memory, l->threads, (size_t)clamped, 0, err);
}

void limits_close(limits_probe *l) { probe_memory_close(&l->memory); }

int limits_take(limits_probe *l, error *err) {
    probe_samples s;
    nanosleep(&(struct timespec){ .tv_nsec = SETTLE_NS }, NULL);
    if (l->n_read + SAMPLES > STATISTICS_MAX) return 0;         /* there are plenty */
    int code = probe_read(&l->memory, READ_SECONDS, SAMPLES, &s, err);
    for (int i = 0; i < SAMPLES && !code; i++) l->read[l->n_read++] = s.sample[i];
    for (int i = 0; i < LIMIT_ARITHMETIC_COUNT && !code; i++) {
        if (!l->loops[i]) continue;
        code = probe_peak(l->threads, l->loops[i], l->kind[i], PEAK_SECONDS, SAMPLES, &s, err);
        if (!code) l->peak[i][l->n_peak] = probe_median(&s) / of[i].dots;
    }
    if (!code) l->n_peak++;
    return code;
}

limits limits_found(const limits_probe *l) {
    limits found = { .barrier_ns = l->barrier_ns };
    if (l->n_read) {
        found.read = statistics_median(l->read, l->n_read);
        found.read_range = (interval){ statistics_least(l->read, l->n_read), statistics_most(l->read, l->n_read) };
    }
    for (int i = 0; i < LIMIT_ARITHMETIC_COUNT; i++)
        if (l->n_peak && l->loops[i]) found.peak[i] = statistics_median(l->peak[i], l->n_peak);
    return found;
}

void limits_forget(limits_probe *l) { l->n_read = l->n_peak = 0; }
