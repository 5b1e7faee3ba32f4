/* Ceilings: measuring them and looking them up. See ceilings.h; ceilings_file.c keeps them. */
#include "perf/ceilings.h"
#include <string.h>
#include <time.h>
#include "base/events.h"
#include "perf/statistics.h"

enum { LAST_LEVEL_MOST = 16 << 20 };        /* bytes a thread for the last level: a virtual machine may own little of what it is shown */
static const double READ_SECONDS = 0.05, SHORT_SECONDS = 0.02, QUICK_TOUCH_SECONDS = 0.15, QUICK_SECONDS = 0.025;
enum { READ_SAMPLES = 7, SHORT_SAMPLES = 5, QUICK_SAMPLES = 5 };

static ceiling *add(ceilings *c, ceiling_kind kind, const char *what, int threads, size_t bytes) {
    if (c->n == CEILINGS_MOST) c->n--;          /* never: there are fewer thread counts and sets than that */
    ceiling *row = &c->row[c->n++];
    *row = (ceiling){ .kind = kind, .threads = threads, .bytes = bytes };
    snprintf(row->what, sizeof row->what, "%s", what);
    return row;
}

/* 1, 2, 4 ... and all cores. */
static int next_threads(int n) {
    const int cores = crew_cores();
    if (n >= cores) return 0;
    return 2 * n > cores ? cores : 2 * n;
}

static int measure_memory(ceilings *c, error *err) {
    for (int n = 1; n; n = next_threads(n)) {
        probe_memory m;
        int code = probe_memory_open(&m, n, probe_memory_bytes(), 0, err);
        if (code) return code;
        const size_t bytes = (size_t)n * m.part_bytes;
        code = probe_read(&m, READ_SECONDS, READ_SAMPLES, &add(c, CEILING_read, "", n, bytes)->samples, err);
        if (!code) code = probe_copy(&m, READ_SECONDS, READ_SAMPLES, &add(c, CEILING_copy, "", n, bytes)->samples, err);
        probe_memory_close(&m);
        if (code) return code;
    }
    return 0;
}

/* Half of a level's share of one core, so that it stays there; of the last level no more than is surely there. */
static size_t level_bytes(int level) {
    const crew_cache cache = crew_cache_level(level);
    size_t bytes = cache.bytes / 2;
    if (level == 3) {
        bytes /= (size_t)cache.shared_by ? (size_t)cache.shared_by : 1;
        if (bytes > LAST_LEVEL_MOST) bytes = LAST_LEVEL_MOST;
        if (bytes <= 2 * crew_cache_level(2).bytes) bytes = 0;      /* it would be the second level's bandwidth */
    }
    return bytes / 4096 * 4096;
}

static int measure_caches(ceilings *c, int threads, error *err) {
    int code = 0;
    for (int level = 1; level <= 3 && !code; level++) {
        const size_t bytes = level_bytes(level);
        const char name[] = { 'L', (char)('0' + level), 0 };
        if (bytes) code = probe_cache(threads, bytes, SHORT_SECONDS, SHORT_SAMPLES, &add(c, CEILING_cache, name, threads, (size_t)threads * bytes)->samples, err);
    }
    return code;
}

static int measure_peaks(ceilings *c, int threads, error *err) {
    size_t n;
    const peak_loops *const *sets = peaks_of(machine_here(), &n);
    int code = 0;
    for (size_t i = 0; i < n; i++)
        for (int kind = 0; kind < PEAK_COUNT && !code; kind++) {
            if (!sets[i]->peak[kind]) continue;
            char what[24];
            snprintf(what, sizeof what, "%s %s", sets[i]->isa, peak_name[kind]);
            code = probe_peak(threads, sets[i], (peak_kind)kind, SHORT_SECONDS, SHORT_SAMPLES, &add(c, CEILING_peak, what, threads, 0)->samples, err);
        }
    return code;
}

static int measure_barriers(ceilings *c, error *err) {
    int code = 0;
    for (int n = next_threads(1); n && !code; n = next_threads(n)) code = probe_barrier(n, SHORT_SAMPLES, &add(c, CEILING_barrier, "", n, 0)->samples, err);
    return code;
}

static void stamp(ceilings *c) {
    const time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc)) strftime(c->measured, sizeof c->measured, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static void silent(void *user, const char *what) { (void)user; (void)what; }

int ceilings_measure(ceilings *out, ceilings_progress *progress, void *user, error *err) {
    const int all = crew_cores();
    int code;
    if (!progress) progress = silent;
    *out = (ceilings){ .complete = true };
    stamp(out);
    progress(user, "memory");
    code = measure_memory(out, err);
    progress(user, "caches");
    if (!code) code = measure_caches(out, 1, err);
    if (!code && all > 1) code = measure_caches(out, all, err);
    progress(user, "arithmetic");
    if (!code) code = measure_peaks(out, 1, err);
    if (!code && all > 1) code = measure_peaks(out, all, err);
    progress(user, "barriers");
    if (!code) code = measure_barriers(out, err);
    return code;
}

const ceiling *ceilings_find(const ceilings *c, ceiling_kind kind, const char *what, int threads) {
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].kind == kind && c->row[i].threads == threads && !strcmp(c->row[i].what, what)) return &c->row[i];
    return NULL;
}

static int measure_read_quickly(int threads, ceiling *out, error *err) {
    probe_memory m;
    int code = probe_memory_open(&m, threads, probe_memory_bytes(), QUICK_TOUCH_SECONDS, err);
    if (code) return code;
    *out = (ceiling){ .kind = CEILING_read, .threads = threads, .bytes = (size_t)threads * m.part_bytes };
    code = probe_read(&m, QUICK_SECONDS, QUICK_SAMPLES, &out->samples, err);
    probe_memory_close(&m);
    return code;
}

bool ceiling_is_steady(const ceiling *row) {
    const double *v = row->samples.sample;
    return statistics_most(v, (size_t)row->samples.n) < 1.25 * statistics_least(v, (size_t)row->samples.n);
}

/* Puts `row` into the stored ceilings, in place of the one of the same name. */
static void keep(ceilings *c, const ceiling *row) {
    error e;
    ceiling *place = (ceiling *)ceilings_find(c, row->kind, row->what, row->threads);
    if (!place) place = add(c, row->kind, row->what, row->threads, row->bytes);
    *place = *row;
    stamp(c);
    if (ceilings_store(c, &e)) event(EVENT_ceilings_not_saved, "the measured bandwidth could not be saved and will be measured again: %s", e.text);
}

int ceilings_read_bandwidth(int threads, double *gb_per_s, error *err) {
    ceilings c;
    ceiling now;
    error e;
    if (threads > crew_most()) threads = crew_cores();
    if (ceilings_load(&c, &e)) c = (ceilings){0};
    const ceiling *row = ceilings_find(&c, CEILING_read, "", threads);
    if (!row || !ceiling_is_steady(row)) {
        const int code = measure_read_quickly(threads, &now, &e);
        if (code) {
            event(EVENT_bandwidth_unmeasured, "the memory's read bandwidth could not be measured: %s", e.text);
            return fail(err, code, "%s", e.text);
        }
        if (ceiling_is_steady(&now)) keep(&c, &now);
        row = &now;
    }
    *gb_per_s = probe_median(&row->samples);
    return 0;
}
