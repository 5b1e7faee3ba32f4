/* Reports of profiles: sums, the table, JSON. See profile_report.h; profile_trace.c writes traces. */
#include "perf/profile_report.h"
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

/* ---- sums ---- */

static profile_line *find_line(profile_report *r, const ridge_profile_row *row, bool by_layer, error *err) {
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->line[i].text, row->text) && (!by_layer || r->line[i].layer == row->layer)) return &r->line[i];
    if (r->n == r->room) {
        const size_t room = r->room ? 2 * r->room : 64;
        profile_line *more = memory_grow(r->line, room, sizeof *more);
        if (!more) {
            fail_memory(err, room * sizeof *more, "a profile's report");
            return NULL;
        }
        r->line = more;
        r->room = room;
    }
    r->line[r->n] = (profile_line){ .text = row->text, .kind = row->kind, .arithmetic = row->arithmetic, .layer = by_layer ? row->layer : -1 };
    return &r->line[r->n++];
}

int profile_report_add(profile_report *r, const limits *l, const ridge_profile_row *rows, size_t n, const ridge_profile_totals *totals, bool by_layer,
                       error *err) {
    r->limits = *l;
    for (size_t i = 0; i < n && totals->runs; i++) {
        profile_line *line = find_line(r, &rows[i], by_layer, err);
        if (!line) return err ? err->code : RIDGE_E_NO_MEMORY;
        const limit_arithmetic a = limit_arithmetic_find(rows[i].arithmetic);
        const double peak = a < LIMIT_ARITHMETIC_COUNT ? l->peak[a] : 0;
        const double memory = l->read > 0 ? rows[i].bytes / l->read : 0;           /* ns: GB/s are bytes a nanosecond */
        const double computing = peak > 0 ? rows[i].operations / peak : 0;
        line->calls += rows[i].calls;
        line->work_ns += rows[i].work_ns;
        line->imbalance_ns += rows[i].imbalance_ns;
        line->barrier_ns += rows[i].barrier_ns;
        line->bytes += rows[i].bytes;
        line->operations += rows[i].operations;
        line->limit_ns += memory > computing ? memory : computing;
        if (memory > computing) line->memory_ns += memory;
    }
    r->totals.runs += totals->runs;
    r->totals.tokens += totals->tokens;
    r->totals.total_ns += totals->total_ns;
    r->totals.launch_ns += totals->launch_ns;
    r->totals.sampling_ns += totals->sampling_ns;
    r->totals.host_ns += totals->host_ns;
    return 0;
}

static int longest_first(const void *a, const void *b) {
    const double x = profile_line_ns(a), y = profile_line_ns(b);
    return (x < y) - (x > y);
}

void profile_report_sort(profile_report *r) { if (r->n) qsort(r->line, r->n, sizeof *r->line, longest_first); }

void profile_report_free(profile_report *r) {
    memory_free(r->line);
    *r = (profile_report){0};
}

double profile_line_ns(const profile_line *line) { return line->work_ns + line->imbalance_ns + line->barrier_ns; }

double profile_report_limit_ns(const profile_report *r) {
    double sum = 0;
    for (size_t i = 0; i < r->n; i++) sum += r->line[i].limit_ns;
    return sum;
}

static double steps_ns(const profile_report *r) {
    double sum = 0;
    for (size_t i = 0; i < r->n; i++) sum += profile_line_ns(&r->line[i]);
    return sum;
}

double profile_report_sum(const profile_report *r) {
    const ridge_profile_totals *t = &r->totals;
    return t->total_ns > 0 ? (steps_ns(r) + t->launch_ns + t->sampling_ns + t->host_ns) / t->total_ns : 1;
}

/* ---- the table ---- */

static const char *name_of(const profile_line *line, char *text, size_t room) {
    if (line->layer < 0) snprintf(text, room, "%s", line->text);
    else snprintf(text, room, "blk.%d %s", line->layer, line->text);
    return text;
}

static void print_limits(const limits *l, FILE *out) {
    fprintf(out, "limits now: read %.2f GB/s (%.2f to %.2f)", l->read, l->read_range.low, l->read_range.high);
    for (int i = 0; i < LIMIT_ARITHMETIC_COUNT; i++) if (l->peak[i] > 0) fprintf(out, ", %s %.0f Gop/s", limit_arithmetic_name[i], l->peak[i]);
    fprintf(out, ", barrier %.2f us\n", l->barrier_ns * 1e-3);
}

static void print_line(const profile_report *r, const profile_line *line, FILE *out) {
    const double ns = profile_line_ns(line), total = r->totals.total_ns, tokens = (double)r->totals.tokens;
    char name[200];
    fprintf(out, "%-50.50s %8.2f %9.1f %6.2f %6.2f", name_of(line, name, sizeof name), (double)line->calls / (double)r->totals.runs, ns / tokens * 1e-3,
            100 * ns / total, 100 * (line->imbalance_ns + line->barrier_ns) / total);
    if (line->limit_ns > 0)
        fprintf(out, " %10.3f %8.2f %8.1f %8.1f %s\n", line->bytes / tokens * 1e-6, line->bytes / ns, line->operations / ns, 100 * line->limit_ns / ns,
                2 * line->memory_ns > line->limit_ns ? "memory" : line->arithmetic);
    else fprintf(out, " %10s %8s %8s %8s\n", "-", "-", "-", "-");
}

static void print_part(const profile_report *r, const char *name, double ns, FILE *out) {
    fprintf(out, "%-50s %8s %9.1f %6.2f\n", name, "", ns / (double)r->totals.tokens * 1e-3, 100 * ns / r->totals.total_ns);
}

void profile_report_print(const profile_report *r, FILE *out) {
    const ridge_profile_totals *t = &r->totals;
    if (!t->runs || !(t->total_ns > 0)) return;
    print_limits(&r->limits, out);
    fprintf(out, "%-50s %8s %9s %6s %6s %10s %8s %8s %8s %s\n", "step", "per run", "us/token", "%", "wait %", "MB/token", "GB/s", "Gop/s", "% limit", "by");
    double wait = 0, bytes = 0, operations = 0;
    for (size_t i = 0; i < r->n; i++) {
        print_line(r, &r->line[i], out);
        wait += r->line[i].imbalance_ns + r->line[i].barrier_ns;
        bytes += r->line[i].bytes;
        operations += r->line[i].operations;
    }
    print_part(r, "threads into and out of runs", t->launch_ns, out);
    print_part(r, "sampling", t->sampling_ns, out);
    print_part(r, "host: the rest between runs", t->host_ns, out);
    fprintf(out, "%-50s %8s %9.1f %6.2f %6.2f %10.3f %8.2f %8.1f %8.1f\n", "sum", "", t->total_ns / (double)t->tokens * 1e-3, 100 * profile_report_sum(r),
            100 * wait / t->total_ns, bytes / (double)t->tokens * 1e-6, bytes / t->total_ns, operations / t->total_ns,
            100 * profile_report_limit_ns(r) / t->total_ns);
}

/* ---- JSON ---- */

static json_t *line_json(const profile_report *r, const profile_line *line) {
    const double ns = profile_line_ns(line);
    json_t *o = json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "step", line->text, "kind", line->kind,
                          "calls", (json_int_t)line->calls, "ns", ns, "work_ns", line->work_ns, "imbalance_ns", line->imbalance_ns, "barrier_ns", line->barrier_ns,
                          "share", ns / r->totals.total_ns, "bytes", line->bytes, "operations", line->operations, "arithmetic", line->arithmetic);
    if (o && line->layer >= 0) json_object_set_new(o, "layer", json_integer(line->layer));
    if (o && line->limit_ns > 0 && ns > 0) {
        json_object_set_new(o, "gb_per_s", json_real(line->bytes / ns));
        json_object_set_new(o, "gop_per_s", json_real(line->operations / ns));
        json_object_set_new(o, "limit_ns", json_real(line->limit_ns));
        json_object_set_new(o, "limit_share", json_real(line->limit_ns / ns));
        json_object_set_new(o, "bound_by", json_string(2 * line->memory_ns > line->limit_ns ? "memory" : line->arithmetic));
    }
    return o;
}

static json_t *limits_json(const limits *l) {
    json_t *o = json_pack("{s:f, s:f, s:f, s:f}", "read_gb_per_s", l->read, "read_least_gb_per_s", l->read_range.low,
                          "read_most_gb_per_s", l->read_range.high, "barrier_ns", l->barrier_ns);
    for (int i = 0; i < LIMIT_ARITHMETIC_COUNT; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_gop_per_s", limit_arithmetic_name[i]);
        if (l->peak[i] > 0) json_object_set_new(o, name, json_real(l->peak[i]));
    }
    return o;
}

json_t *profile_report_json(const profile_report *r) {
    const ridge_profile_totals *t = &r->totals;
    json_t *steps = json_array();
    for (size_t i = 0; i < r->n; i++) json_array_append_new(steps, line_json(r, &r->line[i]));
    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "runs", (json_int_t)t->runs, "tokens", (json_int_t)t->tokens, "total_ns", t->total_ns,
                     "launch_ns", t->launch_ns, "sampling_ns", t->sampling_ns, "host_ns", t->host_ns, "limit_ns", profile_report_limit_ns(r),
                     "limits", limits_json(&r->limits), "steps", steps);
}
