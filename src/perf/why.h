/* Why a token takes as long as it does: a profile's time above the limit, split into causes that exclude one another, the dearest first.
 * The limit and all losses sum to 100 % of the time. For `ridge why`. */
#pragma once
#include "perf/profile_report.h"

/* How the model runs: what to try depends on it. */
typedef struct {
    bool     precise, packed, fused, tuned;     /* fused: as far as possible; tuned: by a record of `ridge tune` */
    int      threads, cores;
    bool     decoding;                  /* else: prompts */
    double   position;                  /* of the tokens, on average */
} why_setting;

typedef struct {
    char   cause[240], advice[240];
    double loss;                /* share of the time; below 0 where a step is faster than the limit of memory: caches */
    double gain;                /* how much faster everything would be without the part of it that can go: 0.05 is 5 % */
} why_cause;

enum { WHY_CAUSES_MOST = 64 };
typedef struct {
    why_cause cause[WHY_CAUSES_MOST];
    size_t    n;
    double    limit;            /* share of the time */
} why_list;

void why_find(const profile_report *r, const why_setting *s, why_list *out);
double why_sum(const why_list *list);           /* limit and losses: 1, but for rounding */
/* The speed gained where `loss` of the time goes: 1 / (1 - loss) - 1; 0 below 0. */
double why_gain(double loss);
