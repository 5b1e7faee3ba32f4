/* ridge bench: tokens per second and the share of the machine's limits, with llama-bench's tests, flags and output formats. */
#include <stdlib.h>
#include <string.h>
#include "cli/bench_history.h"
#include "cli/bench_models.h"
#include "cli/bench_run.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/flags.h"
#include "cli/model_flags.h"
#include "perf/number_list.h"

enum { TESTS_MOST = 1024 };

typedef struct {
    bench_models models;
    word_list    isas, fuses;
    number_list  prompts, gens, depths, threads, batches, micro_batches;
    number_pairs pairs;
    int          repetitions;
    ridge_model_options model;      /* what is the same for all; the lists say the rest */
    bool         warm_up, progress;
    const char  *output, *output_error;
    bench_history history;
    bool         slower;                /* than what it is compared with */
    int          argc;                  /* the command line as it was given */
    char       **argv;
} arguments;

typedef struct {
    const bench_printer *to_out, *to_error;
    size_t         index;
    bench_history *history;
    int            history_code;        /* of the first result that could not be recorded; history_error says why */
    error          history_error;
} outputs;

static int add_test(bench_test *tests, size_t *n, bench_test t, error *err) {
    if (!t.prompt && !t.gen) return 0;
    if (*n == TESTS_MOST) return fail(err, RIDGE_E_BAD_ARGUMENT, "more than %d tests", TESTS_MOST);
    tests[(*n)++] = t;
    return 0;
}

/* At each depth: the prompts, then the generations, then the pairs. */
static int list_tests(const arguments *a, bench_test *tests, size_t *n, error *err) {
    int code = 0;
    *n = 0;
    for (size_t d = 0; d < a->depths.n && !code; d++) {
        const int depth = a->depths.v[d];
        for (size_t i = 0; i < a->prompts.n && !code; i++) code = add_test(tests, n, (bench_test){ a->prompts.v[i], 0, depth }, err);
        for (size_t i = 0; i < a->gens.n && !code; i++)    code = add_test(tests, n, (bench_test){ 0, a->gens.v[i], depth }, err);
        for (size_t i = 0; i < a->pairs.n && !code; i++)   code = add_test(tests, n, (bench_test){ a->pairs.v[i][0], a->pairs.v[i][1], depth }, err);
    }
    return code || *n ? code : fail(err, RIDGE_E_BAD_ARGUMENT, "there is nothing to test: -p, -n and -pg leave no tokens");
}

static void print_result(void *user, const bench_result *r) {
    outputs *o = user;
    if (o->to_out) { o->to_out->row(stdout, r, o->index); fflush(stdout); }
    if (o->to_error) o->to_error->row(stderr, r, o->index);
    o->index++;
    if (!o->history_code) o->history_code = bench_history_result(o->history, r, &o->history_error);
}

/* Every combination of the lists, models outermost, so that a file stays in the system's cache. */
static int run_all(const arguments *a, const bench_test *tests, size_t n_tests, outputs *o, error *err) {
    const size_t n_isas = a->isas.n ? a->isas.n : 1, n_threads = a->threads.n ? a->threads.n : 1;
    const size_t n = a->models.n * n_isas * a->fuses.n * a->batches.n * a->micro_batches.n * n_threads;
    int code = 0;
    for (size_t i = 0; i < n && !code; i++) {
        size_t at = i;
        bench_loading how = { .model = a->model };
        how.model.threads = a->threads.n ? (uint32_t)a->threads.v[at % n_threads] : 0;  at /= n_threads;
        how.micro_batch = a->micro_batches.v[at % a->micro_batches.n];    at /= a->micro_batches.n;
        how.batch = a->batches.v[at % a->batches.n];                      at /= a->batches.n;
        how.model.fuse = a->fuses.word[at % a->fuses.n];                        at /= a->fuses.n;
        how.model.isa = a->isas.n ? a->isas.word[at % n_isas] : NULL;           at /= n_isas;
        how.path = buffer_text(&a->models.path[at]);
        const bench_setting s = { .how = how, .warm_up = a->warm_up, .progress = a->progress, .profile = a->history.record != NULL,
                                  .repetitions = a->repetitions };
        code = bench_setting_run(&s, tests, n_tests, print_result, o, err);
    }
    return code;
}

static int check_numbers(const arguments *a, error *err) {
    for (size_t i = 0; i < a->threads.n; i++) if (!a->threads.v[i] || a->threads.v[i] > 1024)
        return fail(err, RIDGE_E_BAD_ARGUMENT, "-t takes numbers from 1 to 1024");
    for (size_t i = 0; i < a->batches.n; i++) if (!a->batches.v[i]) return fail(err, RIDGE_E_BAD_ARGUMENT, "-b takes numbers from 1");
    for (size_t i = 0; i < a->micro_batches.n; i++) if (!a->micro_batches.v[i]) return fail(err, RIDGE_E_BAD_ARGUMENT, "-ub takes numbers from 1");
    return 0;
}

/* Where the comparison goes: stdout, unless a program reads that. */
static FILE *comparison_stream(const arguments *a) { return strcmp(a->output, "md") && strcmp(a->output, "none") ? stderr : stdout; }

static int run(arguments *a, error *err) {
    static bench_test tests[TESTS_MOST];
    size_t n_tests = 0;
    outputs o = { .to_out = bench_printer_find(a->output), .to_error = bench_printer_find(a->output_error),
                  .history = &a->history };      /* "none" has no printer */
    int code = check_numbers(a, err);
    if (!code) code = list_tests(a, tests, &n_tests, err);
    if (!code) code = bench_models_find(&a->models, err);
    if (!code) {
        if (o.to_out) o.to_out->begin(stdout);
        if (o.to_error) o.to_error->begin(stderr);
        code = run_all(a, tests, n_tests, &o, err);
        if (o.to_out) o.to_out->end(stdout);
        if (o.to_error) o.to_error->end(stderr);
        if (!code && (fflush(stdout) || ferror(stdout))) code = fail(err, RIDGE_E_IO, "standard output cannot be written");
        if (!code && o.history_code) { *err = o.history_error; code = o.history_code; }
        if (!code) code = bench_history_end(&a->history, comparison_stream(a), &a->slower, err);
    }
    return code;
}

/* What the flags ask for: running, or comparing what was run elsewhere. */
static int run_or_compare(arguments *a, error *err) {
    bench_history *h = &a->history;
    int code = bench_history_begin(h, err);
    if (!code && h->binary) code = bench_history_race(h, a->argc, a->argv, a->repetitions, a->progress, comparison_stream(a), &a->slower, err);
    else if (!code && h->recorded) code = bench_history_end(h, comparison_stream(a), &a->slower, err);
    else if (!code) code = run(a, err);
    bench_history_free(h);
    return code;
}

int cmd_bench(int argc, char **argv) {
    static arguments a;
    a = (arguments){
        .models.types = { .word = { "q8_0" }, .n = 1 }, .fuses = { .word = { "all" }, .n = 1 }, .prompts = { { 512 }, 1 }, .gens = { { 128 }, 1 },
        .depths = { { 0 }, 1 },
        .batches = { { 2048 }, 1 }, .micro_batches = { { 512 }, 1 },
        .repetitions = 5, .model = ridge_model_options_default(), .warm_up = true, .output = "md", .output_error = "none",
        .history = { .threshold = 2 }, .argc = argc, .argv = argv,
    };
    bool cold = false;
    const flag model_flags[] = { BENCH_MODEL_FLAGS(a.models, "q8_0") };
    const flag test_flags[] = {
        { "-p --n-prompt", "NUMBERS", "process a prompt of so many tokens (512); 0: no such test", .parse = number_list_parse, .store = &a.prompts },
        { "-n --n-gen", "NUMBERS", "generate so many tokens (128); 0: no such test", .parse = number_list_parse, .store = &a.gens },
        { "-pg", "PROMPT,GEN", "a prompt, and tokens behind it; may be repeated", .parse = number_pair_parse, .store = &a.pairs },
        { "-d --n-depth", "NUMBERS", "behind so many tokens (0)", .parse = number_list_parse, .store = &a.depths },
        { "-r --repetitions", "N", "of each test (5)", .number = &a.repetitions, .least = 1, .most = BENCH_REPETITIONS_MOST },
        { "--no-warmup", NULL, "do not run each test once, shortened, before it counts", .on = &cold },
    };
    const flag run_flags[] = {
        { "-t --threads", "NUMBERS", "threads (one per core, or what `ridge tune` found)", .parse = number_list_parse, .store = &a.threads },
        { "-b --batch-size", "NUMBERS", "most tokens at once (2048)", .parse = number_list_parse, .store = &a.batches },
        { "-ub --ubatch-size", "NUMBERS", "the same; the smaller one counts (512)", .parse = number_list_parse, .store = &a.micro_batches },
        { "--isa", "NAMES", "instruction sets (best: the best that this CPU has)", .parse = word_list_parse, .store = &a.isas },
        { "--fuse", "NAMES", "how far steps are fused: none, glu, norm, all (all)", .parse = word_list_parse, .store = &a.fuses },
        { "--precise", NULL, "24-bit activations for quantised weights, f32 for dense ones", .on = &a.model.precise },
        { "-ctk --cache-type-k", "TYPE", "what K is kept as (as ridge run does)", .text = &a.model.cache_type_k, .choices = CACHE_TYPES },
        { "-ctv --cache-type-v", "TYPE", "what V is kept as (the same)", .text = &a.model.cache_type_v, .choices = CACHE_TYPES },
        { "--no-pack", NULL, "pack weights just before each use", .off = &a.model.pack },
        { "--untuned", NULL, "without what `ridge tune` found on this machine", .off = &a.model.tuned },
    };
    const flag output_flags[] = {
        { "-o --output", "FORMAT", "on stdout (md)", .text = &a.output, .choices = "none " BENCH_PRINTERS },
        { "-oe --output-err", "FORMAT", "on stderr (none)", .text = &a.output_error, .choices = "none " BENCH_PRINTERS },
        { "--progress", NULL, "say on stderr what is running", .on = &a.progress },
    };
    const flag history_flags[] = {
        { "--record", "FILE", "append the results, with every sample and the profile of one more run, to a .jsonl file;\n"
          "\"default\": the one that --compare COMMIT reads", .text = &a.history.record },
        { "--compare", "REF", "the latest results of the same tests in a .jsonl file, or those of a commit: exit code 1 where one is\n"
                              "significantly slower; or another ridge program, as below", .text = &a.history.compare },
        { "--compare-binary", "PROGRAM", "run that and this program in turn, -r times each (8 at least), and compare the pairs", .text = &a.history.binary },
        { "--threshold", "PERCENT", "a loss up to this is none (2)", .real = &a.history.threshold, .least = 0, .most = 90 },
        { "--recorded", "FILE", "compare these results, without running anything", .text = &a.history.recorded },
    };
    const command_line line = {
        .usage = "ridge bench [flags] -m MODEL | --shape NAME",
        .about = "Measures tokens per second, and how near each test came to what this machine allows: its read bandwidth and its arithmetic\n"
                 "peak, probed beside every repetition. NUMBERS are lists and ranges: 16,512 or 128-1024*2 or 64-256+64.",
        .groups = { FLAG_GROUP("Model", model_flags), FLAG_GROUP("Tests", test_flags), FLAG_GROUP("Run", run_flags), FLAG_GROUP("Output", output_flags),
                    FLAG_GROUP("History", history_flags) },
        .after = "Example: ridge bench --shape qwen2.5-0.5b --type f16,q8_0 -p 512 -n 128 -o jsonl",
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    a.warm_up = !cold;
    if (!code && n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge bench takes no argument, not \"%s\": give the model as -m", argv[1]);
    if (!code) code = run_or_compare(&a, &err);
    bench_models_free(&a.models);
    return !code && a.slower ? EXIT_FAILED : command_end(code, &err);
}
