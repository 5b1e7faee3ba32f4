/* The rungs, and what follows from their samples: see ladder.h. */
#include "perf/ladder.h"
#include <string.h>
#include "base/memory.h"
#include "perf/history.h"

const ladder_rung *ladder_rungs(size_t *n) {
    static const ladder_rung rungs[] = {
        { .name = "scalar baseline", .adds = "portable scalar code; panels are made just before each use; every step of the plan on its own",
          .isa = "scalar", .fuse = "none" },
        { .name = "SIMD", .adds = "the same kernels in the words of the instruction set", .fuse = "none" },
        { .name = "panels", .adds = "weights are panels since loading: offsets known beforehand, loads unchecked, one matmul for all formats",
          .fuse = "none", .pack = true },
        { .name = "fused SwiGLU", .adds = "gate and up are one step, and so is SiLU", .fuse = "glu", .pack = true },
        { .name = "fused RMSNorm", .adds = "q, k and v are one step; norms are computed where their result is read", .fuse = "norm", .pack = true },
        { .name = "fused epilogues", .adds = "bias, rotation, the KV cache's write and the residual sum are done where their input is made", .pack = true },
        { .name = "tuned", .adds = "what `ridge tune` found fastest on this machine: panels side by side, look-ahead, chunks, threads",
          .pack = true, .tuned = true },
    };
    *n = sizeof rungs / sizeof *rungs;
    return rungs;
}

int ladder_new(ladder *l, error *err) {
    const size_t n = l->n_tests * l->n_rungs * l->n_models;
    l->cells = memory_new(n, sizeof *l->cells);
    return l->cells ? 0 : fail_memory(err, n * sizeof *l->cells, "a ladder's samples");
}

void ladder_free(ladder *l) {
    memory_free(l->cells);
    buffer_free(&l->repeat);
    l->cells = NULL;
}

ladder_cell *ladder_at(const ladder *l, size_t test, size_t rung, size_t model) {
    return &l->cells[(test * l->n_rungs + rung) * l->n_models + model];
}

void ladder_flags(const ladder *l, size_t rung, char text[LADDER_FLAGS_ROOM]) {
    size_t n;
    const ladder_rung *r = &ladder_rungs(&n)[rung];
    const char *isa = r->isa ? r->isa : l->isa;
    snprintf(text, LADDER_FLAGS_ROOM, "%s%.40s%s%s%s%s", isa ? " --isa " : "", isa ? isa : "", r->pack ? "" : " --no-pack", r->fuse ? " --fuse " : "",
             r->fuse ? r->fuse : "", r->tuned ? "" : " --untuned");
    if (*text) memmove(text, text + 1, strlen(text));           /* less the first space */
}

void ladder_test_name(const ladder_test *t, char *text, size_t room) { snprintf(text, room, "%s%d", t->decodes ? "tg" : "pp", t->tokens); }

paired_ratio ladder_gain(const bench_result *above, const bench_result *below) {
    double a[BENCH_REPETITIONS_MOST], b[BENCH_REPETITIONS_MOST];
    const size_t n = (size_t)above->n;
    for (size_t i = 0; i < n; i++) {
        a[i] = (above->n_prompt + above->n_gen) / above->seconds[i];
        b[i] = (below->n_prompt + below->n_gen) / below->seconds[i];
    }
    return statistics_paired_ratio(a, b, n);
}

void ladder_row_make(ladder_row *row, const ladder *l, size_t test, size_t rung, size_t model) {
    size_t n;
    *row = (ladder_row){ .rung = &ladder_rungs(&n)[rung], .result = &ladder_at(l, test, rung, model)->result };
    ladder_test_name(&l->test[test], row->test, sizeof row->test);
    ladder_flags(l, rung, row->flags);
    bench_summarise(row->result, &row->s);
    if (!rung) return;
    row->first = ladder_gain(row->result, &ladder_at(l, test, 0, model)->result);
    row->below = ladder_gain(row->result, &ladder_at(l, test, rung - 1, model)->result);
}

json_t *ladder_history_line(const ladder *l, size_t test, size_t rung, size_t model) {
    size_t n;
    char flags[LADDER_FLAGS_ROOM];
    json_t *line = history_line(&ladder_at(l, test, rung, model)->result);
    ladder_flags(l, rung, flags);
    if (line && !json_object_set_new(line, "rung", json_string(ladder_rungs(&n)[rung].name)) && !json_object_set_new(line, "rung_flags", json_string(flags)))
        return line;
    json_decref(line);
    return NULL;
}
