/* ridge why: what costs most against the machine's limit, the dearest first, each with what to try and what that could gain.
 *
 * Losses are from a profile and sum to 100 % with the limit. Settings that are not the default are measured against it, in turn. */
#include <string.h>
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/profile_command.h"
#include "perf/why.h"

enum { CHUNK_DEFAULT = 512, TRIALS_MOST = 8 };

typedef struct {
    profile_arguments of;
    bool json;
} arguments;

/* ---- settings that may be the cause: each is tried ---- */

typedef struct {
    char              name[80];
    profile_arguments changed;
    paired_ratio      speed;        /* of the changed setting over the one given */
} trial;

static trial *add_trial(trial *list, size_t *n, const profile_arguments *a, const char *name) {
    trial *t = &list[(*n)++];
    *t = (trial){ .changed = *a };
    snprintf(t->name, sizeof t->name, "%s", name);
    return t;
}

/* Every setting that is not the default, one at a time. */
static size_t list_trials(const profile_arguments *a, const profile_test *test, trial list[TRIALS_MOST]) {
    const model_arguments *m = &a->model;
    size_t n = 0;
    if (m->isa && strcmp(m->isa, "best")) add_trial(list, &n, a, "without --isa: the best that this processor has")->changed.model.isa = NULL;
    if (m->fuse && strcmp(m->fuse, "all")) add_trial(list, &n, a, "--fuse all")->changed.model.fuse = NULL;
    if (!m->pack) add_trial(list, &n, a, "without --no-pack")->changed.model.pack = true;
    if (!m->tuned) add_trial(list, &n, a, "without --untuned")->changed.model.tuned = true;
    if (m->precise) add_trial(list, &n, a, "without --precise")->changed.model.precise = false;
    if (m->threads && m->threads != crew_cores()) add_trial(list, &n, a, "as many threads as cores")->changed.model.threads = crew_cores();
    if (!test->decodes && m->chunk && m->chunk < CHUNK_DEFAULT && test->tokens > m->chunk)
        add_trial(list, &n, a, "-b 512: larger chunks of the prompt")->changed.model.chunk = CHUNK_DEFAULT;
    return n;
}

/* Both models are open, and take turns. */
static int run_trial(trial *t, profile_subject *given, const profile_test *test, int repetitions, error *err) {
    double before[100], after[100], ignored;
    profile_subject changed = {0};
    int code = profile_subject_open(&changed, &t->changed, err);
    if (!code) code = profile_subject_run(&changed, test, NULL, &ignored, err);
    if (!code) code = profile_subject_run(given, test, NULL, &ignored, err);
    for (int i = 0; i < repetitions && !code; i++) {
        for (int k = 0; k < 2 && !code; k++)
            code = (i + k) % 2 ? profile_subject_run(&changed, test, NULL, &after[i], err) : profile_subject_run(given, test, NULL, &before[i], err);
    }
    if (!code) t->speed = statistics_paired_ratio(before, after, (size_t)repetitions);
    profile_subject_close(&changed);
    return code;
}

/* ---- output ---- */

typedef struct {
    const profile_measurement *measurement;
    const profile_test        *test;
    const why_list            *causes;
    const trial               *trials;
    size_t                     n_trials;
} findings;

static void print(const findings *f) {
    char name[80];
    const profile_report *r = &f->measurement->report;
    const limits *l = &r->limits;
    profile_test_name(f->test, name, sizeof name);
    printf("\n%s: %.3f ms a token, of which the machine's limit is %.1f %%\n\n%8s %9s  cause\n", name,
           r->totals.total_ns / (double)r->totals.tokens * 1e-6, 100 * f->causes->limit, "loss", "gain");
    for (size_t i = 0; i < f->causes->n; i++) {
        const why_cause *c = &f->causes->cause[i];
        printf("%6.2f %% %+7.1f %%  %s\n%21stry: %s\n", 100 * c->loss, 100 * c->gain, c->cause, "", c->advice);
    }
    printf("%6.2f %%            the limit and all losses together\n", 100 * why_sum(f->causes));
    printf("gain: how much faster everything would be without the loss; at most, since nothing reaches its limit for free\n");
    if (l->read > 0)
        printf("the read bandwidth varied by %.1f %% meanwhile (%.2f to %.2f GB/s): losses of memory-bound steps are uncertain by as much\n",
               100 * (l->read_range.high - l->read_range.low) / l->read, l->read_range.low, l->read_range.high);
    if (f->n_trials) printf("\nsettings that are not the default, each measured in turn against this one (the gains overlap with the losses above)\n");
    for (size_t i = 0; i < f->n_trials; i++)
        printf("%+18.1f %%  %s (%+.1f to %+.1f)\n", 100 * (f->trials[i].speed.median - 1), f->trials[i].name, 100 * (f->trials[i].speed.range.low - 1),
               100 * (f->trials[i].speed.range.high - 1));
}

static json_t *findings_json(const findings *f) {
    json_t *causes = json_array(), *trials = json_array();
    for (size_t i = 0; i < f->causes->n; i++) {
        const why_cause *c = &f->causes->cause[i];
        json_array_append_new(causes, json_pack("{s:s, s:s, s:f, s:f}", "cause", c->cause, "try", c->advice, "loss", c->loss, "gain_at_most", c->gain));
    }
    for (size_t i = 0; i < f->n_trials; i++) {
        const trial *t = &f->trials[i];
        json_array_append_new(trials, json_pack("{s:s, s:f, s:f, s:f}", "setting", t->name, "gain", t->speed.median - 1,
                                                "gain_low", t->speed.range.low - 1, "gain_high", t->speed.range.high - 1));
    }
    const profile_report *r = &f->measurement->report;
    return json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "test", f->test->decodes ? "decode" : "prompt", "test_tokens", f->test->tokens,
                     "depth", f->test->depth, "ns_per_token", r->totals.total_ns / (double)r->totals.tokens, "limit", f->causes->limit, "sum",
                     why_sum(f->causes), "read_least_gb_per_s", r->limits.read_range.low, "read_most_gb_per_s", r->limits.read_range.high, "causes", causes, "trials", trials);
}

/* ---- the command ---- */

static int find_causes(void *user, profile_subject *s, const profile_test *test, bool last, json_t *all, error *err) {
    const arguments *a = user;
    const model_arguments *m = &a->of.model;
    const ridge_model_info info = ridge_model_get_info(s->model);
    const why_setting setting = {
        .precise = m->precise, .packed = m->pack || info.packed_version, .fused = !m->fuse || !strcmp(m->fuse, "all"),
        .tuned = info.tuned, .threads = s->threads, .cores = crew_cores(),
        .decoding = test->decodes, .position = test->depth + test->tokens / 2.0,
    };
    profile_measurement *measured = memory_new(1, sizeof *measured);
    why_list *causes = memory_new(1, sizeof *causes);
    trial *trials = memory_new(TRIALS_MOST, sizeof *trials);
    int code = measured && causes && trials ? 0 : fail_memory(err, sizeof *measured, "a profile");
    if (!code) code = profile_measure(measured, s, test, a->of.repetitions, 0, false, err);
    const size_t n_trials = code ? 0 : list_trials(&a->of, test, trials);
    if (!code) why_find(&measured->report, &setting, causes);
    for (size_t i = 0; i < n_trials && !code; i++) code = run_trial(&trials[i], s, test, a->of.repetitions, err);
    const findings f = { measured, test, causes, trials, n_trials };
    if (!code && all) json_array_append_new(all, findings_json(&f));
    else if (!code) print(&f);
    if (measured) profile_measurement_free(measured);
    memory_free(measured);
    memory_free(causes);
    memory_free(trials);
    return code;
}

int cmd_why(int argc, char **argv) {
    arguments a = { .of = PROFILE_ARGUMENTS_DEFAULT };
    const flag model[] = { PROFILE_MODEL_FLAGS(a.of) };
    const flag tests[] = { PROFILE_TEST_FLAGS(a.of) };
    const flag backend[] = { BACKEND_FLAGS(a.of.model) };
    const flag output[] = { { "--json", NULL, "print one JSON object", .on = &a.json } };
    const command_line line = {
        .usage = "ridge why [flags] [-m MODEL | --shape NAME]",
        .about = "Lists what costs most against the machine's limit, with what to try and what that could gain. Every number is measured: losses by\n"
                 "a profile (ridge profile shows it), settings that are not the default by running the default beside them.",
        .groups = { FLAG_GROUP("Model", model), FLAG_GROUP("Tests", tests), FLAG_GROUP("Arithmetic and speed", backend), FLAG_GROUP("Output", output) },
        .after = "Example: ridge why --shape qwen2.5-0.5b --isa avx2 --fuse none",
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code && n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge why takes no argument, not \"%s\": give the model as -m", argv[1]);
    if (!code) code = profile_command_run(&a.of, a.json, find_causes, &a, &err);
    return command_end(code, &err);
}
