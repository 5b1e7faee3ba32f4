/* Measuring a ladder: see ladder_run.h. */
#include "cli/ladder_run.h"
#include <string.h>
#include "base/events.h"
#include "base/memory.h"
#include "cli/bench_subject.h"
#include "cli/terminal.h"

enum { LEAST_PROMPT = 16, CHUNK = 512, BATCH = 2048 };      /* the last two: bench's defaults */

/* The probes of one model, the same for all its rungs. */
typedef struct { pairing pairing; bool open; char peak[48]; } model_probes;

typedef struct {
    ladder               *ladder;
    const ladder_setting *setting;
    model_probes         *probes;       /* [n_models] */
    bool                  terminal;     /* stderr is one: a line that is written over */
} climb;

static bench_test test_of(const ladder *l, size_t test, int tokens) {
    return l->test[test].decodes ? (bench_test){ .gen = tokens } : (bench_test){ .prompt = tokens };
}

static int open_rung(const climb *c, size_t rung, size_t model, bench_subject **out, error *err) {
    const ladder *l = c->ladder;
    size_t n;
    int positions = 0;
    const ladder_rung *r = &ladder_rungs(&n)[rung];
    for (size_t test = 0; test < l->n_tests; test++) {
        const bench_test longest = test_of(l, test, l->test[test].tokens);
        if (bench_test_positions(&longest) > positions) positions = bench_test_positions(&longest);
    }
    bench_loading how = {
        .path = buffer_text(&c->setting->models->path[model]), .model = ridge_model_options_default(), .batch = BATCH, .micro_batch = CHUNK,
    };
    how.model.isa = r->isa ? r->isa : l->isa;
    how.model.fuse = r->fuse ? r->fuse : "all";
    how.model.pack = r->pack;
    how.model.tuned = r->tuned;
    how.model.threads = (uint32_t)c->setting->threads;
    return bench_subject_open(out, &how, positions, err);
}

static void say(const climb *c, const char *what, size_t rung, const ladder_cell *cell, const char *end) {
    size_t n;
    if (!c->setting->progress && !c->terminal) return;
    fprintf(stderr, "%s%s: %s, %s%s%s", c->terminal ? "\r" : "", what, ladder_rungs(&n)[rung].name, cell->model, end, c->terminal ? "\033[K" : "\n");
    fflush(stderr);
}

/* ---- what each rung measures ---- */

/* As many tokens as the rung runs in most_seconds, from runs that grow; *tokens: at most so many. */
static int fit_tokens(bench_subject *b, const ladder_test *t, double most_seconds, const ladder *l, size_t test, int *tokens, error *err) {
    int n = t->decodes ? 1 : LEAST_PROMPT;
    if (n > *tokens) n = *tokens;
    for (;;) {
        double seconds;
        const bench_test one = test_of(l, test, n);
        const int code = bench_subject_run(b, &one, &seconds, err);
        if (code) return code;
        const double fits = n * most_seconds / seconds;
        if (n == *tokens || fits < 4.0 * n) {
            if (fits < *tokens) *tokens = fits > n ? (int)fits : n;
            return 0;
        }
        n = 4 * n < *tokens ? 4 * n : *tokens;
    }
}

/* The result's texts would end with the subject: they move to the cell. */
static void keep_texts(ladder_cell *cell, const model_probes *p) {
    bench_result *r = &cell->result;
    snprintf(cell->isa, sizeof cell->isa, "%s", r->isa);
    snprintf(cell->backend, sizeof cell->backend, "%s", r->backend);
    snprintf(cell->model, sizeof cell->model, "%s", r->model_type);
    snprintf(cell->peak, sizeof cell->peak, "%s", p->peak);
    r->isa = cell->isa;
    r->backend = cell->backend;
    r->model_type = cell->model;
    r->peak = cell->peak;
}

static int fit_cell(climb *c, bench_subject *b, size_t test, size_t rung, size_t model, error *err) {
    ladder *l = c->ladder;
    ladder_cell *cell = ladder_at(l, test, rung, model);
    int tokens = l->test[test].tokens;
    int code = fit_tokens(b, &l->test[test], c->setting->most_seconds, l, test, &tokens, err);
    const bench_test t = test_of(l, test, tokens);
    if (!code) code = bench_subject_describe(b, &t, &cell->result, err);
    if (code) return code;
    keep_texts(cell, &c->probes[model]);
    say(c, "sizing", rung, cell, "");
    return 0;
}

/* From the highest rung down: its instructions have the arithmetic peak that all are measured against, with all threads. */
static int fit_model(climb *c, size_t model, error *err) {
    model_probes *p = &c->probes[model];
    int code = 0;
    for (size_t rung = c->ladder->n_rungs; rung-- > 0 && !code; ) {
        bench_subject *b;
        code = open_rung(c, rung, model, &b, err);
        if (!code && !p->open) {
            code = bench_subject_probes(b, c->setting->threads ? c->setting->threads : crew_cores(), &p->pairing, err);
            p->open = !code;
            if (p->open) pairing_peak_name(&p->pairing, p->peak, sizeof p->peak);
        }
        for (size_t test = 0; test < c->ladder->n_tests && !code; test++) code = fit_cell(c, b, test, rung, model, err);
        bench_subject_close(b);
    }
    return code;
}

/* The tuned rung is no rung where one of the models has nothing from a record. */
static int check_tuned_rung(climb *c, error *err) {
    ladder *l = c->ladder;
    size_t n;
    const bench_test test = test_of(l, 0, 1);
    if (!ladder_rungs(&n)[l->n_rungs - 1].tuned) return 0;
    for (size_t model = 0; model < l->n_models; model++) {
        bench_subject *b;
        bench_result *r = &ladder_at(l, 0, 0, model)->result;       /* overwritten later */
        int code = open_rung(c, l->n_rungs - 1, model, &b, err);
        if (!code) code = bench_subject_describe(b, &test, r, err);
        const bool tuned = !code && r->tuned;
        if (!code && !tuned)
            event(EVENT_tuning_missing, "no record of `ridge tune` has anything for %s on this machine: the ladder ends without the rung \"%s\". Run "
                  "`ridge tune` with this model, then the ladder again, unless it has found nothing faster than the defaults.", r->model_type,
                  ladder_rungs(&n)[l->n_rungs - 1].name);
        bench_subject_close(b);
        if (code) return code;
        if (!tuned) { l->n_rungs--; return 0; }
    }
    return 0;
}

/* ---- rounds ---- */

static int run_cell(climb *c, bench_subject *b, size_t test, size_t rung, size_t model, error *err) {
    ladder_cell *cell = ladder_at(c->ladder, test, rung, model);
    bench_result *r = &cell->result;
    const bench_test t = test_of(c->ladder, test, r->n_prompt + r->n_gen);
    pairing_probe probe;
    double ignored;
    char round[40], speed[40];
    int code = bench_subject_run(b, &(bench_test){ t.prompt, t.gen > 0, 0 }, &ignored, err);      /* memory and caches are warm then, as in bench */
    if (!code) code = pairing_take(&c->probes[model].pairing, &probe, err);
    if (!code) code = bench_subject_sample(b, &t, &c->probes[model].pairing, &probe, r, err);
    if (code) return code;
    snprintf(round, sizeof round, "round %d of %d", r->n, c->setting->rounds);
    snprintf(speed, sizeof speed, ", %s %.2f tok/s", t.gen ? "decoding" : "prompt", (t.prompt + t.gen) / r->seconds[r->n - 1]);
    say(c, round, rung, cell, speed);
    return 0;
}

static int run_rung(climb *c, size_t rung, error *err) {
    int code = 0;
    for (size_t model = 0; model < c->ladder->n_models && !code; model++) {
        bench_subject *b;
        code = open_rung(c, rung, model, &b, err);
        for (size_t test = 0; test < c->ladder->n_tests && !code; test++) code = run_cell(c, b, test, rung, model, err);
        bench_subject_close(b);
    }
    return code;
}

/* Up in one round and down in the next: a steady drift meets all rungs alike. */
static int run_round(climb *c, int round, error *err) {
    const size_t n = c->ladder->n_rungs;
    int code = 0;
    for (size_t i = 0; i < n && !code; i++) code = run_rung(c, round % 2 ? n - 1 - i : i, err);
    return code;
}

int ladder_run(ladder *l, const ladder_setting *setting, error *err) {
    climb c = { .ladder = l, .setting = setting, .probes = memory_new(l->n_models, sizeof *c.probes), .terminal = terminal_is(stderr) };
    int code = c.probes ? 0 : fail_memory(err, l->n_models * sizeof *c.probes, "the probes of a ladder");
    if (!code) code = check_tuned_rung(&c, err);
    for (size_t model = 0; model < l->n_models && !code; model++) code = fit_model(&c, model, err);
    for (int round = 0; round < setting->rounds && !code; round++) code = run_round(&c, round, err);
    if (c.terminal) fputs("\r\033[K", stderr);
    for (size_t model = 0; model < l->n_models && c.probes; model++) if (c.probes[model].open) pairing_close(&c.probes[model].pairing);
    memory_free(c.probes);
    return code;
}
