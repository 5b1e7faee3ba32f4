/* ridge_quantize: a model's matrices in another weight format, everything else as it was. The input is mapped, the output written
 * piece by piece by all threads; memory is a few rows a thread, whatever the model's size. */
#include <math.h>
#include <regex.h>
#include <string.h>
#include "base/events.h"
#include "base/memory.h"
#include "engine/rewrite.h"
#include "model/gguf_parse.h"
#include "model/imatrix.h"
#include "model/quantize_rule.h"

enum {
    PIECE_VALUES = 1 << 16,         /* of a matrix that is converted; at least a row */
    PIECE_BYTES = 1 << 22,          /* of a tensor that is copied */
    QUANTIZATION_VERSION = 2,       /* of ggml's formats: general.quantization_version */
};

/* What happens to one tensor of the input. */
typedef struct {
    const gguf_tensor *tensor;
    const format *from, *to;        /* NULL: copied */
    const float  *importance;       /* [stacked matrices][row_values], or NULL */
    uint64_t row_values;            /* of a conversion */
    uint64_t offset, bytes;         /* in the output */
} job;

typedef struct {
    job          *jobs;
    rewrite_work  work;             /* its jobs are these: rows of a conversion, bytes of a copy */
    uint64_t      most_values, most_bytes;      /* of a conversion's piece */
    gguf_output  *output;
    imatrix      *importance;       /* NULL: none is given */
    size_t        n_without;        /* matrices that it has no entry of, and the first */
    const gguf_tensor *first_without;
    const ridge_quantize_options *options;
} quantizer;

/* ---- choosing ------------------------------------------------------------------------------------------------------ */

typedef struct { regex_t *pattern; const format **format; size_t n; } overrides;

static void free_overrides(overrides *o) {
    for (size_t i = 0; i < o->n; i++) regfree(&o->pattern[i]);
    memory_free(o->pattern);
    memory_free(o->format);
}

/* On failure too, *o is to be freed. */
static int read_overrides(overrides *o, const ridge_quantize_options *options, error *err) {
    *o = (overrides){0};
    o->pattern = memory_new(options->n_overrides, sizeof *o->pattern);
    o->format = memory_new(options->n_overrides, sizeof *o->format);
    if (!o->pattern || !o->format) return fail_memory(err, options->n_overrides * sizeof *o->pattern, "the tensors' types");
    for (size_t i = 0; i < options->n_overrides; i++) {
        const quantize_type *type;
        const ridge_tensor_type *t = &options->overrides[i];
        o->format[i] = format_by_name(t->type);
        if (!o->format[i] && quantize_type_find(&type, t->type, err)) return fail_within(err, "%s=%s", t->pattern, t->type);
        if (!o->format[i]) o->format[i] = &formats[type->format];
        const int refused = regcomp(&o->pattern[i], t->pattern, REG_EXTENDED | REG_NOSUB);
        if (refused) {
            char why[100];
            regerror(refused, &o->pattern[i], why, sizeof why);
            return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" is no regular expression: %s", t->pattern, why);
        }
        o->n++;
    }
    return 0;
}

static const format *overridden(const overrides *o, const gguf_tensor *t, error *err, int *code) {
    char *name = o->n ? memory_copy_text(t->name.text, t->name.n) : NULL;
    const format *f = NULL;
    if (o->n && !name) *code = fail_memory(err, t->name.n, "a tensor's name");
    for (size_t i = 0; name && !f && i < o->n; i++)
        if (!regexec(&o->pattern[i], name, 0, NULL, 0)) f = o->format[i];
    memory_free(name);
    return f;
}

/* What errors in j's matrix count, where its format asks. */
static int find_importance(quantizer *q, job *j, error *err) {
    if (!q->importance || !j->to || !j->to->quantize_weighted) return 0;
    const gguf_tensor *t = j->tensor;
    const uint64_t n = t->dimension[0] * t->dimension[2] * t->dimension[3];
    const imatrix_entry *e = imatrix_find(q->importance, t->name);
    char name[GGUF_NAME_TEXT];
    if (e && e->n != n)
        return fail(err, RIDGE_E_BAD_ARGUMENT, "%s knows %llu inputs of tensor %s, which has %llu: it is of another model", q->options->imatrix,
                    (unsigned long long)e->n, gguf_name_text(t->name, name), (unsigned long long)n);
    if (e) j->importance = e->mean_square;
    else if (!q->n_without++) q->first_without = t;
    return 0;
}

/* Tells which matrices are quantised as if no importance were given; refuses when all are. */
static int tell_missing_importance(const quantizer *q, error *err) {
    size_t n_with = 0;
    char name[GGUF_NAME_TEXT];
    for (size_t i = 0; i < q->work.n_jobs; i++) n_with += q->jobs[i].importance != NULL;
    if (!q->n_without) return 0;
    gguf_name_text(q->first_without->name, name);
    if (!n_with) return fail(err, RIDGE_E_BAD_ARGUMENT, "%s has no entry of any matrix that is quantised, such as %s: it is of another model",
                             q->options->imatrix, name);
    event(EVENT_importance_missing, "%zu of %zu matrices %s no entry in %s and %s quantised without importance, first %s", q->n_without,
          q->n_without + n_with, q->n_without == 1 ? "has" : "have", q->options->imatrix, q->n_without == 1 ? "is" : "are", name);
    return 0;
}

/* Sets j's conversion, if it needs one. */
static int choose(job *j, const gguf *g, const quantize_type *type, const quantize_model *m, const overrides *o, const ridge_quantize_options *options,
                  error *err) {
    const gguf_tensor *t = j->tensor;
    int code = 0;
    if (!quantize_wants(t)) return 0;
    const format *asked = overridden(o, t, err, &code);
    if (code) return code;
    if (!asked) asked = &formats[quantize_choose(type, m, options->pure, t)];
    const format *to = &formats[quantize_fitting((format_id)(asked - formats), t->dimension[0])];
    if (to != asked) event(EVENT_format_replaced, "rows of %llu values are no multiple of %s's block of %zu: those matrices are %s",
                           (unsigned long long)t->dimension[0], asked->name, asked->block_k, to->name);
    if (to->gguf_type == t->type) return 0;
    const gguf_type_info *its = gguf_type(t->type);
    j->from = format_by_gguf_type(t->type);
    j->to = to;
    if (!j->from) return gguf_fail_tensor(err, RIDGE_E_UNSUPPORTED, g, t, "it is %s, which Ridge cannot read: start from the F16 or F32 model",
                                          its ? its->name : "of an unknown type");
    if (j->from->block_k > 1 && to->block_k > 1 && !options->allow_requantize)
        return gguf_fail_tensor(err, RIDGE_E_UNSUPPORTED, g, t, "it is %s already, and quantising it again to %s would add up errors: start from the "
                                "F16 or F32 model, or allow it (--allow-requantize)", j->from->name, to->name);
    return 0;
}

static void lay_out(quantizer *q, size_t i, gguf_header *h) {
    job *j = &q->jobs[i];
    rewrite_job *cut = &q->work.jobs[i];
    const gguf_tensor *t = j->tensor;
    *cut = (rewrite_job){ .n = t->bytes, .piece = PIECE_BYTES };
    j->bytes = t->bytes;
    if (j->to) {
        j->row_values = t->dimension[0];
        cut->n = t->dimension[1] * t->dimension[2] * t->dimension[3];
        cut->piece = j->row_values < PIECE_VALUES ? PIECE_VALUES / j->row_values : 1;
        const uint64_t row_bytes = format_row_bytes(j->to, j->row_values);
        j->bytes = cut->n * row_bytes;
        if (cut->piece * j->row_values > q->most_values) q->most_values = cut->piece * j->row_values;
        if (cut->piece * row_bytes > q->most_bytes) q->most_bytes = cut->piece * row_bytes;
    }
    q->work.all_bytes += t->bytes;
    j->offset = gguf_write_tensor(h, t->name, j->to ? j->to->gguf_type : t->type, t->n_dimensions, t->dimension, j->bytes);
}

/* ---- converting ---------------------------------------------------------------------------------------------------- */

static bool all_finite(const float *x, uint64_t n) {
    float sum = 0;                      /* 0 * x is 0 or NaN */
    for (uint64_t i = 0; i < n; i++) sum += 0 * x[i];
    return sum == 0;
}

/* Converts rows [row, row + rows) and writes them. 0, errno, or -1: not finite. */
static int convert(const quantizer *q, const job *j, uint64_t row, uint64_t rows, float *x, unsigned char *y) {
    const size_t from_bytes = format_row_bytes(j->from, j->row_values), to_bytes = format_row_bytes(j->to, j->row_values);
    for (uint64_t r = 0; r < rows; r++) {
        j->from->dequantize(x, j->tensor->data + (row + r) * from_bytes, j->row_values);
        if (!all_finite(x, j->row_values)) return -1;
        const float *importance = j->importance ? j->importance + (row + r) / j->tensor->dimension[1] * j->row_values : NULL;
        if (importance) j->to->quantize_weighted(y + r * to_bytes, x, importance, j->row_values);
        else j->to->quantize(y + r * to_bytes, x, j->row_values);
    }
    return gguf_write_data(q->output, j->offset + row * to_bytes, y, rows * to_bytes);
}

/* A thread's room: values, then what they become. */
static int make(void *user, size_t i, uint64_t from, uint64_t n, void *room, uint64_t *done_bytes) {
    const quantizer *q = user;
    const job *j = &q->jobs[i];
    *done_bytes = j->to ? n * format_row_bytes(j->from, j->row_values) : n;
    return j->to ? convert(q, j, from, n, room, (unsigned char *)room + q->most_values * sizeof(float))
                 : gguf_write_data(q->output, j->offset + from, j->tensor->data + from, n);
}

static int run(quantizer *q, const gguf *g, error *err) {
    team *t;
    int code = team_new(&t, q->options->threads, err);
    if (code) return code;
    q->work.room_bytes = q->most_values * sizeof(float) + q->most_bytes;
    q->work.make = make;
    q->work.user = q;
    code = rewrite_run(t, &q->work, err);
    team_free(t);
    return code != RIDGE_E_BAD_FILE ? code : gguf_fail_tensor(err, code, g, q->jobs[q->work.failed_job].tensor, "it has a value that is not finite");
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

/* What is no longer true of the input, and under llama-quantize's keys what the importance was. */
static int put_metadata(const quantizer *q, gguf_header *h, const gguf *g, const quantize_type *type, error *err) {
    const rewrite_number ours[] = { { "general.file_type", type->file_type }, { "general.quantization_version", QUANTIZATION_VERSION } };
    rewrite_metadata(h, g, ours, sizeof ours / sizeof *ours, q->importance ? "quantize.imatrix." : NULL);
    if (!q->importance) return 0;
    const gguf_string dataset = imatrix_dataset(q->importance);
    char *text = memory_copy_text(dataset.text, dataset.n);
    if (!text) return fail_memory(err, dataset.n, "a text's name");
    gguf_write_text(h, "quantize.imatrix.file", q->options->imatrix);
    gguf_write_text(h, "quantize.imatrix.dataset", text);
    gguf_write_u32(h, "quantize.imatrix.entries_count", (uint32_t)imatrix_n_entries(q->importance));
    gguf_write_u32(h, "quantize.imatrix.chunks_count", imatrix_n_chunks(q->importance));
    memory_free(text);
    return 0;
}

static int prepare(quantizer *q, gguf_header *h, const gguf *g, const quantize_type *type, error *err) {
    quantize_model m = quantize_model_read(g);
    const size_t n = gguf_n_tensors(g);
    overrides o;
    int code = read_overrides(&o, q->options, err);
    m.has_importance = q->importance;
    q->jobs = memory_new(n, sizeof *q->jobs);
    q->work.jobs = memory_new(n, sizeof *q->work.jobs);
    q->work.n_jobs = n;
    if (!code && (!q->jobs || !q->work.jobs)) code = fail_memory(err, n * sizeof *q->jobs, "a list of tensors");
    h->alignment = (uint32_t)gguf_alignment(g);
    if (!code) code = put_metadata(q, h, g, type, err);
    for (size_t i = 0; !code && i < n; i++) {
        q->jobs[i].tensor = gguf_tensor_at(g, i);
        code = choose(&q->jobs[i], g, type, &m, &o, q->options, err);
        if (!code) code = find_importance(q, &q->jobs[i], err);
        if (!code) lay_out(q, i, h);
    }
    free_overrides(&o);
    return code ? code : tell_missing_importance(q, err);
}

static int refuse_packed(const gguf *g, const char *input, error *err) {
    return gguf_packed_version(g) ? fail(err, RIDGE_E_UNSUPPORTED, "%s is a packed file, whose weights cannot be quantised again: start from the "
                                         "F16 or F32 file of the model", input) : 0;
}

int ridge_quantize(const char *input, const char *output, const ridge_quantize_options *options, ridge_quantized *out, ridge_error *err) {
    const quantize_type *type;
    gguf *g = NULL;
    gguf_header h = {0};
    if (!options || !options->type) return fail(err, RIDGE_E_BAD_ARGUMENT, "a type is required: %s", quantize_type_names());
    quantizer q = { .options = options, .work = { .path = output, .on_progress = options->on_progress, .progress_user = options->user } };
    int code = quantize_type_find(&type, options->type, err);
    if (!code) code = gguf_open(&g, input, err);
    if (!code) code = refuse_packed(g, input, err);
    if (!code) code = rewrite_refuse_input(g, output, err);
    if (!code && options->imatrix) code = imatrix_open(&q.importance, options->imatrix, err);
    if (!code) code = prepare(&q, &h, g, type, err);
    if (!code) code = gguf_write_open(&q.output, output, &h, err);
    if (q.output) {
        code = run(&q, g, err);
        if (code) gguf_write_discard(q.output);
        else code = gguf_write_finish(q.output, true, err);
    }
    if (!code && out) {
        *out = (ridge_quantized){ .tensors = q.work.n_jobs, .bytes_before = q.work.all_bytes };
        for (size_t i = 0; i < q.work.n_jobs; i++) {
            out->changed += q.jobs[i].to != NULL;
            out->weighted += q.jobs[i].importance != NULL;
            out->bytes_after += q.jobs[i].bytes;
        }
    }
    memory_free(q.jobs);
    memory_free(q.work.jobs);
    imatrix_close(q.importance);
    gguf_header_free(&h);
    gguf_close(g);
    return code;
}

const char *ridge_quantize_types(void) { return quantize_type_names(); }
