/* The report's rooflines: see report_parts.h. */
#include "perf/report_parts.h"
#include <string.h>
#include "perf/report_charts.h"
#include "perf/svg.h"

enum { ROOFS_MOST = 24 };

/* Has what a point under a roof needs. */
static bool has_roof(const history_entry *e) { return e->read > 0 && e->peak > 0 && e->bytes > 0 && e->operations > 0; }

static bool same_roof(const history_entry *a, const history_entry *b) {
    return !strcmp(a->model, b->model) && !strcmp(a->machine, b->machine) && !strcmp(a->peak_of, b->peak_of) && a->threads == b->threads;
}

typedef struct { roofline_point point[ROOFLINE_POINTS_MOST]; char name[ROOFLINE_POINTS_MOST][200]; size_t n;
                 double read[ROOFLINE_POINTS_MOST], peak[ROOFLINE_POINTS_MOST]; size_t n_roofs; } roof;

static void add_point(roof *r, const history_entry *e, const char *step, double bytes, double operations, double seconds) {
    char test[64];
    if (r->n == ROOFLINE_POINTS_MOST || !(bytes > 0) || !(operations > 0)) return;
    history_test_name(e, test, sizeof test);
    snprintf(r->name[r->n], sizeof r->name[0], "%s%s%.100s", test, *step ? ": " : "", step);
    r->point[r->n] = (roofline_point){ r->name[r->n], operations / bytes, operations / seconds * 1e-9, e->n_prompt > 0 };
    r->n++;
}

/* Each kind of step of a profile, or the test as a whole. */
static void add_entry(roof *r, const history_entry *e) {
    if (r->n_roofs < ROOFLINE_POINTS_MOST) { r->read[r->n_roofs] = e->read; r->peak[r->n_roofs++] = e->peak; }
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
