/* Probes: each measures one limit of this machine, now, and gives its samples. ceilings.h keeps them; bench pairs with them.
 *
 * Rates are in GB/s (1e9 bytes) or Gop/s (1e9 operations), over all threads together. */
#pragma once
#include "perf/crew.h"
#include "perf/peaks.h"

enum { PROBE_SAMPLES = 9 };
typedef struct { double sample[PROBE_SAMPLES]; int n; } probe_samples;
double probe_median(const probe_samples *s);

/* Memory to read, kept between probes: one part for each thread, touched first by that thread, on huge pages where there are any. */
typedef struct {
    char  *data;
    size_t stride_bytes;    /* from one thread's part to the next; a multiple of 2 MB */
    size_t part_bytes;      /* of each part, that is used; likewise */
    int    n_threads;
    int    pattern;         /* READ_...: how it is read fastest */
} probe_memory;

/* Much larger than the last-level caches together: 1 GB or four times them. */
size_t probe_memory_bytes(void);

/* About `bytes` over all threads: less where memory is short (a quarter of what is available), 2 MB a thread at least.
 * touch_seconds: stop growing after that long, since a virtual machine's fresh pages can cost a second a gigabyte; 0: never. */
int  probe_memory_open(probe_memory *m, int n_threads, size_t bytes, double touch_seconds, error *err);
/* Part of opening: finds m->pattern for memory that has data, stride_bytes, part_bytes and n_threads. */
int  probe_choose_pattern(probe_memory *m, error *err);
void probe_memory_close(probe_memory *m);

/* Reads m with all its threads in its pattern, for `seconds` a sample. A memory of the size of a model tells
 * what that model's weights could be read with: caches help both alike. */
int probe_read(const probe_memory *m, double seconds, int n_samples, probe_samples *out, error *err);
/* Copies one half of each part to the other; bytes read plus bytes written. */
int probe_copy(const probe_memory *m, double seconds, int n_samples, probe_samples *out, error *err);
/* Reads `bytes` (a multiple of 4096) a thread again and again: the bandwidth of the cache that holds them. */
int probe_cache(int n_threads, size_t bytes, double seconds, int n_samples, probe_samples *out, error *err);
/* Arithmetic of one kind by one set of loops. */
int probe_peak(int n_threads, const peak_loops *loops, peak_kind kind, double seconds, int n_samples, probe_samples *out, error *err);
/* The backend's barrier: nanoseconds from one to the next with nothing between. */
int probe_barrier(int n_threads, int n_samples, probe_samples *out, error *err);
