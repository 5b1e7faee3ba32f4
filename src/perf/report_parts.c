/* The report's rooflines and its ladder: see report_parts.h. */
#include "perf/report_parts.h"
#include <string.h>
#include "perf/report_charts.h"
#include "perf/svg.h"

enum { POINTS_MOST = 40, ROOFS_MOST = 24, RUNGS_MOST = 64, MODELS_MOST = 8 };

/* ---- roofline ---- */

/* Has what a point under a roof needs. */
static bool has_roof(const history_entry *e) { return e->read > 0 && e->peak > 0 && e->bytes > 0 && e->operations > 0; }

static bool same_roof(const history_entry *a, const history_entry *b) {
    return !strcmp(a->model, b->model) && !strcmp(a->machine, b->machine) && !strcmp(a->peak_of, b->peak_of) && a->threads == b->threads;
}

typedef struct { roofline_point point[POINTS_MOST]; char name[POINTS_MOST][200]; size_t n;
                 double read[POINTS_MOST], peak[POINTS_MOST]; size_t n_roofs; } roof;

static void add_point(roof *r, const history_entry *e, const char *step, double bytes, double operations, double seconds) {
    char test[64];
    if (r->n == POINTS_MOST || !(bytes > 0) || !(operations > 0)) return;
    history_test_name(e, test, sizeof test);
    snprintf(r->name[r->n], sizeof r->name[0], "%s%s%.100s", test, *step ? ": " : "", step);
    r->point[r->n] = (roofline_point){ r->name[r->n], operations / bytes, operations / seconds * 1e-9, e->n_prompt > 0 };
    r->n++;
}

/* Each kind of step of a profile, or the test as a whole. */
static void add_entry(roof *r, const history_entry *e) {
    if (r->n_roofs < POINTS_MOST) { r->read[r->n_roofs] = e->read; r->peak[r->n_roofs++] = e->peak; }
    if (!e->n_steps) add_point(r, e, "", e->bytes, e->operations, 1 / e->speed);
    for (size_t i = 0; i < e->n_steps; i++) add_point(r, e, e->steps[i].name, e->steps[i].bytes, e->steps[i].operations, e->steps[i].seconds);
}

static void put_points(buffer *b, const roof *r, double read, double peak) {
    buffer_append_text(b, "<table class=\"list\"><thead><tr><th></th><th></th><th class=\"r\">op/byte</th><th class=\"r\">Gop/s</th>"
                          "<th class=\"r\">of roof</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < r->n; i++) {
        const roofline_point *p = &r->point[i];
        const double limit = p->intensity * read < peak ? p->intensity * read : peak;
        char intensity[40], rate[40];
        svg_number(intensity, sizeof intensity, p->intensity);
        svg_number(rate, sizeof rate, p->gop_per_s);
        buffer_printf(b, "<tr><td><span class=\"key%s\">%zu</span></td><td>", p->second ? " second" : "", i + 1);
        html_text(b, p->name);
        buffer_printf(b, "</td><td class=\"r\">%s</td><td class=\"r\">%s</td><td class=\"r\">%.0f %%</td></tr>\n", intensity, rate,
                      100 * p->gop_per_s / limit);
    }
    buffer_append_text(b, "</tbody></table>\n");
}

static void put_roof(buffer *b, const roof *r, const history_entry *e) {
    const double read = statistics_median(r->read, r->n_roofs), peak = statistics_median(r->peak, r->n_roofs);
    buffer_append_text(b, "<article class=\"card\"><h3>");
    html_text(b, e->model);
    buffer_printf(b, "</h3><p class=\"how\">%d thread%s, ", e->threads, e->threads == 1 ? "" : "s");
    html_text(b, e->cpu);
    buffer_append_text(b, "</p>\n");
    chart_roofline(b, r->point, r->n, read, peak, e->peak_of);
    put_points(b, r, read, peak);
    buffer_append_text(b, "</article>\n");
}

void report_rooflines(buffer *b, const report_series *series, size_t n) {
    static roof r;
    const history_entry *drawn[ROOFS_MOST];
    size_t n_drawn = 0;
    for (size_t i = 0; i < n && n_drawn < ROOFS_MOST; i++) {
        const history_entry *e = report_latest(&series[i]);
        bool done = !has_roof(e);
        for (size_t k = 0; k < n_drawn && !done; k++) done = same_roof(drawn[k], e);
        if (done) continue;
        r.n = r.n_roofs = 0;
        for (size_t k = i; k < n; k++) if (has_roof(report_latest(&series[k])) && same_roof(report_latest(&series[k]), e))
            add_entry(&r, report_latest(&series[k]));
        if (!r.n) continue;
        if (!n_drawn) buffer_append_text(b, "<h2>Roofline</h2>\n<p class=\"note\">What the latest results do for each byte they move, and how fast, "
                                            "below what this machine's memory and arithmetic allowed at that time. Steps of the plan are "
                                            "counted with the time that threads wait for each other; "
                                            "blue ones decode, green ones process a prompt. Both axes are logarithmic.</p>\n"
                                            "<div class=\"cards wide\">\n");
        drawn[n_drawn++] = e;
        put_roof(b, &r, e);
    }
    if (n_drawn) buffer_append_text(b, "</div>\n");
}

/* ---- ladder ---- */

typedef struct { const char *name[RUNGS_MOST], *model[MODELS_MOST]; const history_entry *entry[RUNGS_MOST][MODELS_MOST];
                 size_t n_rungs, n_models; double most; } ladder;

static size_t find_name(const char **names, size_t *n, size_t most, const char *name) {
    size_t i = 0;
    while (i < *n && strcmp(names[i], name)) i++;
    if (i == *n && *n < most) names[(*n)++] = name;
    return i;
}

/* Rungs and models in the order in which they were recorded; of several results the latest. */
static void collect_ladder(ladder *l, const history *h, const history_entry *latest) {
    *l = (ladder){0};
    for (size_t i = 0; i < h->n; i++) {
        const history_entry *e = &h->entry[i];
        if (!*e->rung || strcmp(e->commit, latest->commit) || strcmp(e->machine, latest->machine)) continue;
        if (e->n_prompt != latest->n_prompt || e->n_gen != latest->n_gen || e->n_depth != latest->n_depth) continue;
        const size_t rung = find_name(l->name, &l->n_rungs, RUNGS_MOST, e->rung), model = find_name(l->model, &l->n_models, MODELS_MOST, e->model);
        if (rung == RUNGS_MOST || model == MODELS_MOST) continue;
        l->entry[rung][model] = e;
        if (e->speed > l->most) l->most = e->speed;
    }
}

/* The speed of the lowest rung of this model. */
static double lowest(const ladder *l, size_t model) {
    for (size_t rung = 0; rung < l->n_rungs; rung++) if (l->entry[rung][model]) return l->entry[rung][model]->speed;
    return 0;
}

static void put_rung(buffer *b, const ladder *l, size_t rung) {
    buffer_append_text(b, "<div class=\"rung\"><h3>");
    html_text(b, l->name[rung]);
    buffer_append_text(b, "</h3>\n");
    for (size_t model = 0; model < l->n_models; model++) {
        const history_entry *e = l->entry[rung][model];
        if (!e) continue;
        buffer_append_text(b, "<div class=\"row\"><span>");
        html_text(b, e->model);
        buffer_printf(b, "</span><span class=\"bar\"><i style=\"width:%.1f%%\"></i></span><span class=\"r\"><b>%.1f</b> tok/s, %.2f ×",
                      100 * e->speed / l->most, e->speed, e->speed / lowest(l, model));
        if (e->share > 0) buffer_printf(b, ", %.0f %%", 100 * e->share);
        buffer_append_text(b, "</span></div>\n");
    }
    buffer_append_text(b, "</div>\n");
}

void report_ladder(buffer *b, const history *h) {
    static ladder l;
    size_t i = h->n;
    while (i > 0 && !*h->entry[i - 1].rung) i--;
    if (!i) return;
    char test[64];
    history_test_name(&h->entry[i - 1], test, sizeof test);
    collect_ladder(&l, h, &h->entry[i - 1]);
    buffer_append_text(b, "<h2>Ladder</h2>\n<p class=\"note\">Each rung adds one thing to those above it. Commit <code>");
    html_text(b, h->entry[i - 1].commit);
    buffer_printf(b, "</code>, %s; the factor is over the first rung, the percentage is of the ceiling.</p>\n<div class=\"card\">\n", test);
    for (size_t rung = 0; rung < l.n_rungs; rung++) put_rung(b, &l, rung);
    buffer_append_text(b, "</div>\n");
}
