/* Results of benchmarks: what follows from the samples. See bench_result.h; bench_print.c writes them. */
#include "perf/bench_result.h"
#include <string.h>

const char *bench_usual_cache(const char *arithmetic, bool precise) { return precise ? "f32" : !strcmp(arithmetic, "f32") ? "f16" : "bf16"; }

void bench_test_name(const bench_result *r, char *text, size_t room) {
    char depth[24] = "";
    if (r->n_depth) snprintf(depth, sizeof depth, " @ d%d", r->n_depth);
    if (r->n_prompt && r->n_gen) snprintf(text, room, "pp%d+tg%d%s", r->n_prompt, r->n_gen, depth);
    else snprintf(text, room, "%s%d%s", r->n_prompt ? "pp" : "tg", r->n_prompt ? r->n_prompt : r->n_gen, depth);
}

void bench_summarise(const bench_result *r, bench_summary *s) {
    const size_t n = (size_t)r->n;
    s->tokens = r->n_prompt + r->n_gen;
    for (size_t i = 0; i < n; i++) s->per_second[i] = s->tokens / r->seconds[i];
    s->mean = statistics_mean(s->per_second, n);
    s->sd = statistics_sd(s->per_second, n);
    s->least = statistics_least(s->per_second, n);
    s->median = statistics_median(s->per_second, n);
    s->most = statistics_most(s->per_second, n);
    s->range = statistics_median_interval(s->per_second, n);
    const double seconds = statistics_median(r->seconds, n), read = statistics_median(r->read, n), peak = statistics_median(r->peak_rate, n);
    s->gb_per_s = r->bytes * 1e-9 / seconds;
    s->gop_per_s = r->operations * 1e-9 / seconds;
    s->memory_bound = peak == 0 || r->bytes / read >= r->operations / peak;
    s->ceiling = s->memory_bound ? read : peak;
    s->share = statistics_paired_ratio(r->limit_seconds, r->seconds, n);
}
