/* The ladder as a picture: a row a rung, a column a model, bars that grow towards the ceiling. See ladder.h. */
#include <math.h>
#include "base/machine.h"
#include "perf/build.h"
#include "perf/ladder.h"
#include "perf/svg.h"

enum { MARGIN = 20, NAMES = 290, COLUMN = 300, BAR = 175, BAR_HEIGHT = 16, ROW = 38, HEAD = 58, TITLE = 58, FOOT = 34 };

static const char style[] =
    "svg{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-variant-numeric:tabular-nums}\n"
    ".paper{fill:var(--paper)}text{fill:var(--soft)}.title{font-size:16px}.title,.name,.value{font-weight:600;fill:var(--ink)}\n"
    ".mono{font:10.5px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}.track{fill:var(--track)}\n"
    ".bar{fill:var(--speed)}.bar.second{fill:var(--share)}.ceiling{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:3 3}\n"
    ".range{stroke:var(--ink);stroke-width:1.5}\n";

/* The largest share there is, at least the whole: what a bar of full length means. */
static double largest_share(const ladder *l) {
    static ladder_row row;
    double most = 1;
    for (size_t test = 0; test < l->n_tests; test++)
        for (size_t rung = 0; rung < l->n_rungs; rung++)
            for (size_t model = 0; model < l->n_models; model++) {
                ladder_row_make(&row, l, test, rung, model);
                most = fmax(most, row.s.share.range.high);
            }
    return most;
}

static void rectangle(buffer *b, const char *class, double x, double y, double width, double height, double corner) {
    buffer_printf(b, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%.1f\"/>\n", class, x, y, width, height, corner);
}

static void draw_cell(buffer *b, const ladder_row *row, bool second, const axis *x, double y) {
    char text[80];
    const double from = x->from, to = axis_at(x, row->s.share.median);
    rectangle(b, "track", from, y, axis_at(x, 1) - from, BAR_HEIGHT, 3);
    rectangle(b, second ? "bar second" : "bar", from, y, to - from, BAR_HEIGHT, 3);
    svg_line(b, "range", axis_at(x, row->s.share.range.low), y + BAR_HEIGHT / 2.0, axis_at(x, row->s.share.range.high), y + BAR_HEIGHT / 2.0);
    snprintf(text, sizeof text, row->s.median < 100 ? "%.1f tok/s" : "%.0f tok/s", row->s.median);
    svg_label(b, "value", "start", x->to + 12, y + 7, text);
    if (row->below.median > 0) snprintf(text, sizeof text, "%.0f %%, ×%.3g", 100 * row->s.share.median, row->below.median);
    else snprintf(text, sizeof text, "%.1f %%", 100 * row->s.share.median);
    svg_label(b, "note", "start", x->to + 12, y + 21, text);
}

static axis column(size_t model, double most) {
    const double from = MARGIN + NAMES + (double)(model * COLUMN);
    return (axis){ .low = 0, .high = most, .from = from, .to = from + BAR };
}

/* The names of the test and the models, and each model's ceiling down to `bottom`. */
static void draw_head(buffer *b, const ladder *l, size_t test, double most, double y, double bottom) {
    static ladder_row row;
    char text[120];
    snprintf(text, sizeof text, l->test[test].decodes ? "Decoding %d tokens" : "A prompt of %d tokens", l->test[test].tokens);
    svg_label(b, "name", "start", MARGIN, y + 18, text);
    for (size_t model = 0; model < l->n_models; model++) {
        const axis x = column(model, most);
        ladder_row_make(&row, l, test, l->n_rungs - 1, model);
        svg_label(b, "name", "start", x.from, y + 18, row.result->model_type);
        snprintf(text, sizeof text, row.s.memory_bound ? "ceiling: %.1f GB/s" : "ceiling: %.0f Gop/s, %.40s", row.s.ceiling, row.result->peak);
        svg_label(b, "note", "start", x.from, y + 34, text);
        svg_line(b, "ceiling", axis_at(&x, 1), y + HEAD - 14, axis_at(&x, 1), bottom);
    }
}

static void draw_test(buffer *b, const ladder *l, size_t test, double most, double top) {
    static ladder_row row;
    const double bottom = top + HEAD + (double)(l->n_rungs * ROW);
    for (size_t rung = 0; rung < l->n_rungs; rung++) {
        const double y = top + HEAD + (double)(rung * ROW);
        for (size_t model = 0; model < l->n_models; model++) {
            const axis x = column(model, most);
            ladder_row_make(&row, l, test, rung, model);
            draw_cell(b, &row, model % 2, &x, y);
        }
        svg_label(b, "name", "start", MARGIN, y + 7, row.rung->name);
        svg_label(b, "mono", "start", MARGIN, y + 21, *row.flags ? row.flags : "no flags");
    }
    draw_head(b, l, test, most, top, bottom - 12);
}

void ladder_svg(buffer *b, const ladder *l) {
    const int width = MARGIN + NAMES + (int)l->n_models * COLUMN, one = HEAD + (int)l->n_rungs * ROW, height = TITLE + (int)l->n_tests * one + FOOT;
    const double most = largest_share(l);
    const bench_result *r = &l->cells[0].result;
    char text[300];
    svg_begin_file(b, width, height, "The ladder: tokens per second and the share of the ceiling, rung by rung", style);
    rectangle(b, "paper", 0, 0, width, height, 10);
    svg_label(b, "title", "start", MARGIN, 30, "The ladder");
    snprintf(text, sizeof text, "%.100s, %d thread%s, %d round%s, commit %.16s", machine_here()->cpu, r->threads, r->threads == 1 ? "" : "s", r->n,
             r->n == 1 ? "" : "s", build_commit);
    svg_label(b, "note", "start", MARGIN, 48, text);
    for (size_t test = 0; test < l->n_tests; test++) draw_test(b, l, test, most, TITLE + (double)test * one);
    svg_label(b, "note", "start", MARGIN, height - 16,
              "Bars: share of the ceiling that was probed beside each run, with its 95 % interval. ×: over the rung below.");
    svg_end(b);
}
