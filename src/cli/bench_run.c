/* One configuration of a benchmark: see bench_run.h.
 *
 * Prompts go through ridge_session_append, generation through ridge_generate with the greedy sampler: what serves users. Between two
 * repetitions the machine's limits are probed, outside the time that is measured. */
#include "cli/bench_run.h"
#include <ctype.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/memory.h"
#include "cli/model_flags.h"
#include "perf/pairing.h"
#include "perf/random.h"

typedef struct { double bytes, operations; } work;      /* of one batch */

typedef struct {
    const bench_setting *setting;
    ridge_model   *model;
    ridge_session *session;
    ridge_sampler *sampler;
    int32_t       *ids;                 /* the token at each position, whatever the test */
    work          *work;                /* the batches of a test, in their order */
    size_t         n_ids, n_work;
    pairing        pairing;
    char           isa[32], type[64], peak[48];
    bench_result   result;
} bench;

/* ---- what a test has to do ---- */

static int chunk_tokens(const bench_setting *s) { return s->batch < s->micro_batch ? s->batch : s->micro_batch; }

static int add_work(bench *b, int position, int tokens, bool logits, error *err) {
    ridge_cost cost;
    const int code = ridge_model_cost(b->model, (uint32_t)position, (uint32_t)tokens, logits, &cost, err);
    if (code) return code;
    const work w = { cost.weight_bytes + cost.kv_bytes, cost.operations };
    b->work[b->n_work++] = w;
    b->result.bytes += w.bytes;
    b->result.operations += w.operations;
    return 0;
}

static int list_work(bench *b, const bench_test *t, error *err) {
    int code = 0, at = t->depth;
    b->n_work = 0;
    b->result.bytes = b->result.operations = 0;
    for (int done = 0; done < t->prompt && !code; ) {
        const int n = t->prompt - done < chunk_tokens(b->setting) ? t->prompt - done : chunk_tokens(b->setting);
        done += n;
        code = add_work(b, at, n, done == t->prompt, err);
        at += n;
    }
    for (int i = 0; i < t->gen && !code; i++) code = add_work(b, at++, 1, true, err);
    return code;
}

/* The least time that the probed rates allow: a batch takes as long as the slower of its memory and its arithmetic. */
static double limit_seconds(const bench *b, const pairing_probe *p) {
    double seconds = 0;
    for (size_t i = 0; i < b->n_work; i++) {
        const double memory = b->work[i].bytes * 1e-9 / p->read, arithmetic = p->peak > 0 ? b->work[i].operations * 1e-9 / p->peak : 0;
        seconds += memory > arithmetic ? memory : arithmetic;
    }
    return seconds;
}

/* ---- running it ---- */

/* Brings the session to `depth` tokens. */
static int set_depth(bench *b, int depth, error *err) {
    size_t n;
    ridge_session_tokens(b->session, &n);
    if (n > (size_t)depth) ridge_session_truncate(b->session, (size_t)depth);
    else if (n < (size_t)depth) return ridge_session_append(b->session, b->ids + n, (size_t)depth - n, err);
    return 0;
}

static bool receive_text(void *user, int32_t token, const char *text, size_t n_bytes) {
    (void)user; (void)token; (void)text; (void)n_bytes;
    return true;
}

/* Behind a prompt of its own length, generation begins with the prompt's logits: one token more makes t->gen decoding steps. Without a
 * prompt, the token at the depth is the first step. */
static int generate(bench *b, const bench_test *t, error *err) {
    const ridge_generate_options options = {
        .sampler = b->sampler, .max_tokens = (size_t)t->gen + (t->prompt > 0), .ignore_end = true, .on_token = receive_text,
    };
    ridge_generation done;
    const int code = ridge_generate(b->session, b->ids, (size_t)(t->depth + (t->prompt ? t->prompt : 1)), &options, &done, err);
    if (code || done.tokens == options.max_tokens) return code;
    return fail(err, RIDGE_E_INTERNAL, "%zu tokens were generated instead of %zu", done.tokens, options.max_tokens);
}

static int run_once(bench *b, const bench_test *t, double *seconds, error *err) {
    int code = set_depth(b, t->depth, err);
    if (code) return code;
    const uint64_t start = clock_ns();
    code = t->gen ? generate(b, t, err) : ridge_session_append(b->session, b->ids + t->depth, (size_t)t->prompt, err);
    *seconds = (double)(clock_ns() - start) * 1e-9;
    return code ? code : set_depth(b, t->depth, err);
}

static int run_test(bench *b, const bench_test *t, error *err) {
    bench_result *r = &b->result;
    double ignored;
    pairing_probe before, after;
    int code = list_work(b, t, err);
    if (!code && b->setting->warm_up) code = run_once(b, &(bench_test){ t->prompt, t->gen > 0, t->depth }, &ignored, err);
    if (!code) code = set_depth(b, t->depth, err);
    if (!code) code = pairing_take(&b->pairing, &before, err);
    for (r->n = 0; r->n < b->setting->repetitions && !code; before = after) {
        code = run_once(b, t, &r->seconds[r->n], err);
        if (!code) code = pairing_take(&b->pairing, &after, err);
        if (code) break;
        const pairing_probe mean = { (before.read + after.read) / 2, (before.peak + after.peak) / 2 };
        r->read[r->n] = mean.read;
        r->peak_rate[r->n] = mean.peak;
        r->limit_seconds[r->n] = limit_seconds(b, &mean);
        if (b->setting->progress)
            fprintf(stderr, "  repetition %d of %d: %.2f tokens/s\n", r->n + 1, b->setting->repetitions, (t->prompt + t->gen) / r->seconds[r->n]);
        r->n++;
    }
    return code;
}

/* ---- the profile, for records ---- */

static void add_step(bench_result *r, const ridge_profile_row *row) {
    int i = 0;
    while (i < r->n_steps && strcmp(r->step[i].name, row->text)) i++;
    if (i == BENCH_STEPS_MOST || !row->calls) return;
    if (i == r->n_steps) r->step[r->n_steps++] = (bench_step){ .name = row->text };
    r->step[i].bytes += row->bytes;
    r->step[i].operations += row->operations;
    r->step[i].seconds += (row->work_ns + row->imbalance_ns + row->barrier_ns) * 1e-9;
}

/* Runs the test once more; *p owns what the result's steps are called. */
static int profile_test(bench *b, const bench_test *t, ridge_profile **p, error *err) {
    double ignored;
    int code = ridge_profile_new(p, b->model, 0, err);
    if (!code) code = set_depth(b, t->depth, err);
    if (!code) code = ridge_profile_begin(*p, err);
    if (code) return code;
    code = run_once(b, t, &ignored, err);
    ridge_profile_end(*p);
    for (int phase = RIDGE_PROFILE_PROMPT; phase <= RIDGE_PROFILE_DECODE; phase++) {
        size_t n;
        const ridge_profile_row *rows = ridge_profile_rows(*p, (ridge_profile_phase)phase, &n, NULL);
        for (size_t i = 0; i < n; i++) add_step(&b->result, &rows[i]);
    }
    return code;
}

/* ---- what is run ---- */

/* The weight format of most of the model's bytes, in capitals as files are called. */
static void find_type(const ridge_model *m, char *out, size_t room) {
    struct { const char *type; uint64_t bytes; } seen[64] = {0}, *most = seen;
    ridge_tensor_info t;
    for (size_t i = 0; ridge_model_tensor(m, i, &t); i++) {
        size_t k = 0;
        while (k < 63 && seen[k].type && strcmp(seen[k].type, t.type)) k++;
        seen[k].type = t.type;
        seen[k].bytes += t.bytes;
        if (seen[k].bytes > most->bytes) most = &seen[k];
    }
    snprintf(out, room, "%s", most->type ? most->type : "?");
    for (; *out; out++) *out = (char)toupper((unsigned char)*out);
}

static void describe(bench *b) {
    const bench_setting *s = b->setting;
    const ridge_model_info info = ridge_model_get_info(b->model);
    char type[32];
    find_type(b->model, type, sizeof type);
    model_isa(b->model, b->isa, sizeof b->isa);
    if (info.parameters >= 1000000000) snprintf(b->type, sizeof b->type, "%.20s %.1fB %s", info.architecture, (double)info.parameters * 1e-9, type);
    else                               snprintf(b->type, sizeof b->type, "%.20s %.0fM %s", info.architecture, (double)info.parameters * 1e-6, type);
    b->result = (bench_result){
        .version = ridge_version(), .model_file = s->path, .model_type = b->type, .model_bytes = info.file_bytes, .model_parameters = info.parameters,
        .backend = info.backend, .isa = b->isa, .fuse = s->fuse, .precise = s->precise, .packed = s->pack, .threads = s->threads,
        .batch = s->batch, .micro_batch = s->micro_batch, .load_seconds = info.load_seconds, .peak = b->peak,
    };
}

/* The arithmetic that the setting makes of the weights' own. */
static const char *actual_arithmetic(const ridge_cost *cost, bool precise) {
    if (!precise) return cost->arithmetic;
    return strcmp(cost->arithmetic, "int8") ? "f32" : "int16";
}

static int begin(bench *b, const bench_test *tests, size_t n_tests, error *err) {
    const bench_setting *s = b->setting;
    size_t most_work = 1;
    for (size_t i = 0; i < n_tests; i++) {
        const size_t need = (size_t)tests[i].depth + (size_t)tests[i].prompt + (size_t)tests[i].gen + 2;
        if (need > b->n_ids) b->n_ids = need;
        if ((size_t)tests[i].prompt + (size_t)tests[i].gen > most_work) most_work = (size_t)tests[i].prompt + (size_t)tests[i].gen;
    }
    ridge_model_options options = ridge_model_options_default();
    options.isa = s->isa;
    options.fuse = s->fuse;
    options.threads = (uint32_t)s->threads;
    options.precise = s->precise;
    options.pack = s->pack;
    options.context_tokens = (uint32_t)b->n_ids;
    options.chunk_tokens = (uint32_t)chunk_tokens(s);
    int code = ridge_model_open(&b->model, s->path, &options, err);
    if (!code) code = ridge_session_open(&b->session, b->model, err);
    const ridge_sampler_options greedy = { .seed = 1, .repeat_penalty = 1, .typical_p = 1, .top_p = 1, .dynamic_exponent = 1 };
    if (!code) code = ridge_sampler_new(&b->sampler, b->model, &greedy, err);
    ridge_cost cost;
    if (!code) code = ridge_model_cost(b->model, 0, 1, true, &cost, err);
    if (code) return code;
    b->ids = memory_new(b->n_ids, sizeof *b->ids);
    b->work = memory_new(most_work, sizeof *b->work);
    if (!b->ids || !b->work) return fail_memory(err, b->n_ids * sizeof *b->ids, "the tokens of a benchmark");
    uint64_t seed = 1;
    for (size_t i = 0; i < b->n_ids; i++) b->ids[i] = (int32_t)random_below(&seed, ridge_model_get_info(b->model).n_vocab);
    describe(b);
    b->result.arithmetic = actual_arithmetic(&cost, s->precise);
    code = pairing_open(&b->pairing, s->threads, cost.weight_bytes, b->result.arithmetic, b->isa, err);
    if (!code) pairing_peak_name(&b->pairing, b->peak, sizeof b->peak);
    return code;
}

static void stamp(bench_result *r) {
    const time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc)) strftime(r->time, sizeof r->time, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

int bench_setting_run(const bench_setting *setting, const bench_test *tests, size_t n_tests, bench_receive *receive, void *user, error *err) {
    bench *b = memory_new(1, sizeof *b);
    if (!b) return fail_memory(err, sizeof *b, "a benchmark");
    b->setting = setting;
    int code = begin(b, tests, n_tests, err);
    for (size_t i = 0; i < n_tests && !code; i++) {
        bench_result *r = &b->result;
        char name[64];
        r->n_prompt = tests[i].prompt;
        r->n_gen = tests[i].gen;
        r->n_depth = tests[i].depth;
        stamp(r);
        bench_test_name(r, name, sizeof name);
        if (setting->progress) fprintf(stderr, "%s, %s: %s (%zu of %zu)\n", r->model_type, r->backend, name, i + 1, n_tests);
        ridge_profile *profile = NULL;
        r->n_steps = 0;
        code = run_test(b, &tests[i], err);
        if (!code && setting->profile) code = profile_test(b, &tests[i], &profile, err);
        if (!code) receive(user, r);
        ridge_profile_free(profile);
    }
    pairing_close(&b->pairing);
    ridge_sampler_free(b->sampler);
    ridge_session_close(b->session);
    ridge_model_close(b->model);
    memory_free(b->ids);
    memory_free(b->work);
    memory_free(b);
    return code;
}
