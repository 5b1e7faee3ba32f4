/* See profile_measure.h. Prompts go through ridge_session_append, generation through ridge_generate: what serves users. */
#include "cli/profile_measure.h"
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "perf/random.h"
#include "perf/synth.h"

int profile_tests(const profile_arguments *a, profile_test tests[2], size_t *n, error *err) {
    *n = 0;
    if (a->prompt) tests[(*n)++] = (profile_test){ false, a->prompt, a->depth };
    if (a->gen) tests[(*n)++] = (profile_test){ true, a->gen, a->depth };
    return *n ? 0 : fail(err, RIDGE_E_BAD_ARGUMENT, "there is nothing to profile: -p and -n leave no tokens");
}

void profile_test_name(const profile_test *t, char *text, size_t room) {
    snprintf(text, room, "%s: %d tokens behind %d", t->decodes ? "decode" : "prompt", t->tokens, t->depth);
}

/* ---- a subject ---- */

/* The model of the flags, with a context that holds the tests; --shape's is written where it is not there yet. */
static int open_model(profile_subject *s, const profile_arguments *a, int context, error *err) {
    buffer path = {0};
    model_arguments model = a->model;
    int code = 0;
    if (a->shape) {
        const synth_shape *shape;
        bool made = false;
        if (model.model || model.repo) return fail(err, RIDGE_E_BAD_ARGUMENT, "give one of -m, -hf and --shape");
        code = synth_shape_find(&shape, a->shape, err);
        if (!code) code = synth_cached(&path, shape, a->type, &made, err);
        if (!code && path.failed) code = fail_memory(err, path.n, "a path");
        if (!code && made) fprintf(stderr, "wrote %s, random weights in the shape of %s\n", buffer_text(&path), shape->name);
        model.model = buffer_text(&path);
    }
    if (!model.context) model.context = context;
    if (!code) code = model_arguments_open(&s->model, &model, RIDGE_LOAD_ALL, false, err);
    buffer_free(&path);
    return code;
}

int profile_subject_open(profile_subject *s, const profile_arguments *a, error *err) {
    *s = (profile_subject){0};
    const int n = a->depth + (a->prompt > a->gen ? a->prompt : a->gen) + 2;
    ridge_sampler_options sampling = a->sampling;
    sampling.seed = 1;
    int code = open_model(s, a, n, err);
    if (!code) code = ridge_session_open(&s->session, s->model, err);
    if (!code) code = ridge_sampler_new(&s->sampler, s->model, &sampling, err);
    if (code) return code;
    s->threads = (int)ridge_model_get_info(s->model).threads;
    s->ids = memory_new((size_t)n, sizeof *s->ids);
    if (!s->ids) return fail_memory(err, (size_t)n * sizeof *s->ids, "the tokens of a test");
    uint64_t seed = 1;
    for (int i = 0; i < n; i++) s->ids[i] = (int32_t)random_below(&seed, ridge_model_get_info(s->model).n_vocab);
    return 0;
}

void profile_subject_close(profile_subject *s) {
    ridge_sampler_free(s->sampler);
    ridge_session_close(s->session);
    ridge_model_close(s->model);
    memory_free(s->ids);
    *s = (profile_subject){0};
}

static int set_depth(profile_subject *s, int depth, error *err) {
    size_t n;
    ridge_session_tokens(s->session, &n);
    if (n > (size_t)depth) ridge_session_truncate(s->session, (size_t)depth);
    else if (n < (size_t)depth) return ridge_session_append(s->session, s->ids + n, (size_t)depth - n, err);
    return 0;
}

static bool receive_text(void *user, int32_t token, const char *text, size_t n_bytes) { return true; }

static int run_test(profile_subject *s, const profile_test *t, error *err) {
    if (!t->decodes) return ridge_session_append(s->session, s->ids + t->depth, (size_t)t->tokens, err);
    const ridge_generate_options options = {
        .sampler = s->sampler, .max_tokens = (size_t)t->tokens, .ignore_end = true, .on_token = receive_text,
    };
    ridge_generation done;
    const int code = ridge_generate(s->session, s->ids, (size_t)t->depth + 1, &options, &done, err);
    if (code || done.tokens == options.max_tokens) return code;
    return fail(err, RIDGE_E_INTERNAL, "%zu tokens were generated instead of %zu", done.tokens, options.max_tokens);
}

int profile_subject_run(profile_subject *s, const profile_test *t, ridge_profile *profile, double *seconds, error *err) {
    ridge_sampler_reset(s->sampler);
    int code = set_depth(s, t->depth, err);
    if (!code && profile) code = ridge_profile_begin(profile, err);
    if (code) return code;
    const uint64_t start = clock_ns();
    code = run_test(s, t, err);
    *seconds = (double)(clock_ns() - start) * 1e-9;
    if (profile) ridge_profile_end(profile);
    return code ? code : set_depth(s, t->depth, err);
}

/* ---- measuring ---- */

int profile_limits_open(limits_probe *l, const ridge_model *m, const ridge_profile *p, int threads, error *err) {
    bool wanted[LIMIT_ARITHMETIC_COUNT + 1] = {0};
    char isa[32];
    size_t n;
    const ridge_profile_row *rows = ridge_profile_rows(p, RIDGE_PROFILE_DECODE, &n, NULL);
    for (size_t i = 0; i < n; i++) wanted[limit_arithmetic_find(rows[i].arithmetic)] = true;
    model_isa(m, isa, sizeof isa);
    return limits_open(l, threads, ridge_model_bytes_per_token(m, 0), isa, wanted, err);
}

/* The two ways in turn, and every other time the other way round, so that a drift meets both. */
static int repeat(profile_measurement *m, profile_subject *s, const profile_test *t, limits_probe *l, int repetitions, error *err) {
    double ignored;
    int code = profile_subject_run(s, t, NULL, &ignored, err);
    if (!code) code = limits_take(l, err);
    for (; m->n < repetitions && !code; m->n++) {
        for (int k = 0; k < 2 && !code; k++) {
            const bool profiles = (k + m->n) % 2;
            code = profile_subject_run(s, t, profiles ? m->profile : NULL, profiles ? &m->profiled[m->n] : &m->plain[m->n], err);
        }
        if (!code) code = limits_take(l, err);
        if (code) return code;
    }
    return code;
}

static int make_report(profile_measurement *m, const limits *l, bool by_layer, error *err) {
    int code = 0;
    for (int phase = RIDGE_PROFILE_PROMPT; phase <= RIDGE_PROFILE_DECODE && !code; phase++) {
        size_t n;
        ridge_profile_totals totals;
        const ridge_profile_row *rows = ridge_profile_rows(m->profile, (ridge_profile_phase)phase, &n, &totals);
        code = profile_report_add(&m->report, l, rows, n, &totals, by_layer, err);
    }
    if (!by_layer) profile_report_sort(&m->report);
    return code;
}

int profile_measure(profile_measurement *m, profile_subject *s, const profile_test *t, int repetitions, size_t trace_runs, bool by_layer, error *err) {
    memset(m, 0, sizeof *m);
    limits_probe *l = memory_new(1, sizeof *l);
    if (!l) return fail_memory(err, sizeof *l, "probes");
    int code = ridge_profile_new(&m->profile, s->model, trace_runs, err);
    if (!code) code = profile_limits_open(l, s->model, m->profile, s->threads, err);
    if (!code) code = repeat(m, s, t, l, repetitions, err);
    if (!code) {
        const limits found = limits_found(l);
        code = make_report(m, &found, by_layer, err);
    }
    limits_close(l);
    memory_free(l);
    return code;
}

void profile_measurement_free(profile_measurement *m) {
    profile_report_free(&m->report);
    ridge_profile_free(m->profile);
    m->profile = NULL;
}
