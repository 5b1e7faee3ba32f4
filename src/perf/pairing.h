/* Pairing: the limits of memory and arithmetic as they are now, probed beside each repetition of a benchmark, since both drift. */
#pragma once
#include "perf/probes.h"

typedef struct {
    probe_memory      memory;
    int               threads;
    const peak_loops *loops;        /* NULL: no arithmetic peak is known for this machine */
    peak_kind         kind;
    double            dots;         /* of the peak's operations that one operation of the plan takes: 3 for 24-bit activations */
} pairing;

/* threads: as the benchmark uses (more than there are processors count as all). bytes: what a token moves; caches help the probe as
 * they help the model, so it reads as much, but at most what probe_memory_bytes() says.
 * arithmetic: "int8", "int24" (24-bit activations in three planes), "bf16", "f32"; isa: as --isa, or NULL. */
int  pairing_open(pairing *p, int threads, double bytes, const char *arithmetic, const char *isa, error *err);
void pairing_close(pairing *p);

/* One probe, about 0.1 s: GB/s, and Gop/s of the plan's operations (0 where no peak is known). */
typedef struct { double read, peak; } pairing_probe;
int pairing_take(const pairing *p, pairing_probe *out, error *err);

/* "int8 by avx512", "f32 by avx2", "none": what the peak is of. */
void pairing_peak_name(const pairing *p, char *text, size_t room);
