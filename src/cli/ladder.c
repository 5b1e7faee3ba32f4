/* ridge ladder: what each step of optimising brought, replayed in one interleaved run. */
#include <string.h>
#include "base/files.h"
#include "cli/commands.h"
#include "cli/ladder_run.h"
#include "perf/history.h"

typedef struct {
    bench_models models;
    int          prompt, gen, rounds, threads;
    float        most_seconds;
    bool         progress;
    const char  *isa, *output, *svg, *record;
} arguments;

/* What a user types to run one of the rungs alone: the models and threads of this run. */
static void put_repeat(const arguments *a, buffer *out) {
    buffer_append_text(out, "ridge bench");
    for (size_t i = 0; i < a->models.models.n; i++) buffer_printf(out, " -m %s", a->models.models.items[i]);
    for (size_t i = 0; i < a->models.repos.n; i++) buffer_printf(out, " -hf %s", a->models.repos.items[i]);
    if (a->models.shapes.n) {
        const struct { const char *flag; const word_list *l; } lists[] = { { "--shape", &a->models.shapes }, { "--type", &a->models.types } };
        for (size_t i = 0; i < 2; i++) {
            buffer_printf(out, " %s ", lists[i].flag);
            for (size_t k = 0; k < lists[i].l->n; k++) buffer_printf(out, "%s%s", k ? "," : "", lists[i].l->word[k]);
        }
    }
    if (a->threads) buffer_printf(out, " -t %d", a->threads);
}

static int write_svg(const ladder *l, const char *path, error *err) {
    buffer b = {0};
    ladder_svg(&b, l);
    const int code = b.failed ? fail_memory(err, b.n, "a chart") : write_whole_file(path, b.data, b.n, err);
    buffer_free(&b);
    return code;
}

/* Rung by rung, so that a history that is read from its end begins with a whole ladder. */
static int record(const ladder *l, const char *path, error *err) {
    int code = 0;
    for (size_t test = 0; test < l->n_tests && !code; test++)
        for (size_t rung = 0; rung < l->n_rungs && !code; rung++)
            for (size_t model = 0; model < l->n_models && !code; model++) {
                json_t *line = ladder_history_line(l, test, rung, model);
                code = history_append(path, line, err);
                json_decref(line);
            }
    return code;
}

static int record_where_asked(const arguments *a, const ladder *l, error *err) {
    buffer path = {0};
    int code = 0;
    if (!a->record) return 0;
    if (strcmp(a->record, "default")) buffer_append_text(&path, a->record);
    else code = history_default_path(&path, err);
    if (!code && path.failed) code = fail_memory(err, 100, "a path");
    if (!code) code = record(l, buffer_text(&path), err);
    buffer_free(&path);
    return code;
}

static int show(const arguments *a, const ladder *l, error *err) {
    ladder_printer *print = ladder_printer_find(a->output);         /* "none" has none */
    if (print) print(l, stdout);
    if (fflush(stdout) || ferror(stdout)) return fail(err, RIDGE_E_IO, "standard output cannot be written");
    int code = record_where_asked(a, l, err);
    if (!code && a->svg) code = write_svg(l, a->svg, err);
    return code;
}

static int run(arguments *a, error *err) {
    ladder l = { .isa = a->isa, .n_models = 0 };
    if (a->gen) l.test[l.n_tests++] = (ladder_test){ true, a->gen };
    if (a->prompt) l.test[l.n_tests++] = (ladder_test){ false, a->prompt };
    if (!l.n_tests) return fail(err, RIDGE_E_BAD_ARGUMENT, "there is nothing to test: -p and -n leave no tokens");
    if (!a->models.models.n && !a->models.repos.n && !a->models.shapes.n)
        a->models.shapes = (word_list){ .word = { "qwen2.5-0.5b" }, .n = 1 };
    const ladder_setting setting = {
        .models = &a->models, .threads = a->threads, .rounds = a->rounds, .most_seconds = a->most_seconds, .progress = a->progress,
    };
    int code = bench_models_find(&a->models, err);
    l.n_models = a->models.n;
    ladder_rungs(&l.n_rungs);
    put_repeat(a, &l.repeat);
    if (!code) code = ladder_new(&l, err);
    if (!code) code = ladder_run(&l, &setting, err);
    if (!code) code = show(a, &l, err);
    ladder_free(&l);
    return code;
}

/* The lowest rungs are not packed on purpose. */
static void show_event(void *user, const char *name, const char *text) {
    (void)user;
    if (strcmp(name, "not_packed")) fprintf(stderr, "ridge: %s: %s\n", name, text);
}

int cmd_ladder(int argc, char **argv) {
    static arguments a;
    a = (arguments){ .models.types = { .word = { "f16", "q8_0" }, .n = 2 }, .gen = 64, .rounds = 5, .most_seconds = 4, .output = "md" };
    const flag model_flags[] = { BENCH_MODEL_FLAGS(a.models, "f16,q8_0") };
    const flag test_flags[] = {
        { "-n --n-gen", "N", "decode so many tokens (64); 0: no such test", .number = &a.gen, .least = 0, .most = 1 << 20 },
        { "-p --n-prompt", "N", "process a prompt of so many tokens too (0: no such test)", .number = &a.prompt, .least = 0, .most = 1 << 20 },
        { "-r --rounds", "N", "each runs every rung of every model once (5)", .number = &a.rounds, .least = 1, .most = BENCH_REPETITIONS_MOST },
        { "--seconds", "S", "a rung that would take longer runs fewer tokens (4)", .real = &a.most_seconds, .least = 0, .most = 3600 },
        { "-t --threads", "N", "threads (one per core; of the tuned rung what `ridge tune` found)", .number = &a.threads, .least = 1, .most = 1024 },
        { "--isa", "NAME", "instruction set of the rungs above the scalar one (best)", .text = &a.isa },
    };
    const flag output_flags[] = {
        { "-o --output", "FORMAT", "on stdout (md)", .text = &a.output, .choices = "none " LADDER_PRINTERS },
        { "--svg", "FILE", "draw it, good in light and dark", .text = &a.svg },
        { "--record", "FILE", "append the rungs to a .jsonl file, from which `ridge report` draws them;\n\"default\": the one of bench --record default",
          .text = &a.record },
        { "--progress", NULL, "say on stderr what is running, off a terminal too", .on = &a.progress },
    };
    const command_line line = {
        .usage = "ridge ladder [flags] [-m MODEL | --shape NAME]",
        .about = "Replays what each step of optimising brought: scalar code, SIMD, panels, fusions, tuning. Every rung is a choice of flags that it names;\n"
                 "`ridge bench` repeats it with them. Rounds run every rung of every model once, up and down in turn, each beside a probe of the\n"
                 "machine's limits. Without -m and --shape: random weights in the shape of qwen2.5-0.5b.",
        .groups = { FLAG_GROUP("Model", model_flags), FLAG_GROUP("Run", test_flags), FLAG_GROUP("Output", output_flags) },
        .after = "Example: ridge ladder -p 512 -r 9 --svg docs/ladder.svg >docs/ladder.md",
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code && n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge ladder takes no argument, not \"%s\": give the model as -m", argv[1]);
    ridge_set_event_handler(show_event, NULL);
    if (!code) code = run(&a, &err);
    ridge_set_event_handler(NULL, NULL);
    bench_models_free(&a.models);
    return command_end(code, &err);
}
