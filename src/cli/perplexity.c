/* ridge perplexity: how well a model predicts a text, and how far it is from a reference, so that speed can be shown beside quality.
 * The text is cut into chunks of -c tokens, each evaluated alone, as llama-perplexity does: it scores the second half of a chunk, where
 * every token has a context; we print all tokens as well. A few rows of logits are held at a time, whatever the text's length. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/model_flags.h"
#include "cli/text_input.h"
#include "perf/quality.h"

enum { ROWS_AT_ONCE = 128, CHUNK_DEFAULT = 512 };

typedef struct {
    model_arguments model;
    const char *file, *kl;
    int  chunks;                    /* 0: all */
    bool kl_reference, json, quiet;
} arguments;

/* The model that is judged, or the reference. */
typedef struct { ridge_model *model; ridge_session *session; float *rows; } side;

typedef struct {
    side    judged, reference;      /* reference.model NULL: there is none */
    size_t  n_vocab, chunk, rows;
    int32_t bos;                    /* takes the place of a chunk's first token; -1: none */
    quality all, second_half;
    double  seconds;                /* in the judged model */
} judgement;

static int side_open(side *s, const model_arguments *a, size_t rows, error *err) {
    int code = model_arguments_open(&s->model, a, RIDGE_LOAD_ALL, true, err);
    if (!code) code = ridge_session_open(&s->session, s->model, err);
    if (code) return code;
    const size_t n_vocab = ridge_model_get_info(s->model).n_vocab;
    s->rows = memory_new(rows * n_vocab, sizeof *s->rows);
    return s->rows ? 0 : fail_memory(err, rows * n_vocab * sizeof *s->rows, "rows of logits");
}

static void side_close(side *s) {
    memory_free(s->rows);
    ridge_session_close(s->session);
    ridge_model_close(s->model);
}

static int judge_rows(judgement *j, const int32_t *ids, size_t from, size_t n, error *err) {
    int code = 0;
    for (size_t i = 0; !code && i < n && from + i + 1 < j->chunk; i++) {       /* nothing follows the last one */
        const float *reference = j->reference.model ? j->reference.rows + i * j->n_vocab : NULL;
        const quality_token t = quality_of(j->judged.rows + i * j->n_vocab, reference, j->n_vocab, ids[from + i + 1]);
        code = quality_add(&j->all, &t, err);
        if (!code && from + i >= j->chunk / 2) code = quality_add(&j->second_half, &t, err);
    }
    return code;
}

/* ids [chunk]; the first may be overwritten. */
static int judge_chunk(judgement *j, int32_t *ids, error *err) {
    int code = 0;
    if (j->bos >= 0) ids[0] = j->bos;
    ridge_session_truncate(j->judged.session, 0);
    if (j->reference.model) ridge_session_truncate(j->reference.session, 0);
    for (size_t from = 0, n; !code && from < j->chunk; from += n) {
        n = j->chunk - from < j->rows ? j->chunk - from : j->rows;
        const double start = clock_seconds();
        code = ridge_session_append_all(j->judged.session, ids + from, n, j->judged.rows, err);
        j->seconds += clock_seconds() - start;
        if (!code && j->reference.model) code = ridge_session_append_all(j->reference.session, ids + from, n, j->reference.rows, err);
        if (!code) code = judge_rows(j, ids, from, n, err);
    }
    return code;
}

static int judge(judgement *j, ridge_tokens *t, size_t chunks, const arguments *a, error *err) {
    int code = 0;
    for (size_t i = 0; !code && i < chunks; i++) {
        code = judge_chunk(j, t->ids + i * j->chunk, err);
        if (code || a->quiet) continue;
        const quality_summary s = quality_summarize(&j->second_half);
        fprintf(stderr, "chunk %zu of %zu: perplexity %.4f", i + 1, chunks, s.perplexity);
        if (j->reference.model) fprintf(stderr, ", mean divergence %.6f, same favourite %.2f %%", s.kl_mean, 100 * s.same_top);
        fputc('\n', stderr);
    }
    return code;
}

static void print_row(const char *name, quality *q, bool reference) {
    const quality_summary s = quality_summarize(q);
    printf("%-12s %7zu %12.4f +- %-8.4f", name, q->n, s.perplexity, s.perplexity_error);
    if (reference) printf(" %12.4f %10.6f %10.6f %10.6f %10.4f %9.2f %%", s.reference_perplexity, s.kl_mean, s.kl_median, s.kl_99, s.kl_most, 100 * s.same_top);
    putchar('\n');
}

static void print_text(judgement *j) {
    const bool reference = j->reference.model;
    printf("%-12s %7s %12s %11s", "", "tokens", "perplexity", "");
    if (reference) printf(" %12s %10s %10s %10s %10s %11s", "reference's", "KL mean", "median", "99 %", "most", "same top");
    putchar('\n');
    print_row("second half", &j->second_half, reference);
    print_row("all", &j->all, reference);
}

static json_t *summary_object(quality *q, bool reference) {
    const quality_summary s = quality_summarize(q);
    json_t *all = json_pack("{s:I, s:f, s:f}", "tokens", (json_int_t)q->n, "perplexity", s.perplexity, "perplexity_error", s.perplexity_error);
    if (!reference) return all;
    json_t *more = json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "reference_perplexity", s.reference_perplexity, "kl_mean", s.kl_mean,
                             "kl_median", s.kl_median, "kl_99", s.kl_99, "kl_most", s.kl_most, "same_top", s.same_top);
    json_object_update_missing(all, more);
    json_decref(more);
    return all;
}

static int print_json(judgement *j, size_t chunks, error *err) {
    const ridge_model_info m = ridge_model_get_info(j->judged.model);
    json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:I, s:f}", "model", m.path, "backend", m.backend, "weight_bytes", (json_int_t)m.weight_bytes,
                            "context", (json_int_t)j->chunk, "chunks", (json_int_t)chunks,
                            "tokens_per_second", (double)(chunks * j->chunk) / j->seconds);
    if (j->reference.model) {
        const ridge_model_info r = ridge_model_get_info(j->reference.model);
        json_object_set_new(all, "reference", json_pack("{s:s, s:s}", "model", r.path, "backend", r.backend));
    }
    json_object_set_new(all, "second_half", summary_object(&j->second_half, j->reference.model));
    json_object_set_new(all, "all", summary_object(&j->all, j->reference.model));
    const int failed = json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(all);
    if (failed) return fail(err, RIDGE_E_IO, "the result could not be written as JSON");
    putchar('\n');
    return 0;
}

/* Opens what is needed and says how many chunks there are. */
static int prepare(judgement *j, const arguments *a, ridge_tokens *t, size_t *chunks, error *err) {
    buffer text = {0};
    j->chunk = (size_t)a->model.context;
    j->rows = (size_t)a->model.chunk < j->chunk ? (size_t)a->model.chunk : j->chunk;
    int code = read_text(a->file, &text, err);
    if (!code) code = side_open(&j->judged, &a->model, j->rows, err);
    if (!code) j->n_vocab = ridge_model_get_info(j->judged.model).n_vocab;
    if (!code) code = ridge_tokenize(j->judged.model, buffer_text(&text), text.n, RIDGE_ADD_SPECIAL, t, err);
    buffer_free(&text);
    if (!code) code = text_first_token(j->judged.model, &j->bos, err);
    *chunks = t->n / j->chunk;
    if (!code && !*chunks) code = fail(err, RIDGE_E_BAD_ARGUMENT, "%s has %zu tokens, less than a chunk of %zu: -c makes it smaller", a->file, t->n, j->chunk);
    if (a->chunks && *chunks > (size_t)a->chunks) *chunks = (size_t)a->chunks;
    if (code || (!a->kl && !a->kl_reference)) return code;
    model_arguments reference = a->model;
    if (a->kl) reference.model = a->kl;
    reference.reference = a->kl_reference;
    reference.precise = true;
    code = side_open(&j->reference, &reference, j->rows, err);
    if (code) return fail_within(err, "the reference");
    const uint32_t there = ridge_model_get_info(j->reference.model).n_vocab;
    if (there != j->n_vocab)
        return fail(err, RIDGE_E_BAD_ARGUMENT, "the reference's vocabulary has %u tokens, the model's %zu: they cannot be compared", there, j->n_vocab);
    return 0;
}

int cmd_perplexity(int argc, char **argv) {
    arguments a = { .model = MODEL_ARGUMENTS_DEFAULT };
    a.model.context = CHUNK_DEFAULT;
    a.model.chunk = ROWS_AT_ONCE;
    const flag flags[] = {
        MODEL_FLAG(a.model),
        { "-f --file",      "FILE",  "the text; - is standard input", .text = &a.file },
        { "--chunks",       "N",     "only the first N chunks (default: all)", .number = &a.chunks, .least = 1, .most = 1 << 30 },
        { "--kl",           "MODEL", "compare with this model, in precise arithmetic", .text = &a.kl },
        { "--kl-reference", NULL,    "compare with plain f32 (slow): of the same file, or of --kl's", .on = &a.kl_reference },
        { "--json",         NULL,    "print JSON", .on = &a.json },
        { "-q --quiet",     NULL,    "no progress", .on = &a.quiet },
    };
    const flag backend[] = { BACKEND_FLAGS(a.model) };
    const command_line line = {
        .usage = "ridge perplexity -m MODEL -f FILE [flags]",
        .about = "How well a model predicts a text: exp of the mean -log p, over chunks of -c tokens (512), each evaluated alone.\n"
                 "\"second half\" scores tokens behind the middle of a chunk, as llama-perplexity does. With --kl or --kl-reference also how\n"
                 "far the model is from a reference: the Kullback-Leibler divergence in nats, and how often both prefer the same token.",
        .groups = { FLAG_GROUP("Flags", flags), FLAG_GROUP("Arithmetic and speed", backend) },
    };
    int n_rest;
    error err;
    judgement j = {0};
    ridge_tokens t = {0};
    size_t chunks = 0;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (code) return command_end(code, &err);
    if (n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge perplexity takes no argument, not \"%s\"", argv[1]);
    else if (!a.file) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "-f FILE says which text");
    else if (a.model.context < 4) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "a chunk of %d tokens is too short: -c takes 4 or more", a.model.context);
    if (!code) code = prepare(&j, &a, &t, &chunks, &err);
    if (!code) code = judge(&j, &t, chunks, &a, &err);
    if (!code && a.json) code = print_json(&j, chunks, &err);
    else if (!code) print_text(&j);
    quality_free(&j.all);
    quality_free(&j.second_half);
    side_close(&j.judged);
    side_close(&j.reference);
    ridge_tokens_free(&t);
    return command_end(code, &err);
}
