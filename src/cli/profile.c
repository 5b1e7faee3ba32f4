/* ridge profile: where the time of a token goes, step by step, and how far each step is from what the machine allows. */
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/profile_command.h"

typedef struct {
    profile_arguments of;
    bool layers, json;
    const char *trace;
    int  trace_runs;
} arguments;

/* What profiling costs: the median of profiled over plain, and its 95 % interval. */
static paired_ratio overhead(const profile_measurement *m) { return statistics_paired_ratio(m->profiled, m->plain, (size_t)m->n); }

static double per_second(const profile_measurement *m, const profile_test *t) { return t->tokens / statistics_median(m->plain, (size_t)m->n); }

static void print(const profile_measurement *m, const profile_test *t) {
    char name[80];
    const paired_ratio cost = overhead(m);
    profile_test_name(t, name, sizeof name);
    printf("\n%s: %.2f tok/s without profiling, the median of %d; profiling costs %.1f %%", name, per_second(m, t), m->n, 100 * (cost.median - 1));
    if (m->n > 1) printf(" (%.1f to %.1f)", 100 * (cost.range.low - 1), 100 * (cost.range.high - 1));
    printf("\nthe table alone is from profiled runs\n");
    profile_report_print(&m->report, stdout);
}

static json_t *measurement_json(const profile_measurement *m, const profile_test *t) {
    const paired_ratio cost = overhead(m);
    json_t *o = profile_report_json(&m->report);
    json_t *head = json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f}", "test", t->decodes ? "decode" : "prompt", "test_tokens", t->tokens, "depth",
                             t->depth, "repetitions", m->n, "unprofiled_tokens_per_second", per_second(m, t), "overhead", cost.median - 1,
                             "overhead_low", cost.range.low - 1, "overhead_high", cost.range.high - 1);
    if (head) json_object_update(head, o);
    json_decref(o);
    return head;
}

static int run_test(void *user, profile_subject *s, const profile_test *t, bool last, json_t *all, error *err) {
    const arguments *a = user;
    const bool traces = a->trace && last;
    profile_measurement *m = memory_new(1, sizeof *m);
    if (!m) return fail_memory(err, sizeof *m, "a profile");
    int code = profile_measure(m, s, t, a->of.repetitions, traces ? (size_t)a->trace_runs : 0, a->layers, err);
    if (!code && all) json_array_append_new(all, measurement_json(m, t));
    else if (!code) print(m, t);
    if (!code && traces) code = profile_trace_write(a->trace, ridge_profile_get_span, m->profile, err);
    profile_measurement_free(m);
    memory_free(m);
    return code;
}

int cmd_profile(int argc, char **argv) {
    arguments a = { .of = PROFILE_ARGUMENTS_DEFAULT, .trace_runs = 16 };
    const flag model[] = { PROFILE_MODEL_FLAGS(a.of) };
    const flag tests[] = { PROFILE_TEST_FLAGS(a.of) };
    const flag backend[] = { BACKEND_FLAGS(a.of.model) };
    const flag output[] = {
        { "--layers", NULL, "a line for each step of each layer", .on = &a.layers },
        { "--json", NULL, "print one JSON object", .on = &a.json },
        { "-o --trace", "FILE", "write the last runs of the last test as a Chrome trace: ui.perfetto.dev opens it", .text = &a.trace },
        { "--trace-runs", "N", "that many of them (16); each is a token, or a chunk of a prompt", .number = &a.trace_runs, .least = 1, .most = 4096 },
    };
    const command_line line = {
        .usage = "ridge profile [flags] [-m MODEL | --shape NAME]",
        .about = "Says where the time goes: each step's share, what it moves and computes, its distance to the limit that binds it (the larger of\n"
                 "bytes / read bandwidth and operations / peak, both probed in between), waits at barriers, sampling, and the rest. All of it sums to\n"
                 "100 % of the time. Speeds are never taken from profiled runs; ridge bench measures those.",
        .groups = { FLAG_GROUP("Model", model), FLAG_GROUP("Tests", tests), FLAG_GROUP("Arithmetic and speed", backend), FLAG_GROUP("Output", output) },
        .after = "% limit: the least time that its limit allows over the time it took; above 100 where caches hold what it reads.\n"
                 "wait %: of all time, the mean over threads: behind the slowest, and at the barrier itself.",
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code && n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge profile takes no argument, not \"%s\": give the model as -m", argv[1]);
    if (!code) code = profile_command_run(&a.of, a.json, run_test, &a, &err);
    return command_end(code, &err);
}
