/* ridge tune: finds which knobs' values are fastest on this machine, proves that the logits stay the same, and records them. */
#include <stdlib.h>
#include "base/memory.h"
#include "cli/bench_models.h"
#include "cli/catalog.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/tune_run.h"
#include "perf/tune_record.h"

typedef struct {
    bench_models models;
    const char  *isa;
    int          threads, budget;
    bool         precise, dry_run, json, list, forget;
} arguments;

static int print_json(json_t *all, error *err) {
    char *text = all ? json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) : NULL;
    if (text) puts(text);
    free(text);
    return text ? 0 : fail_memory(err, 1 << 16, "what was found as JSON");
}

/* all: a list that gets the outcome, or NULL for a table. */
static int show(const arguments *a, const tune_outcome *o, json_t *all, error *err) {
    buffer path = {0};
    int code = a->dry_run ? 0 : tune_record_store(o, &path, err);
    if (!code && all && json_array_append_new(all, tune_outcome_json(o))) code = fail_memory(err, 1 << 16, "what was found as JSON");
    if (!code && !all) {
        tune_outcome_print(o, stdout);
        if (a->dry_run) puts("nothing was recorded (--dry-run)");
        else printf("recorded in %s; every command uses it, --untuned goes without\n", buffer_text(&path));
    }
    buffer_free(&path);
    return code;
}

static int tune(arguments *a, error *err) {
    size_t n;
    json_t *all = a->json ? json_array() : NULL;
    tune_run *r = memory_new(1, sizeof *r);
    a->models.otherwise = catalog(&n)[0].name;
    int code = r && (all || !a->json) ? bench_models_find(&a->models, err) : fail_memory(err, sizeof *r, "a search");
    for (size_t i = 0; i < a->models.n && !code; i++) {
        const tune_loading how = { .path = buffer_text(&a->models.path[i]), .isa = a->isa, .threads = a->threads, .precise = a->precise };
        code = tune_run_search(r, &how, a->budget, err);
        if (!code) code = show(a, &r->outcome, all, err);
        tune_run_free(r);
    }
    if (!code && all) code = print_json(all, err);
    memory_free(r);
    json_decref(all);
    return code;
}

static int list(const arguments *a, error *err) {
    if (!a->json) {
        tune_record_print(stdout);
        return 0;
    }
    json_t *all = tune_record_json();
    if (!all) all = json_object();
    const int code = print_json(all, err);
    json_decref(all);
    return code;
}

static int forget(error *err) {
    size_t n;
    const int code = tune_record_forget(&n, err);
    if (!code) printf("%zu choice%s forgotten\n", n, n == 1 ? "" : "s");
    return code;
}

static int run(arguments *a, error *err) {
    if (a->list + a->forget > 1 || ((a->list || a->forget) && (a->models.models.n || a->models.repos.n || a->models.shapes.n)))
        return fail(err, RIDGE_E_BAD_ARGUMENT, "--list and --forget are about the whole record, and exclude each other");
    int code = a->list ? list(a, err) : a->forget ? forget(err) : tune(a, err);
    if (!code && (fflush(stdout) || ferror(stdout))) code = fail(err, RIDGE_E_IO, "standard output cannot be written");
    return code;
}

int cmd_tune(int argc, char **argv) {
    static arguments a;
    a = (arguments){ .models.types = { .word = { "q8_0" }, .n = 1 }, .budget = 300 };
    const flag model_flags[] = { BENCH_MODEL_FLAGS(a.models, "q8_0") };
    const flag run_flags[] = {
        { "-t --threads", "N", "threads (default: whichever number is fastest, too)", .number = &a.threads, .least = 1, .most = 1024 },
        { "--isa", "NAME", "instructions to use (best)", .text = &a.isa },
        { "--precise", NULL, "24-bit activations for quantised weights, f32 for dense ones: a record of its own", .on = &a.precise },
        { "--budget", "SECONDS", "for each model: what is not measured by then stays as it is (300)", .number = &a.budget, .least = 1, .most = 86400 },
        { "--dry-run", NULL, "measure, but record nothing", .on = &a.dry_run },
    };
    const flag record_flags[] = {
        { "--list", NULL, "show the record instead", .on = &a.list },
        { "--forget", NULL, "remove this machine's part of it instead", .on = &a.forget },
        { "--json", NULL, "print JSON", .on = &a.json },
    };
    const command_line line = {
        .usage = "ridge tune [flags] [-m MODEL | --shape NAME]",
        .about = "Finds what is fastest on this machine: threads; for each weight format and shape how many panels a thread works on side by side and\n"
                 "how far ahead it asks for them; sizes of chunks. Each candidate is measured in turn with the value so far, on the whole model, and\n"
                 "kept only where it is faster beyond noise, twice. Every command uses what is found from then on; --untuned goes without.\n"
                 "No choice changes a bit of the results, and that is checked. The machine should have nothing else to do.\n"
                 "Without -m and --shape: the default model.",
        .groups = { FLAG_GROUP("Model", model_flags), FLAG_GROUP("Search", run_flags), FLAG_GROUP("Record", record_flags) },
        .after = "Example: ridge tune -m smollm2, then ridge bench -m smollm2 and ridge bench -m smollm2 --untuned",
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code && n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge tune takes no argument, not \"%s\": give the model as -m", argv[1]);
    if (!code) code = run(&a, &err);
    bench_models_free(&a.models);
    return command_end(code, &err);
}
