/* ridge_quantize: a model's matrices in another weight format, everything else as it was. The input is mapped, the output written
 * piece by piece by all threads; memory is a few rows a thread, whatever the model's size. */
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include "base/events.h"
#include "base/memory.h"
#include "cpu/team.h"
#include "model/gguf_parse.h"
#include "model/gguf_write.h"
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
    uint64_t row_values, rows;      /* of a conversion */
    uint64_t piece, n_pieces;       /* rows, or bytes, of one; how many */
    uint64_t offset, bytes;         /* in the output */
} job;

typedef struct {
    job          *jobs;
    size_t        n_jobs;
    uint64_t      n_pieces, all_bytes, most_values, most_bytes;     /* of a conversion's piece */
    gguf_output  *output;
    const ridge_quantize_options *options;
    atomic_uint_least64_t next, done_bytes;
    atomic_int    failed;           /* errno of the first failure to write, or -1 for the first bad value */
    atomic_size_t failed_job;
} work;

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

/* Sets j's conversion, if it needs one. */
static int choose(job *j, const quantize_type *type, const quantize_model *m, const overrides *o, const ridge_quantize_options *options, error *err) {
    const gguf_tensor *t = j->tensor;
    char name[GGUF_NAME_TEXT];
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
    if (!j->from) return fail(err, RIDGE_E_UNSUPPORTED, "tensor %s is %s, which Ridge cannot read: start from the F16 or F32 model",
                              gguf_name_text(t->name, name), its ? its->name : "of an unknown type");
    if (j->from->block_k > 1 && to->block_k > 1 && !options->allow_requantize)
        return fail(err, RIDGE_E_UNSUPPORTED, "tensor %s is %s already, and quantising it again to %s would add up errors: start from the F16 or F32 "
                    "model, or allow it (--allow-requantize)", gguf_name_text(t->name, name), j->from->name, to->name);
    return 0;
}

static void lay_out(work *w, job *j, gguf_header *h) {
    const gguf_tensor *t = j->tensor;
    j->bytes = t->bytes;
    if (j->to) {
        j->row_values = t->dimension[0];
        j->rows = t->dimension[1] * t->dimension[2] * t->dimension[3];
        j->piece = j->row_values < PIECE_VALUES ? PIECE_VALUES / j->row_values : 1;
        j->n_pieces = (j->rows + j->piece - 1) / j->piece;
        j->bytes = j->rows * format_row_bytes(j->to, j->row_values);
        if (j->piece * j->row_values > w->most_values) w->most_values = j->piece * j->row_values;
        if (j->piece * format_row_bytes(j->to, j->row_values) > w->most_bytes) w->most_bytes = j->piece * format_row_bytes(j->to, j->row_values);
    } else {
        j->piece = PIECE_BYTES;
        j->n_pieces = (j->bytes + PIECE_BYTES - 1) / PIECE_BYTES;
    }
    w->n_pieces += j->n_pieces;
    w->all_bytes += t->bytes;
    j->offset = gguf_write_tensor(h, t->name, j->to ? j->to->gguf_type : t->type, t->n_dimensions, t->dimension, j->bytes);
}

/* The input's metadata, with what is no longer true replaced and the keys of a split model left out. */
static void put_metadata(gguf_header *h, const gguf *g, const quantize_type *type) {
    const struct { const char *key; uint32_t value; } ours[] = {
        { "general.file_type", type->file_type }, { "general.quantization_version", QUANTIZATION_VERSION },
    };
    bool written[2] = {0};
    for (size_t i = 0; i < gguf_n_values(g); i++) {
        const gguf_value *v = gguf_value_at(g, i);
        if (v->key.n >= 6 && !memcmp(v->key.text, "split.", 6)) continue;
        bool replaced = false;
        for (size_t k = 0; k < 2; k++) {
            if (v->key.n != strlen(ours[k].key) || memcmp(v->key.text, ours[k].key, v->key.n)) continue;
            gguf_write_u32(h, ours[k].key, ours[k].value);
            written[k] = replaced = true;
        }
        if (!replaced) gguf_write_value(h, v);
    }
    for (size_t k = 0; k < 2; k++)
        if (!written[k]) gguf_write_u32(h, ours[k].key, ours[k].value);
}

/* ---- converting ---------------------------------------------------------------------------------------------------- */

static bool all_finite(const float *x, uint64_t n) {
    float sum = 0;                      /* 0 * x is 0 or NaN */
    for (uint64_t i = 0; i < n; i++) sum += 0 * x[i];
    return sum == 0;
}

/* Converts rows [row, row + rows) and writes them. 0, errno, or -1: not finite. */
static int convert(const work *w, const job *j, uint64_t row, uint64_t rows, float *x, unsigned char *y) {
    const size_t from_bytes = format_row_bytes(j->from, j->row_values), to_bytes = format_row_bytes(j->to, j->row_values);
    for (uint64_t r = 0; r < rows; r++) {
        j->from->dequantize(x, j->tensor->data + (row + r) * from_bytes, j->row_values);
        if (!all_finite(x, j->row_values)) return -1;
        j->to->quantize(y + r * to_bytes, x, j->row_values);
    }
    return gguf_write_data(w->output, j->offset + row * to_bytes, y, rows * to_bytes);
}

static int do_piece(work *w, const job *j, uint64_t piece, float *x, unsigned char *y) {
    const uint64_t from = piece * j->piece, all = j->to ? j->rows : j->bytes, n = all - from < j->piece ? all - from : j->piece;
    atomic_fetch_add(&w->done_bytes, j->to ? n * format_row_bytes(j->from, j->row_values) : n);
    return j->to ? convert(w, j, from, n, x, y) : gguf_write_data(w->output, j->offset + from, j->tensor->data + from, n);
}

static void fail_work(work *w, int why, size_t in_job) {
    int none = 0;
    if (atomic_compare_exchange_strong(&w->failed, &none, why)) atomic_store(&w->failed_job, in_job);
}

static void do_pieces(void *user, uint32_t rank) {
    work *w = user;
    float *x = memory_new_aligned(w->most_values * sizeof *x);
    unsigned char *y = memory_new_aligned(w->most_bytes);
    if (!x || !y) fail_work(w, ENOMEM, 0);
    uint64_t number, before = 0;                /* pieces of the jobs in front of job i */
    size_t i = 0;
    while (!atomic_load(&w->failed) && (number = atomic_fetch_add(&w->next, 1)) < w->n_pieces) {
        while (number - before >= w->jobs[i].n_pieces) before += w->jobs[i++].n_pieces;
        const int failed = do_piece(w, &w->jobs[i], number - before, x, y);
        if (failed) fail_work(w, failed, i);
        if (!rank && w->options->on_progress) w->options->on_progress(w->options->user, atomic_load(&w->done_bytes), w->all_bytes);
    }
    memory_free(x);
    memory_free(y);
}

static int run(work *w, error *err) {
    team *t;
    const int code = team_new(&t, w->options->threads, err);
    if (code) return code;
    team_run(t, do_pieces, w);
    team_free(t);
    const int failed = atomic_load(&w->failed);
    char name[GGUF_NAME_TEXT];
    if (failed < 0) return fail(err, RIDGE_E_BAD_FILE, "tensor %s has a value that is not finite", gguf_name_text(w->jobs[atomic_load(&w->failed_job)].tensor->name, name));
    if (failed == ENOMEM) return fail_memory(err, w->most_values * sizeof(float), "rows of weights");
    return failed ? fail(err, RIDGE_E_IO, "cannot write: %s", strerror(failed)) : 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

static int refuse_input(const gguf *g, const char *output, error *err) {
    struct stat there, here;
    if (stat(output, &there)) return 0;
    for (size_t i = 0; i < gguf_n_parts(g); i++)
        if (!stat(gguf_part(g, i)->path, &here) && here.st_dev == there.st_dev && here.st_ino == there.st_ino)
            return fail(err, RIDGE_E_BAD_ARGUMENT, "%s is the input itself: give the output another name", output);
    return 0;
}

static int prepare(work *w, gguf_header *h, const gguf *g, const quantize_type *type, error *err) {
    const quantize_model m = quantize_model_read(g);
    overrides o;
    int code = read_overrides(&o, w->options, err);
    w->n_jobs = gguf_n_tensors(g);
    w->jobs = memory_new(w->n_jobs, sizeof *w->jobs);
    if (!code && !w->jobs) code = fail_memory(err, w->n_jobs * sizeof *w->jobs, "a list of tensors");
    h->alignment = (uint32_t)gguf_alignment(g);
    put_metadata(h, g, type);
    for (size_t i = 0; !code && i < w->n_jobs; i++) {
        w->jobs[i].tensor = gguf_tensor_at(g, i);
        code = choose(&w->jobs[i], type, &m, &o, w->options, err);
        if (!code) lay_out(w, &w->jobs[i], h);
    }
    free_overrides(&o);
    return code;
}

int ridge_quantize(const char *input, const char *output, const ridge_quantize_options *options, ridge_quantized *out, ridge_error *err) {
    const quantize_type *type;
    gguf *g = NULL;
    gguf_header h = {0};
    work w = { .options = options };
    if (!options || !options->type) return fail(err, RIDGE_E_BAD_ARGUMENT, "a type is required: %s", quantize_type_names());
    int code = quantize_type_find(&type, options->type, err);
    if (!code) code = gguf_open(&g, input, err);
    if (!code) code = refuse_input(g, output, err);
    if (!code) code = prepare(&w, &h, g, type, err);
    if (!code) code = gguf_write_open(&w.output, output, &h, err);
    if (w.output) {
        code = run(&w, err);
        if (code) gguf_write_discard(w.output);
        else code = gguf_write_finish(w.output, true, err);
    }
    if (!code && out) {
        *out = (ridge_quantized){ .tensors = w.n_jobs, .bytes_before = w.all_bytes };
        for (size_t i = 0; i < w.n_jobs; i++) {
            out->changed += w.jobs[i].to != NULL;
            out->bytes_after += w.jobs[i].bytes;
        }
    }
    memory_free(w.jobs);
    gguf_header_free(&h);
    gguf_close(g);
    return code;
}

const char *ridge_quantize_types(void) { return quantize_type_names(); }
