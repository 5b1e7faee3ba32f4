/* Results of benchmarks as text: the five formats of llama-bench, from one list of fields. Field names and their order up to stddev_ts
 * are llama-bench's; those behind are ours. */
#include <string.h>
#include "base/machine.h"
#include "perf/bench_result.h"
#include "perf/build.h"

typedef enum { TEXT, WHOLE, REAL, TRUTH, REALS } field_kind;    /* REALS: only where the format has arrays */
typedef struct {
    const char   *name;
    field_kind    kind;
    const char   *text;
    double        number;       /* WHOLE, REAL, TRUTH */
    const double *reals;        /* REALS: r->n of them, each times `scale` */
    double        scale;
} field;

enum { FIELDS_MOST = 96 };
typedef struct { field f[FIELDS_MOST]; size_t n; } fields;

static void text(fields *l, const char *name, const char *v)   { l->f[l->n++] = (field){ .name = name, .kind = TEXT, .text = v }; }
static void whole(fields *l, const char *name, double v)       { l->f[l->n++] = (field){ .name = name, .kind = WHOLE, .number = v }; }
static void real(fields *l, const char *name, double v)        { l->f[l->n++] = (field){ .name = name, .kind = REAL, .number = v }; }
static void truth(fields *l, const char *name, bool v)         { l->f[l->n++] = (field){ .name = name, .kind = TRUTH, .number = v }; }
static void reals(fields *l, const char *name, const double *v, double scale) { l->f[l->n++] = (field){ .name = name, .kind = REALS, .reals = v, .scale = scale }; }

/* llama-bench's fields. What Ridge has no such thing of gets the value that means so. */
static void list_common(fields *l, const bench_result *r, const bench_summary *s) {
    text(l, "build_commit", build_commit);
    whole(l, "build_number", build_number);
    text(l, "cpu_info", machine_here()->cpu);
    text(l, "gpu_info", "none");
    text(l, "backends", "CPU");
    text(l, "model_filename", r->model_file);
    text(l, "model_type", r->model_type);
    whole(l, "model_size", (double)r->model_bytes);
    whole(l, "model_n_params", (double)r->model_parameters);
    whole(l, "n_batch", r->batch);
    whole(l, "n_ubatch", r->micro_batch);
    whole(l, "n_threads", r->threads);
    text(l, "cpu_mask", "0x0");
    truth(l, "cpu_strict", true);
    whole(l, "poll", 50);
    text(l, "type_k", r->type_k);
    text(l, "type_v", r->type_v);
    whole(l, "n_gpu_layers", 0);
    whole(l, "n_cpu_moe", 0);
    text(l, "split_mode", "none");
    whole(l, "main_gpu", 0);
    truth(l, "no_kv_offload", true);
    truth(l, "flash_attn", true);
    text(l, "devices", "none");
    text(l, "tensor_split", "0.00");
    text(l, "tensor_buft_overrides", "none");
    text(l, "load_mode", "mmap");
    truth(l, "use_mmap", true);
    truth(l, "embeddings", false);
    whole(l, "no_op_offload", 1);
    truth(l, "no_host", false);
    whole(l, "fit_target", 0);
    whole(l, "fit_min_ctx", 0);
    whole(l, "n_prompt", r->n_prompt);
    whole(l, "n_gen", r->n_gen);
    whole(l, "n_depth", r->n_depth);
    text(l, "test_time", r->time);
    whole(l, "avg_ns", 1e9 * statistics_mean(r->seconds, (size_t)r->n));
    whole(l, "stddev_ns", 1e9 * statistics_sd(r->seconds, (size_t)r->n));
    real(l, "avg_ts", s->mean);
    real(l, "stddev_ts", s->sd);
    reals(l, "samples_ns", r->seconds, 1e9);
    reals(l, "samples_ts", s->per_second, 1);
}

static void list_fields(fields *l, const bench_result *r, const bench_summary *s) {
    l->n = 0;
    list_common(l, r, s);
    text(l, "ridge_version", r->version);
    text(l, "machine", machine_here()->fingerprint);
    text(l, "backend", r->backend);
    text(l, "isa", r->isa);
    text(l, "fuse", r->fuse);
    text(l, "arithmetic", r->arithmetic);
    truth(l, "precise", r->precise);
    truth(l, "packed", r->packed);
    truth(l, "tuned", r->tuned);
    real(l, "load_ms", 1e3 * r->load_seconds);
    whole(l, "repetitions", r->n);
    real(l, "min_ts", s->least);
    real(l, "median_ts", s->median);
    real(l, "max_ts", s->most);
    real(l, "median_ts_low", s->range.low);
    real(l, "median_ts_high", s->range.high);
    whole(l, "bytes_per_token", r->bytes / s->tokens);
    whole(l, "operations_per_token", r->operations / s->tokens);
    real(l, "gb_per_s", s->gb_per_s);
    real(l, "gop_per_s", s->gop_per_s);
    text(l, "bound_by", s->memory_bound ? "read" : r->peak);
    real(l, "read_gb_per_s", statistics_median(r->read, (size_t)r->n));
    real(l, "peak_gop_per_s", statistics_median(r->peak_rate, (size_t)r->n));
    text(l, "peak_of", r->peak);
    real(l, "ceiling_share", s->share.median);
    real(l, "ceiling_share_low", s->share.range.low);
    real(l, "ceiling_share_high", s->share.range.high);
    reals(l, "samples_limit_ns", r->limit_seconds, 1e9);
    reals(l, "samples_read_gb_per_s", r->read, 1);
    reals(l, "samples_peak_gop_per_s", r->peak_rate, 1);
}

static void nothing(FILE *out) { (void)out; }

/* ---- csv: every value in quotes, as llama-bench writes it ---- */

void bench_put_quoted(FILE *out, const char *value, char quote) {
    fputc(quote, out);
    for (; *value; value++) {
        if (*value == quote) fputc(quote, out);
        fputc(*value, out);
    }
    fputc(quote, out);
}

static void print_plain(FILE *out, const field *f, char quote, const char *yes, const char *no) {
    char number[40];
    switch (f->kind) {
        case WHOLE: snprintf(number, sizeof number, "%.0f", f->number); break;
        case REAL:  snprintf(number, sizeof number, "%.6f", f->number); break;
        default:    snprintf(number, sizeof number, "%s", f->number != 0 ? yes : no);
    }
    bench_put_quoted(out, f->kind == TEXT ? f->text : number, quote);
}

static void csv_row(FILE *out, const bench_result *r, size_t index) {
    static bench_summary s;
    fields l;
    bench_summarise(r, &s);
    list_fields(&l, r, &s);
    for (int names = index == 0; names >= 0; names--) {
        bool first = true;
        for (size_t i = 0; i < l.n; i++) {
            if (l.f[i].kind == REALS) continue;
            if (!first) fputc(',', out);
            first = false;
            if (names) fputs(l.f[i].name, out);
            else print_plain(out, &l.f[i], '"', "1", "0");
        }
        fputc('\n', out);
    }
}

/* ---- sql: SQLite, the table that llama-bench's compare script looks for ---- */

static void sql_row(FILE *out, const bench_result *r, size_t index) {
    static const char *const types[] = { [TEXT] = "TEXT", [WHOLE] = "INTEGER", [REAL] = "REAL", [TRUTH] = "INTEGER" };
    static bench_summary s;
    fields l;
    bench_summarise(r, &s);
    list_fields(&l, r, &s);
    if (index == 0) {
        fputs("CREATE TABLE IF NOT EXISTS llama_bench (\n", out);
        for (size_t i = 0, n = 0; i < l.n; i++) if (l.f[i].kind != REALS) fprintf(out, "%s  %s %s", n++ ? ",\n" : "", l.f[i].name, types[l.f[i].kind]);
        fputs("\n);\n", out);
    }
    fputs("INSERT INTO llama_bench (", out);
    for (size_t i = 0, n = 0; i < l.n; i++) if (l.f[i].kind != REALS) fprintf(out, "%s%s", n++ ? ", " : "", l.f[i].name);
    fputs(") VALUES (", out);
    for (size_t i = 0, n = 0; i < l.n; i++) {
        if (l.f[i].kind == REALS) continue;
        if (n++) fputs(", ", out);
        print_plain(out, &l.f[i], '\'', "1", "0");
    }
    fputs(");\n", out);
}

/* ---- json, jsonl ---- */

static json_t *field_json(const field *f, int n) {
    switch (f->kind) {
        case TEXT:  return json_string(f->text);
        case WHOLE: return json_integer((json_int_t)f->number);
        case REAL:  return json_real(f->number);
        case TRUTH: return json_boolean(f->number != 0);
        case REALS: break;
    }
    json_t *all = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(all, f->scale > 1 ? json_integer((json_int_t)(f->reals[i] * f->scale)) : json_real(f->reals[i]));
    return all;
}

json_t *bench_result_json(const bench_result *r) {
    static bench_summary s;
    fields l;
    bench_summarise(r, &s);
    list_fields(&l, r, &s);
    json_t *object = json_object();
    for (size_t i = 0; i < l.n; i++) json_object_set_new(object, l.f[i].name, field_json(&l.f[i], r->n));
    return object;
}

static void print_json(FILE *out, const bench_result *r, size_t flags) {
    json_t *object = bench_result_json(r);
    json_dumpf(object, out, flags | JSON_REAL_PRECISION(9));
    json_decref(object);
}

static void json_begin(FILE *out) { fputs("[\n", out); }
static void json_row(FILE *out, const bench_result *r, size_t index) {
    if (index) fputs(",\n", out);
    print_json(out, r, JSON_INDENT(2));
}
static void json_end(FILE *out) { fputs("\n]\n", out); }

static void jsonl_row(FILE *out, const bench_result *r, size_t index) {
    (void)index;
    print_json(out, r, JSON_COMPACT);
    fputc('\n', out);
}

/* ---- md ---- */

static void md_size(char *out, size_t room, double bytes) {
    if (bytes >= 1 << 30) snprintf(out, room, "%.2f GiB", bytes / (1 << 30));
    else                  snprintf(out, room, "%.2f MiB", bytes / (1 << 20));
}

static void md_count(char *out, size_t room, double n) {
    if (n >= 1e9) snprintf(out, room, "%.2f B", n * 1e-9);
    else          snprintf(out, room, "%.2f M", n * 1e-6);
}

static void md_row(FILE *out, const bench_result *r, size_t index) {
    static bench_summary s;
    char size[24], count[24], backend[60], cache[24] = "", test[64], rate[40], speed[40], range[64], ceiling[64], share[64];
    bench_summarise(r, &s);
    md_size(size, sizeof size, (double)r->model_bytes);
    md_count(count, sizeof count, (double)r->model_parameters);
    const char *usual = bench_usual_cache(r->arithmetic, r->precise);
    if (strcmp(r->type_k, usual) || strcmp(r->type_v, usual))
        snprintf(cache, sizeof cache, " K %s V %s", r->type_k, r->type_v);
    snprintf(backend, sizeof backend, "CPU %s%s%s%s%s", r->isa, r->precise ? " precise" : "", cache, r->packed ? "" : " no-pack", r->tuned ? " tuned" : "");
    bench_test_name(r, test, sizeof test);
    snprintf(speed, sizeof speed, "%.2f ± %.2f", s.mean, s.sd);
    snprintf(range, sizeof range, "%.2f [%.2f, %.2f]", s.median, s.range.low, s.range.high);
    snprintf(rate, sizeof rate, s.memory_bound ? "%.1f GB/s" : "%.1f Gop/s", s.memory_bound ? s.gb_per_s : s.gop_per_s);
    snprintf(ceiling, sizeof ceiling, "%.1f %s", s.ceiling, s.memory_bound ? "read" : r->peak);
    snprintf(share, sizeof share, "%.1f %% [%.1f, %.1f]", 100 * s.share.median, 100 * s.share.range.low, 100 * s.share.range.high);
    if (index == 0) {
        fprintf(out, "| %-22s | %10s | %10s | %-18s | %7s | %-15s | %17s | %26s | %8s | %8s | %9s | %12s | %22s | %22s |\n", "model", "size", "params", "backend",
                "threads", "test", "t/s", "median [95 %]", "min", "max", "MB/token", "rate", "ceiling", "of ceiling [95 %]");
        fputs("| ---------------------- | ---------: | ---------: | ------------------ | ------: | --------------- | ----------------: | -------------------------: |"
              " -------: | -------: | --------: | -----------: | ---------------------: | ---------------------: |\n", out);
    }
    fprintf(out, "| %-22s | %10s | %10s | %-18s | %7d | %-15s | %18s | %26s | %8.2f | %8.2f | %9.1f | %12s | %22s | %22s |\n", r->model_type, size, count, backend,
            r->threads, test, speed, range, s.least, s.most, r->bytes / s.tokens * 1e-6, rate, ceiling, share);
}

static void md_end(FILE *out) { fprintf(out, "\nbuild: %s (%d)\n", build_commit, build_number); }

const bench_printer *bench_printer_find(const char *name) {
    static const bench_printer printers[] = {
        { "md",    nothing,    md_row,    md_end },
        { "csv",   nothing,    csv_row,   nothing },
        { "json",  json_begin, json_row,  json_end },
        { "jsonl", nothing,    jsonl_row, nothing },
        { "sql",   nothing,    sql_row,   nothing },
    };
    for (size_t i = 0; i < sizeof printers / sizeof *printers; i++) if (!strcmp(printers[i].name, name)) return &printers[i];
    return NULL;
}
