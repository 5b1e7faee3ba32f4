/* One repetition of a benchmark: see bench_subject.h.
 *
 * Prompts go through ridge_session_append, generation through ridge_generate with the greedy sampler: what serves users. The machine's limits
 * are probed between repetitions, outside the time that is measured. */
#include "cli/bench_subject.h"
#include <ctype.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/memory.h"
#include "cli/model_flags.h"
#include "perf/random.h"

struct bench_subject {
    bench_loading  how;
    ridge_model   *model;
    ridge_session *session;
    ridge_sampler *sampler;
    int32_t       *ids;                 /* the token at each position, whatever the test */
    const char    *arithmetic;
    double         weight_bytes;        /* of one token */
    char           isa[32], type[64];
};

int bench_test_positions(const bench_test *t) { return t->depth + t->prompt + t->gen + 2; }

/* ---- what a test has to do ---- */

/* Of several batches one after the other. */
typedef struct { double bytes, operations, seconds; } work;

/* Adds a batch, and the least time that the rates allow it: it takes as long as the slower of its memory and its arithmetic. */
static int add_batch(const bench_subject *b, int position, int tokens, bool logits, const pairing_probe *rates, work *sum, error *err) {
    ridge_cost cost;
    const int code = ridge_model_cost(b->model, (uint32_t)position, (uint32_t)tokens, logits, &cost, err);
    if (code) return code;
    const double bytes = cost.weight_bytes + cost.kv_bytes;
    const double memory = bytes * 1e-9 / rates->read, arithmetic = rates->peak > 0 ? cost.operations * 1e-9 / rates->peak : 0;
    sum->bytes += bytes;
    sum->operations += cost.operations;
    sum->seconds += memory > arithmetic ? memory : arithmetic;
    return 0;
}

static int chunk_of(const bench_loading *how) { return how->batch < how->micro_batch ? how->batch : how->micro_batch; }

static int sum_batches(const bench_subject *b, const bench_test *t, const pairing_probe *rates, work *sum, error *err) {
    const int chunk = chunk_of(&b->how);
    int code = 0, at = t->depth;
    *sum = (work){0};
    for (int left = t->prompt; left > 0 && !code; ) {
        const int n = left < chunk ? left : chunk;
        left -= n;
        code = add_batch(b, at, n, left == 0, rates, sum, err);
        at += n;
    }
    for (int i = 0; i < t->gen && !code; i++) code = add_batch(b, at++, 1, true, rates, sum, err);
    return code;
}

/* ---- running it ---- */

int bench_subject_prepare(bench_subject *b, const bench_test *t, error *err) {
    const size_t depth = (size_t)t->depth;
    size_t n;
    ridge_session_tokens(b->session, &n);
    if (n > depth) ridge_session_truncate(b->session, depth);
    return n < depth ? ridge_session_append(b->session, b->ids + n, depth - n, err) : 0;
}

static bool receive_text(void *user, int32_t token, const char *text, size_t n_bytes) {
    (void)user; (void)token; (void)text; (void)n_bytes;
    return true;
}

/* Behind a prompt of its own length, generation begins with the prompt's logits: one token more makes t->gen decoding steps. Without a
 * prompt, the token at the depth is the first step. */
static int generate(bench_subject *b, const bench_test *t, error *err) {
    const ridge_generate_options options = {
        .sampler = b->sampler, .max_tokens = (size_t)t->gen + (t->prompt > 0), .ignore_end = true, .on_token = receive_text,
    };
    ridge_generation done;
    const int code = ridge_generate(b->session, b->ids, (size_t)(t->depth + (t->prompt ? t->prompt : 1)), &options, &done, err);
    if (code || done.tokens == options.max_tokens) return code;
    return fail(err, RIDGE_E_INTERNAL, "%zu tokens were generated instead of %zu", done.tokens, options.max_tokens);
}

int bench_subject_run(bench_subject *b, const bench_test *t, double *seconds, error *err) {
    int code = bench_subject_prepare(b, t, err);
    if (code) return code;
    const uint64_t start = clock_ns();
    code = t->gen ? generate(b, t, err) : ridge_session_append(b->session, b->ids + t->depth, (size_t)t->prompt, err);
    *seconds = (double)(clock_ns() - start) * 1e-9;
    return code ? code : bench_subject_prepare(b, t, err);
}

int bench_subject_sample(bench_subject *b, const bench_test *t, const pairing *p, pairing_probe *before, bench_result *r, error *err) {
    pairing_probe after;
    work limit;
    const int i = r->n;
    int code = bench_subject_run(b, t, &r->seconds[i], err);
    if (!code) code = pairing_take(p, &after, err);
    if (code) return code;
    const pairing_probe mean = { (before->read + after.read) / 2, (before->peak + after.peak) / 2 };
    code = sum_batches(b, t, &mean, &limit, err);
    if (code) return code;
    r->read[i] = mean.read;
    r->peak_rate[i] = mean.peak;
    r->limit_seconds[i] = limit.seconds;
    r->n++;
    *before = after;
    return 0;
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

int bench_subject_profile(bench_subject *b, const bench_test *t, ridge_profile **profile, bench_result *r, error *err) {
    double ignored;
    int code = ridge_profile_new(profile, b->model, 0, err);
    if (!code) code = bench_subject_prepare(b, t, err);
    if (!code) code = ridge_profile_begin(*profile, err);
    if (code) return code;
    code = bench_subject_run(b, t, &ignored, err);
    ridge_profile_end(*profile);
    for (int phase = RIDGE_PROFILE_PROMPT; phase <= RIDGE_PROFILE_DECODE; phase++) {
        size_t n;
        const ridge_profile_row *rows = ridge_profile_rows(*profile, (ridge_profile_phase)phase, &n, NULL);
        for (size_t i = 0; i < n; i++) add_step(r, &rows[i]);
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

void bench_model_name(const ridge_model *m, char *text, size_t room) {
    const ridge_model_info info = ridge_model_get_info(m);
    char type[32];
    find_type(m, type, sizeof type);
    if (info.parameters >= 1000000000) snprintf(text, room, "%.20s %.1fB %s", info.architecture, (double)info.parameters * 1e-9, type);
    else                               snprintf(text, room, "%.20s %.0fM %s", info.architecture, (double)info.parameters * 1e-6, type);
}

static void stamp(bench_result *r) {
    const time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc)) strftime(r->time, sizeof r->time, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

int bench_subject_describe(const bench_subject *b, const bench_test *t, bench_result *r, error *err) {
    const bench_loading *how = &b->how;
    const ridge_model_info info = ridge_model_get_info(b->model);
    work all;
    const int code = sum_batches(b, t, &(pairing_probe){ .read = 1 }, &all, err);
    if (code) return code;
    *r = (bench_result){
        .version = ridge_version(), .model_file = how->path, .model_type = b->type, .model_bytes = info.file_bytes, .model_parameters = info.parameters,
        .backend = info.backend, .isa = b->isa, .fuse = how->model.fuse, .arithmetic = b->arithmetic,
        .type_k = info.cache_type_k, .type_v = info.cache_type_v, .precise = how->model.precise, .packed = how->model.pack || info.packed_version,
        .tuned = info.tuned,
        .threads = (int)how->model.threads, .batch = how->batch, .micro_batch = how->micro_batch, .load_seconds = info.load_seconds,
        .n_prompt = t->prompt, .n_gen = t->gen, .n_depth = t->depth, .bytes = all.bytes, .operations = all.operations,
    };
    stamp(r);
    return 0;
}

/* The arithmetic that the setting makes of the weights' own. */
static const char *actual_arithmetic(const ridge_cost *cost, bool precise) {
    if (!precise) return cost->arithmetic;
    return strcmp(cost->arithmetic, "int8") ? "f32" : "int24";
}

static int open_model(bench_subject *b, int positions, error *err) {
    const bench_loading *how = &b->how;
    ridge_model_options options = how->model;
    options.context_tokens = (uint32_t)positions;
    options.chunk_tokens = (uint32_t)chunk_of(how);
    int code = ridge_model_open(&b->model, how->path, &options, err);
    if (!code) code = ridge_session_open(&b->session, b->model, err);
    const ridge_sampler_options greedy = { .seed = 1, .repeat_penalty = 1, .typical_p = 1, .top_p = 1, .dynamic_exponent = 1 };
    return code ? code : ridge_sampler_new(&b->sampler, b->model, &greedy, err);
}

static int begin(bench_subject *b, int positions, error *err) {
    ridge_cost cost;
    int code = open_model(b, positions, err);
    if (!code) code = ridge_model_cost(b->model, 0, 1, true, &cost, err);
    if (code) return code;
    b->how.model.threads = ridge_model_get_info(b->model).threads;
    b->weight_bytes = cost.weight_bytes;
    b->arithmetic = actual_arithmetic(&cost, b->how.model.precise);
    model_isa(b->model, b->isa, sizeof b->isa);
    bench_model_name(b->model, b->type, sizeof b->type);
    b->ids = memory_new((size_t)positions, sizeof *b->ids);
    if (!b->ids) return fail_memory(err, (size_t)positions * sizeof *b->ids, "the tokens of a benchmark");
    uint64_t seed = 1;
    for (int i = 0; i < positions; i++) b->ids[i] = (int32_t)random_below(&seed, ridge_model_get_info(b->model).n_vocab);
    return 0;
}

int bench_subject_open(bench_subject **out, const bench_loading *how, int positions, error *err) {
    *out = NULL;
    bench_subject *b = memory_new(1, sizeof *b);
    if (!b) return fail_memory(err, sizeof *b, "a benchmark");
    b->how = *how;
    const int code = begin(b, positions, err);
    if (code) bench_subject_close(b);
    else *out = b;
    return code;
}

void bench_subject_close(bench_subject *b) {
    if (!b) return;
    ridge_sampler_free(b->sampler);
    ridge_session_close(b->session);
    ridge_model_close(b->model);
    memory_free(b->ids);
    memory_free(b);
}

int bench_subject_probes(const bench_subject *b, int threads, pairing *p, error *err) {
    return pairing_open(p, threads ? threads : (int)b->how.model.threads, b->weight_bytes, b->arithmetic, b->isa, err);
}
