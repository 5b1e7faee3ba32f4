/* Rates of kernels and of the machine, in turn: see timing.h. */
#define _GNU_SOURCE
#include "timing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/memory.h"
#include "cpu/isa.h"
#include "perf/crew.h"
#include "perf/statistics.h"

enum { MOST_THREADS = 64, ROUNDS = 3, READ_STEP = 256 << 10, CACHE_VALUES = 2048, PEAK_LOOPS = 2000, LEAST_MEMORY = 256 << 20 };

static void check(int code, const error *err) {
    if (!code) return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

/* ---- rates ---- */

typedef double rate_step(void *user, uint32_t rank);
typedef struct { const timing *t; rate_step *step; void *user; double rate[MOST_THREADS]; } rate_call;

static double thread_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void measure(void *user, team *all, uint32_t rank) {
    rate_call *c = user;
    const uint32_t mode = kernels_enter_thread();
    c->step(c->user, rank);                             /* warms up code and caches */
    team_barrier(all);
    const double start = c->t->processor_time ? thread_seconds() : clock_seconds();
    double now, amount = 0;
    do {
        amount += c->step(c->user, rank);
        now = c->t->processor_time ? thread_seconds() : clock_seconds();
    } while (now - start < c->t->seconds);
    c->rate[rank] = amount / (now - start);
    kernels_leave_thread(mode);
}

/* Amount a second of all threads together. */
static double rate(const timing *t, rate_step *one, void *user) {
    rate_call c = { .t = t, .step = one, .user = user };
    error err;
    double sum = 0;
    check(crew_each(t->threads, measure, &c, &err), &err);
    for (int i = 0; i < t->threads; i++) sum += c.rate[i];
    return sum;
}

/* ---- ceilings ---- */

typedef struct {
    const timing     *t;
    const peak_loops *loops;
    const cpu_kernels *best;
    peak_kind         kind;
    struct { _Alignas(64) size_t at; uint64_t sum; } thread[MOST_THREADS];
} ceiling;

static double read_step(void *user, uint32_t rank) {
    ceiling *c = user;
    size_t *at = &c->thread[rank].at;
    c->thread[rank].sum ^= c->loops->read[c->t->read_pattern](timing_part(c->t, rank) + *at, READ_STEP);
    *at = *at + 2 * READ_STEP <= c->t->part_bytes ? *at + READ_STEP : 0;
    return READ_STEP;
}

static double copy_step(void *user, uint32_t rank) {
    ceiling *c = user;
    const size_t half = c->t->part_bytes / 2;
    size_t *at = &c->thread[rank].at;
    char *from = timing_part(c->t, rank) + *at;
    c->loops->copy(from + half, from, READ_STEP);
    *at = *at + 2 * READ_STEP <= half ? *at + READ_STEP : 0;
    return 2 * READ_STEP;
}

/* The plainest kernel: two loads and a store for each operation, in the widest vectors that there are. */
static double cache_step(void *user, uint32_t rank) {
    const ceiling *c = user;
    float *rows = (float *)timing_part(c->t, rank);
    for (int i = 0; i < 16; i++) c->best->rows.add(rows, rows + CACHE_VALUES, rows + 2 * CACHE_VALUES, CACHE_VALUES);
    return 16.0 * 3 * sizeof(float) * CACHE_VALUES;
}

static double peak_step(void *user, uint32_t rank) {
    const ceiling *c = user;
    (void)rank;
    return c->loops->peak[c->kind](PEAK_LOOPS);
}

static double memory_rate(const timing *t, timing_source source) {
    static rate_step *const steps[] = { [FROM_MEMORY] = read_step, [FROM_MEMORY_TO_MEMORY] = copy_step, [FROM_CACHE] = cache_step };
    ceiling c = { .t = t, .loops = peaks_reader(machine_here()) };
    kernels_choose(&c.best, NULL, NULL);
    return rate(t, steps[source], &c);
}

/* The peak that limits code of this instruction set, in operations of the kernel; 0: none is known. */
static double peak_rate(const timing *t, const timed_kernel *kernel) {
    static const peak_kind kinds[ACTIVATION_COUNT] = {
        [ACTIVATION_INT8] = PEAK_int8, [ACTIVATION_INT24] = PEAK_int8, [ACTIVATION_BF16] = PEAK_bf16, [ACTIVATION_F32] = PEAK_f32 };
    ceiling c = { .t = t, .kind = kinds[kernel->kind] };
    c.loops = peaks_limit(machine_here(), c.kind, kernel->k->name);
    if (!c.loops && c.kind == PEAK_bf16) c.loops = peaks_limit(machine_here(), c.kind = PEAK_f32, kernel->k->name);
    return c.loops ? rate(t, peak_step, &c) / (kernel->kind == ACTIVATION_INT24 ? 3 : 1) : 0;       /* 24 bits are three dots of 8 */
}

/* ---- one kernel ---- */

void timing_print_head(void) {
    printf("%-22s %-6s %-6s %-10s %6s %7s %9s %9s %9s  %s\n", "kernel", "format", "form", "isa", "tokens", "columns", "GB/s", "Gop/s", "% ceiling", "ceiling");
}

static const char *count(char *text, size_t room, size_t n) {
    if (n) snprintf(text, room, "%zu", n);
    else snprintf(text, room, "-");
    return text;
}

void timing_print(const timing *t, const timed_kernel *kernel) {
    static const char *const names[] = { [FROM_MEMORY] = "read", [FROM_MEMORY_TO_MEMORY] = "copy", [FROM_CACHE] = "L1" };
    double calls[ROUNDS], share[ROUNDS], memory[ROUNDS], peak[ROUNDS];
    char tokens[24], columns[24], operations[24] = "-", limit[64];
    for (int i = 0; i < ROUNDS; i++) {
        memory[i] = memory_rate(t, kernel->source);
        peak[i] = kernel->operations > 0 ? peak_rate(t, kernel) : 0;
        calls[i] = rate(t, kernel->step, kernel->user);
        const double by_memory = kernel->bytes / memory[i], by_peak = peak[i] > 0 ? kernel->operations / peak[i] : 0;
        share[i] = calls[i] * (by_memory > by_peak ? by_memory : by_peak);
    }
    const double speed = statistics_median(calls, ROUNDS), read = statistics_median(memory, ROUNDS), most = statistics_median(peak, ROUNDS);
    if (kernel->operations > 0) snprintf(operations, sizeof operations, "%.1f", speed * kernel->operations * 1e-9);
    if (most > 0 && kernel->operations / most > kernel->bytes / read) snprintf(limit, sizeof limit, "%.0f Gop/s", most * 1e-9);
    else snprintf(limit, sizeof limit, "%.1f GB/s %s", read * 1e-9, names[kernel->source]);
    printf("%-22s %-6s %-6s %-10s %6s %7s %9.2f %9s %9.1f  %s\n", kernel->kernel, *kernel->format ? kernel->format : "-", *kernel->form ? kernel->form : "-",
           kernel->k->name, count(tokens, sizeof tokens, kernel->tokens), count(columns, sizeof columns, kernel->columns), speed * kernel->bytes * 1e-9,
           operations, 100 * statistics_median(share, ROUNDS), limit);
    fflush(stdout);
}

/* ---- what is asked for ---- */

const char *const timing_forms[ACTIVATION_COUNT] = {
    [ACTIVATION_INT8] = "int8", [ACTIVATION_INT24] = "int24", [ACTIVATION_BF16] = "bf16", [ACTIVATION_F32] = "f32" };

typedef struct { const char *name[32]; size_t n; } name_list;

static name_list list_formats(void) {
    name_list l = {0};
    for (int i = 0; i < FORMAT_COUNT; i++) l.name[l.n++] = formats[i].name;
    return l;
}
static name_list list_forms(void) { return (name_list){ { "x=int8", "x=int24", "x=bf16", "x=f32" }, ACTIVATION_COUNT }; }
static name_list list_parts(void) { return (name_list){ { "one", "few", "many", "pack", "rows", "attention" }, 6 }; }
static name_list list_isas(void) {
    name_list l = {0};
    for (size_t i = 0; i < kernels_all_n; i++) l.name[l.n++] = kernels_all[i]->name;
    return l;
}

static bool holds(const name_list *l, const char *word) {
    for (size_t i = 0; i < l->n; i++) if (!strcmp(l->name[i], word)) return true;
    return false;
}

/* A word names something of the list. */
static bool names_any(const timing *t, name_list l) {
    for (int w = 0; w < t->n_words; w++) if (holds(&l, t->words[w])) return true;
    return false;
}

static bool wants(const timing *t, name_list l, const char *name) {
    return !names_any(t, l) || names_any(t, (name_list){ { name }, 1 });
}

/* Rows and attention have no formats of weights: who names one of those means matrices. */
bool timing_wants_part(const timing *t, const char *part) {
    const bool of_weights = strcmp(part, "rows") && strcmp(part, "attention");
    if (!of_weights && !names_any(t, list_parts()) && (names_any(t, list_formats()) || names_any(t, list_forms()))) return false;
    return wants(t, list_parts(), part);
}
bool timing_wants_format(const timing *t, format_id id) { return wants(t, list_formats(), formats[id].name); }
bool timing_wants_form(const timing *t, activation_kind kind) { return wants(t, list_forms(), list_forms().name[kind]); }
bool timing_wants_isa(const timing *t, const cpu_kernels *k) { return k->supported() && wants(t, list_isas(), k->name); }

static bool is_known(const char *word) {
    const name_list lists[] = { list_formats(), list_forms(), list_parts(), list_isas() };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) if (holds(&lists[i], word)) return true;
    return false;
}

/* False for a word that means nothing. */
static bool read_word(timing *t, const char *word) {
    if (!strncmp(word, "t=", 2)) t->threads = atoi(word + 2);
    else if (!strncmp(word, "ahead=", 6)) t->tuning.prefetch_bytes = (uint32_t)atol(word + 6);
    else if (!strncmp(word, "step=", 5)) t->tuning.prefetch_step = (uint32_t)atol(word + 5);
    else if (!strncmp(word, "seconds=", 8)) t->seconds = atof(word + 8);
    else if (!strcmp(word, "cpu")) t->processor_time = true;
    else return is_known(word);
    return true;
}

static void fill(void *user, team *all, uint32_t rank) {
    const timing *t = user;
    char *part = timing_part(t, rank);
    (void)all;
    uint64_t state = 88172645463325252u + rank;
    for (size_t i = 0; i < t->part_bytes; i += 8) {
        state ^= state << 13; state ^= state >> 7; state ^= state << 17;
        const uint64_t v = state & 0x1fff1fff1fff1fff;
        memcpy(part + i, &v, 8);
    }
}

/* Four times the last-level caches of the threads' cores, LEAST_MEMORY at least. */
static size_t memory_bytes(int threads) {
    const crew_cache last = crew_cache_level(3);
    const size_t caches = last.bytes ? (size_t)((threads + last.shared_by - 1) / last.shared_by) * last.bytes : 0;
    return 4 * caches > LEAST_MEMORY ? 4 * caches : LEAST_MEMORY;
}

int bench(int n_words, char **words) {
    timing t = { .threads = crew_cores(), .seconds = 0.02, .n_words = n_words, .words = words };
    error err;
    check(tuning_defaults(&t.tuning, &err), &err);
    for (int w = 0; w < n_words; w++)
        if (!read_word(&t, words[w])) { fprintf(stderr, "--bench does not know \"%s\": see tests/check/timing.h\n", words[w]); return 2; }
    if (t.threads < 1 || t.threads > crew_most() || t.threads > MOST_THREADS) { fprintf(stderr, "t= takes 1 to %d threads\n", crew_most()); return 2; }
    t.part_bytes = memory_bytes(t.threads) / (size_t)t.threads / (2 << 20) * (2 << 20);
    const size_t bytes = t.part_bytes * (size_t)t.threads;
    t.data = memory_map(bytes + (1 << 20));
    check(t.data ? 0 : fail_memory(&err, bytes, "the memory that kernels read"), &err);
    check(crew_each(t.threads, fill, &t, &err), &err);
    probe_memory memory = { .data = t.data, .stride_bytes = t.part_bytes, .part_bytes = t.part_bytes, .n_threads = t.threads };
    check(probe_choose_pattern(&memory, &err), &err);
    t.read_pattern = memory.pattern;
    printf("%d thread%s%s; ceilings were measured in turn with each kernel\n", t.threads, t.threads == 1 ? "" : "s", t.processor_time ? ", processor time" : "");
    timing_print_head();
    time_matmuls(&t);
    if (timing_wants_part(&t, "pack")) time_packing(&t);
    if (timing_wants_part(&t, "rows")) time_rows(&t);
    if (timing_wants_part(&t, "attention")) time_attention(&t);
    memory_unmap(t.data, bytes + (1 << 20));
    return 0;
}
