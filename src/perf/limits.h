/* Limits: what memory and each kind of arithmetic allow at the moment, probed beside a profile. pairing.h does the same for one kind. */
#pragma once
#include "perf/probes.h"
#include "perf/statistics.h"

/*   name    loops that are its limit, and how many of their operations one operation of the plan takes */
#define LIMIT_ARITHMETICS(X)    \
    X(int8,  PEAK_int8, 1)      \
    X(int24, PEAK_int8, 3)      \
    X(bf16,  PEAK_bf16, 1)      \
    X(f32,   PEAK_f32,  1)

typedef enum {
#define LIMIT_ENUM(name, ...) LIMIT_##name,
    LIMIT_ARITHMETICS(LIMIT_ENUM)
#undef LIMIT_ENUM
    LIMIT_ARITHMETIC_COUNT
} limit_arithmetic;

extern const char *const limit_arithmetic_name[LIMIT_ARITHMETIC_COUNT];
/* The one called so, as profiles' rows call it; LIMIT_ARITHMETIC_COUNT for any other text. */
limit_arithmetic limit_arithmetic_find(const char *name);

/* What the probes said: medians, GB/s and Gop/s of the plan's operations; 0 where nothing was probed. */
typedef struct {
    double   read, peak[LIMIT_ARITHMETIC_COUNT];
    interval read_range;                /* the least and the most of the probes: how much the machine varied meanwhile */
    double   barrier_ns;                /* from one barrier of the threads to the next with nothing between */
} limits;

typedef struct {
    probe_memory      memory;
    int               threads;
    const peak_loops *loops[LIMIT_ARITHMETIC_COUNT];        /* NULL: not wanted or not known */
    peak_kind         kind[LIMIT_ARITHMETIC_COUNT];
    double            read[STATISTICS_MAX], peak[LIMIT_ARITHMETIC_COUNT][STATISTICS_MAX], barrier_ns;
    size_t            n_read, n_peak;
} limits_probe;

/* threads: more than there are processors count as all. bytes: what a token moves (as pairing_open takes it). isa: of the backend.
 * wanted: the kinds of arithmetic. */
int  limits_open(limits_probe *l, int threads, double bytes, const char *isa, const bool wanted[LIMIT_ARITHMETIC_COUNT], error *err);
void limits_close(limits_probe *l);
/* One probe of each, about 0.1 s together. */
int  limits_take(limits_probe *l, error *err);
/* What the probes since the last limits_forget say. */
limits limits_found(const limits_probe *l);
void   limits_forget(limits_probe *l);
