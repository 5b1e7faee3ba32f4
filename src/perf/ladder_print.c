/* A ladder as text: see ladder.h. */
#include <stdlib.h>
#include <string.h>
#include "base/machine.h"
#include "perf/build.h"
#include "perf/ladder.h"

/* Calls `each` for every cell: tests outermost, then rungs from the lowest, models side by side. */
typedef void row_writer(void *user, const ladder_row *row);
static void each_row(const ladder *l, size_t test, row_writer *each, void *user) {
    static ladder_row row;
    for (size_t rung = 0; rung < l->n_rungs; rung++)
        for (size_t model = 0; model < l->n_models; model++) {
            ladder_row_make(&row, l, test, rung, model);
            each(user, &row);
        }
}

static int rounds(const ladder *l) { return l->cells[0].result.n; }

/* ---- md ---- */

/* "×1.042 [1.031, 1.050]"; nothing where there is no gain. */
static void put_gain(const paired_ratio *g, char *text, size_t room) {
    if (g->median == 0) *text = 0;
    else snprintf(text, room, g->median < 10 ? "×%.3f [%.3f, %.3f]" : "×%.1f [%.1f, %.1f]", g->median, g->range.low, g->range.high);
}

/* Columns as printf counts them: × is one column of two bytes. */
static int width(int columns, const char *text) { return columns + (int)(strlen(text) > 0); }

static void md_row(void *user, const ladder_row *row) {
    FILE *out = user;
    const bench_summary *s = &row->s;
    char speed[64], below[64], first[64], rate[40], share[64], flags[LADDER_FLAGS_ROOM + 2] = "";
    const int digits = s->most < 100 ? 2 : s->most < 1000 ? 1 : 0;
    snprintf(speed, sizeof speed, "%.*f (%.*f-%.*f)", digits, s->median, digits, s->least, digits, s->most);
    put_gain(&row->below, below, sizeof below);
    put_gain(&row->first, first, sizeof first);
    snprintf(rate, sizeof rate, s->memory_bound ? "%.1f GB/s" : "%.1f Gop/s", s->memory_bound ? s->gb_per_s : s->gop_per_s);
    snprintf(share, sizeof share, "%.1f %% [%.1f, %.1f]", 100 * s->share.median, 100 * s->share.range.low, 100 * s->share.range.high);
    if (*row->flags) snprintf(flags, sizeof flags, "`%s`", row->flags);
    fprintf(out, "| %-15s | %-20s | %25s | %*s | %*s | %12s | %22s | %6d | %-46s |\n", row->rung->name, row->result->model_type, speed,
            width(22, below), below, width(22, first), first, rate, share, row->result->n_prompt + row->result->n_gen, flags);
}

static void md_table(const ladder *l, size_t test, FILE *out) {
    const ladder_test *t = &l->test[test];
    fprintf(out, "%s%s %d tokens:\n\n", test ? "\n" : "", t->decodes ? "Decoding" : "A prompt of", t->tokens);
    fprintf(out, "| %-15s | %-20s | %25s | %22s | %22s | %12s | %22s | %6s | %-46s |\n", "rung", "model", "tok/s, median (min-max)", "over the rung below",
            "over the first", "rate", "of the ceiling", "tokens", "flags");
    fputs("| --------------- | -------------------- | ------------------------: | ---------------------: | ---------------------: | -----------: "
          "| ---------------------: | -----: | ---------------------------------------------- |\n", out);
    each_row(l, test, md_row, out);
}

static void md(const ladder *l, FILE *out) {
    const bench_result *r = &l->cells[0].result;
    size_t n;
    fprintf(out, "The ladder on %s, %d thread%s, %d round%s: each ran every rung of every model once.\n\n", machine_here()->cpu, r->threads,
            r->threads == 1 ? "" : "s", rounds(l), rounds(l) == 1 ? "" : "s");
    for (size_t test = 0; test < l->n_tests; test++) md_table(l, test, out);
    fputs("\nA gain is the median of the ratios of two rungs' speeds in the same round, with its 95 % interval. The ceiling was probed before and behind "
          "every run.\n\"tokens\": of each run; slow rungs ran fewer. What each rung adds:\n\n", out);
    for (size_t i = 0; i < l->n_rungs; i++) fprintf(out, "- %s: %s\n", ladder_rungs(&n)[i].name, ladder_rungs(&n)[i].adds);
    fprintf(out, "\nOne rung again: `%s -p %s -n %s` and its flags.\n\nbuild: %s (%d)\n", buffer_text(&l->repeat), l->test[0].decodes ? "0" : "TOKENS",
            l->test[0].decodes ? "TOKENS" : "0", build_commit, build_number);
}

/* ---- csv ---- */

static void csv_text(FILE *out, const char *text) { bench_put_quoted(out, text, '"'); fputc(',', out); }

static void csv_ratio(FILE *out, const paired_ratio *r) {
    if (r->median == 0) fputs(",,,", out);
    else fprintf(out, "%.6f,%.6f,%.6f,", r->median, r->range.low, r->range.high);
}

static void csv_row(void *user, const ladder_row *row) {
    FILE *out = user;
    const bench_summary *s = &row->s;
    const bench_result *r = row->result;
    csv_text(out, build_commit);
    csv_text(out, machine_here()->fingerprint);
    csv_text(out, row->test);
    csv_text(out, row->rung->name);
    csv_text(out, row->flags);
    csv_text(out, r->model_type);
    csv_text(out, r->model_file);
    csv_text(out, r->isa);
    fprintf(out, "%d,%d,%d,%.6f,%.6f,%.6f,", r->threads, r->n, r->n_prompt + r->n_gen, s->least, s->median, s->most);
    csv_ratio(out, &row->below);
    csv_ratio(out, &row->first);
    fprintf(out, "%.6f,%.6f,", s->gb_per_s, s->gop_per_s);
    csv_text(out, s->memory_bound ? "read" : r->peak);
    csv_ratio(out, &s->share);
    fprintf(out, "%.6f\n", s->ceiling);
}

static void csv(const ladder *l, FILE *out) {
    fputs("build_commit,machine,test,rung,flags,model_type,model_filename,isa,n_threads,rounds,tokens,min_ts,median_ts,max_ts,gain_below,gain_below_low,"
          "gain_below_high,gain_first,gain_first_low,gain_first_high,gb_per_s,gop_per_s,bound_by,ceiling_share,ceiling_share_low,ceiling_share_high,"
          "ceiling\n", out);
    for (size_t test = 0; test < l->n_tests; test++) each_row(l, test, csv_row, out);
}

/* ---- json ---- */

/* {"median", "low", "high"}, or null. */
static json_t *gain_json(const paired_ratio *g) {
    return g->median == 0 ? json_null() : json_pack("{s:f, s:f, s:f}", "median", g->median, "low", g->range.low, "high", g->range.high);
}

static void json_row(void *user, const ladder_row *row) {
    json_t *all = user, *o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:o}", "test", row->test, "rung", row->rung->name, "adds", row->rung->adds,
                                       "flags", row->flags, "tokens", row->result->n_prompt + row->result->n_gen, "gain_below", gain_json(&row->below),
                                       "gain_first", gain_json(&row->first));
    json_t *fields = bench_result_json(row->result);
    if (o) json_object_update(o, fields);
    json_decref(fields);
    json_array_append_new(all, o);
}

static void json(const ladder *l, FILE *out) {
    json_t *rows = json_array();
    for (size_t test = 0; test < l->n_tests; test++) each_row(l, test, json_row, rows);
    json_t *all = json_pack("{s:s, s:s, s:s, s:i, s:s, s:o}", "build_commit", build_commit, "machine", machine_here()->fingerprint, "cpu_info",
                            machine_here()->cpu, "rounds", rounds(l), "repeat", buffer_text(&l->repeat), "results", rows);
    json_dumpf(all, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    fputc('\n', out);
    json_decref(all);
}

ladder_printer *ladder_printer_find(const char *name) {
    static const struct { const char *name; ladder_printer *print; } printers[] = { { "md", md }, { "csv", csv }, { "json", json } };
    for (size_t i = 0; i < sizeof printers / sizeof *printers; i++) if (!strcmp(printers[i].name, name)) return printers[i].print;
    return NULL;
}
