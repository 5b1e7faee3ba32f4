/* The report: see report_html.h. From the top: what is newest of each test, the tests over time, rooflines, the ladder, and every entry. */
#include "perf/report_html.h"
#include <stdlib.h>
#include <string.h>
#include "perf/report_charts.h"
#include "perf/report_parts.h"
#include "perf/svg.h"

static const double THRESHOLD = 0.02;

typedef struct {
    const history *h;
    report_series  series[REPORT_SERIES_MOST];
    const history_entry **entries;          /* of all series, one behind the other */
    size_t         n_series, n_machines, n_left_out;
} page;

/* ---- from entries to series ---- */

static size_t count_machines(const history *h) {
    const char *seen[8];
    size_t n = 0;
    for (size_t i = 0; i < h->n && n < 8; i++) {
        size_t k = 0;
        while (k < n && strcmp(seen[k], h->entry[i].machine)) k++;
        if (k == n) seen[n++] = h->entry[i].machine;
    }
    return n;
}

static int by_position(const void *a, const void *b) {
    const history_entry *x = report_latest(a), *y = report_latest(b);
    return (x > y) - (x < y);
}

/* Series from the latest entry back; those of one commit, which were run together, in the order in which they were run. */
static int collect(page *p, error *err) {
    const history *h = p->h;
    size_t filled = 0;
    unsigned char *taken = memory_new(h->n, 1);
    p->entries = memory_new(h->n, sizeof *p->entries);
    if (!taken || !p->entries) {
        memory_free(taken);
        return fail_memory(err, h->n * sizeof *p->entries, "a report");
    }
    for (size_t i = h->n; i-- > 0; ) {
        if (taken[i] || *h->entry[i].rung) continue;
        if (p->n_series == REPORT_SERIES_MOST) { p->n_left_out++; continue; }
        const size_t from = filled;
        for (size_t k = 0; k <= i; k++)
            if (!taken[k] && history_same_test(&h->entry[k], &h->entry[i])) { taken[k] = 1; p->entries[filled++] = &h->entry[k]; }
        p->series[p->n_series++] = (report_series){ p->entries + from, filled - from };
    }
    memory_free(taken);
    for (size_t i = 0, k; i < p->n_series; i = k) {
        for (k = i + 1; k < p->n_series && !strcmp(report_latest(&p->series[k])->commit, report_latest(&p->series[i])->commit); k++) { }
        qsort(p->series + i, k - i, sizeof *p->series, by_position);
    }
    return 0;
}

int report_change(const report_series *s, size_t i, int *change, double *ratio, error *err) {
    *change = 0;
    *ratio = 0;
    if (i == 0) return 0;
    const history_entry *now = s->entry[i], *before = s->entry[i - 1];
    *ratio = now->share > 0 && before->share > 0 ? now->share / before->share : now->speed / before->speed;
    if (!now->n || !before->n) return 0;
    comparison c;
    const char *by;
    const int code = history_compare(&c, now, before, THRESHOLD, &by, err);
    if (code) return code;
    *ratio = c.ratio;
    *change = c.verdict == COMPARE_SLOWER ? -1 : c.verdict == COMPARE_FASTER;
    return 0;
}

/* ---- small texts ---- */

static void put(buffer *b, const char *before, const char *text, const char *after) {
    buffer_append_text(b, before);
    html_text(b, text);
    buffer_append_text(b, after);
}

static const char *test_name(const history_entry *e) {
    static char text[64];
    history_test_name(e, text, sizeof text);
    return text;
}

/* "2 threads, avx512, not packed": how it was run, less what is usual. */
static void put_how(buffer *b, const page *p, const history_entry *e) {
    buffer_printf(b, "%d thread%s", e->threads, e->threads == 1 ? "" : "s");
    if (*e->isa) put(b, ", ", e->isa, "");
    if (*e->fuse && strcmp(e->fuse, "all")) put(b, ", fuse ", e->fuse, "");
    if (e->precise) buffer_append_text(b, ", precise");
    if (!e->packed) buffer_append_text(b, ", not packed");
    if (e->tuned) buffer_append_text(b, ", tuned");
    const char *usual = bench_usual_cache(e->arithmetic, e->precise);
    if (*e->type_k && strcmp(e->type_k, usual)) put(b, ", K ", e->type_k, "");
    if (*e->type_v && strcmp(e->type_v, usual)) put(b, ", V ", e->type_v, "");
    if (p->n_machines > 1) put(b, ", ", e->cpu, "");
}

/* "2026-01-31 23:59" of "2026-01-31T23:59:59Z". */
static void put_time(buffer *b, const char *time) {
    char text[17];
    snprintf(text, sizeof text, "%s", time);
    if (strlen(text) == 16 && text[10] == 'T') text[10] = ' ';
    put(b, "<time>", text, "</time>");
}

static void put_speed(buffer *b, double speed) { buffer_printf(b, speed < 10 ? "%.2f" : speed < 1000 ? "%.1f" : "%.0f", speed); }

/* ---- parts of the page ---- */

static void put_head(buffer *b, const page *p, const char *title) {
    const history *h = p->h;
    size_t commits = 1;
    for (size_t i = 1; i < h->n; i++) commits += strcmp(h->entry[i].commit, h->entry[i - 1].commit) != 0;
    const history_entry *last = &h->entry[h->n - 1];
    put(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>", title, "</title>\n");
    buffer_append_text(b, "<link rel=\"icon\" href=\"data:,\">\n<style>\n");
    buffer_append_text(b, chart_colours);
    buffer_append_text(b, report_style);
    put(b, "</style>\n</head>\n<body>\n<main>\n<header><h1>", title, "</h1>\n");
    buffer_printf(b, "<p class=\"lead\">%zu result%s of %zu test%s at %zu commit%s, ", h->n, h->n == 1 ? "" : "s", p->n_series,
                  p->n_series == 1 ? "" : "s", commits, commits == 1 ? "" : "s");
    put_time(b, h->entry[0].time);
    buffer_append_text(b, " to ");
    put_time(b, last->time);
    buffer_append_text(b, " UTC. ");
    if (p->n_machines > 1) buffer_printf(b, "%zu%s machines.", p->n_machines, p->n_machines == 8 ? " or more" : "");
    else put(b, "", last->cpu, ".");
    buffer_append_text(b, "</p></header>\n");
}

static int put_latest(buffer *b, const page *p, error *err) {
    buffer_append_text(b, "<h2>Latest</h2>\n<p class=\"note\">Medians with their 95&nbsp;% interval. The ceiling is what the memory and the "
                          "arithmetic of the machine allowed in the same minute, measured beside every repetition; changes compare "
                          "shares of it, so that a drift of the machine does not count, and are coloured where "
                          "they are significant and above 2&nbsp;%.</p>\n"
                          "<table class=\"stack\"><thead><tr><th>Model and test</th><th class=\"r\">tok/s</th><th>of the ceiling</th>"
                          "<th class=\"r\">change</th><th>commit</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < p->n_series; i++) {
        const report_series *s = &p->series[i];
        const history_entry *e = report_latest(s);
        int change;
        double ratio;
        const int code = report_change(s, s->n - 1, &change, &ratio, err);
        if (code) return code;
        put(b, "<tr><td>", e->model, " ");
        put(b, "<span class=\"test\">", test_name(e), "</span><small>");
        put_how(b, p, e);
        buffer_append_text(b, "</small></td><td class=\"r\"><b>");
        put_speed(b, e->speed);
        buffer_append_text(b, "</b><span class=\"near\"> tok/s</span><small>");
        put_speed(b, e->speed_low);
        buffer_append_text(b, " – ");
        put_speed(b, e->speed_high);
        buffer_append_text(b, "</small></td><td>");
        if (e->share > 0) buffer_printf(b, "%.1f %%<span class=\"near\"> of the ceiling</span> "
                                        "<span class=\"bar\"><i style=\"width:%.1f%%\"></i></span>", 100 * e->share, e->share < 1 ? 100 * e->share : 100);
        buffer_printf(b, "</td><td class=\"r%s\">", change < 0 ? " worse-text" : change > 0 ? " better-text" : "");
        if (ratio > 0) buffer_printf(b, "%+.1f %%", 100 * (ratio - 1));
        else buffer_append_text(b, "first");
        buffer_append_text(b, "</td><td class=\"away\"><code>");
        html_text(b, e->commit);
        buffer_append_text(b, "</code><small>");
        put_time(b, e->time);
        buffer_append_text(b, "</small></td></tr>\n");
    }
    buffer_append_text(b, "</tbody></table>\n");
    if (p->n_left_out) buffer_printf(b, "<p class=\"note\">%zu older results of further tests are not shown.</p>\n", p->n_left_out);
    return 0;
}

/* The points of both charts of a test: the latest REPORT_POINTS_MOST. */
static int list_points(const report_series *s, chart_point *speed, chart_point *share, size_t *n_speed, size_t *n_share, error *err) {
    *n_speed = *n_share = 0;
    for (size_t i = s->n > REPORT_POINTS_MOST ? s->n - REPORT_POINTS_MOST : 0; i < s->n; i++) {
        const history_entry *e = s->entry[i];
        int change;
        double ratio;
        const int code = report_change(s, i, &change, &ratio, err);
        if (code) return code;
        speed[(*n_speed)++] = (chart_point){ e->speed, e->speed_low, e->speed_high, change, e->commit, e->time };
        if (e->share > 0) share[(*n_share)++] = (chart_point){ 100 * e->share, 100 * e->share_low, 100 * e->share_high, change, e->commit, e->time };
    }
    return 0;
}

static int put_card(buffer *b, const page *p, const report_series *s, error *err) {
    chart_point speed[REPORT_POINTS_MOST], share[REPORT_POINTS_MOST];
    size_t n_speed, n_share;
    const history_entry *e = report_latest(s);
    const int code = list_points(s, speed, share, &n_speed, &n_share, err);
    if (code) return code;
    put(b, "<article class=\"card\"><h3>", e->model, " ");
    put(b, "<span class=\"test\">", test_name(e), "</span></h3><p class=\"how\">");
    put_how(b, p, e);
    buffer_append_text(b, "</p>\n<p class=\"big\"><span class=\"s\"><b>");
    put_speed(b, e->speed);
    buffer_append_text(b, "</b> tok/s</span>");
    if (e->share > 0) buffer_printf(b, "<span class=\"c\"><b>%.1f</b> %% of the ceiling</span>", 100 * e->share);
    buffer_append_text(b, "</p>\n");
    chart_values(b, speed, n_speed, "speed", "Tokens per second", "tok/s");
    if (n_share) chart_values(b, share, n_share, "share", "Share of the ceiling", "%");
    buffer_append_text(b, "</article>\n");
    return 0;
}

static int put_cards(buffer *b, const page *p, error *err) {
    int code = 0;
    buffer_append_text(b, "<h2>Over commits</h2>\n<p class=\"note\">The latest at the right; bars behind the dots are 95&nbsp;% intervals. Red dots "
                          "are significantly slower than the result before them, green ones faster.</p>\n"
                          "<div class=\"cards\">\n");
    for (size_t i = 0; i < p->n_series && !code; i++) code = put_card(b, p, &p->series[i], err);
    buffer_append_text(b, "</div>\n");
    return code;
}

static void put_everything(buffer *b, const page *p) {
    const history *h = p->h;
    const size_t shown = h->n < REPORT_ROWS_MOST ? h->n : REPORT_ROWS_MOST;
    buffer_printf(b, "<details><summary>All results</summary>\n<table class=\"stack\"><thead><tr><th>when, UTC</th><th>commit</th><th>test</th>"
                     "<th class=\"r\">tok/s</th><th class=\"r\">of the ceiling</th>"
                     "</tr></thead><tbody>\n");
    for (size_t i = 0; i < shown; i++) {
        const history_entry *e = &h->entry[h->n - 1 - i];
        buffer_append_text(b, "<tr><td>");
        put_time(b, e->time);
        put(b, "</td><td><code>", e->commit, "</code></td><td>");
        put(b, "", e->model, " ");
        put(b, "<span class=\"test\">", test_name(e), "</span><small>");
        put_how(b, p, e);
        if (*e->rung) put(b, ", rung ", e->rung, "");
        buffer_append_text(b, "</small></td><td class=\"r\">");
        put_speed(b, e->speed);
        buffer_append_text(b, "</td><td class=\"r away\">");
        if (e->share > 0) buffer_printf(b, "%.1f %%", 100 * e->share);
        buffer_append_text(b, "</td></tr>\n");
    }
    buffer_append_text(b, "</tbody></table>\n");
    if (shown < h->n) buffer_printf(b, "<p class=\"note\">The latest %zu of %zu.</p>\n", shown, h->n);
    buffer_append_text(b, "</details>\n");
}

int report_html(buffer *out, const history *h, const char *title, error *err) {
    page *p = memory_new(1, sizeof *p);
    if (!p) return fail_memory(err, sizeof *p, "a report");
    p->h = h;
    p->n_machines = count_machines(h);
    int code = collect(p, err);
    if (!code) put_head(out, p, title);
    if (!code && p->n_series) code = put_latest(out, p, err);
    if (!code && p->n_series) code = put_cards(out, p, err);
    if (!code) {
        report_rooflines(out, p->series, p->n_series);
        report_ladder(out, h);
        put_everything(out, p);
        buffer_append_text(out, "<footer>Made by <code>ridge report</code> from results that <code>ridge bench --record</code> "
                           "wrote.</footer>\n</main>\n</body>\n</html>\n");
        if (out->failed) code = fail_memory(err, out->n, "a report");
    }
    memory_free(p->entries);
    memory_free(p);
    return code;
}
