/* The report's charts: see report_charts.h. Sizes are in the units of the view box, which a phone shows at about one pixel each. */
#include "perf/report_charts.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "perf/svg.h"

enum { VALUES_WIDTH = 360, VALUES_HEIGHT = 178, ROOF_WIDTH = 400, ROOF_HEIGHT = 300, LABEL_WIDTH = 62, MARKED_MOST = 30, MARK_RADIUS = 8, MARK_RINGS = 8 };

/* ---- values over commits ---- */

static void draw_value_axis(buffer *b, const axis *y, double left, double right) {
    double ticks[AXIS_TICKS_MOST];
    char text[40];
    const size_t n = axis_ticks(y, 6, ticks);
    for (size_t i = 0; i < n; i++) {
        svg_line(b, "grid", left, axis_at(y, ticks[i]), right, axis_at(y, ticks[i]));
        svg_number(text, sizeof text, ticks[i]);
        svg_label(b, "tick", "end", left - 6, axis_at(y, ticks[i]) + 4, text);
    }
}

/* Commits below the axis: as many as have room, the latest always. */
static void draw_commits(buffer *b, const chart_point *points, size_t n, const axis *x, double bottom) {
    const double gap = n > 1 ? fabs(x->to - x->from) / (double)(n - 1) : LABEL_WIDTH;
    const size_t every = gap >= LABEL_WIDTH ? 1 : (size_t)ceil(LABEL_WIDTH / gap);
    for (size_t i = n; i-- > 0; ) {
        if ((n - 1 - i) % every) continue;
        const double at = axis_at(x, (double)i);
        char text[8];
        snprintf(text, sizeof text, "%.7s", points[i].commit);
        svg_line(b, "axis", at, bottom, at, bottom + 4);
        svg_label(b, "tick mono", i == n - 1 && n > 1 ? "end" : "middle", i == n - 1 && n > 1 ? at + 14 : at, bottom + 17, text);
    }
}

static void draw_points(buffer *b, const chart_point *points, size_t n, const axis *x, const axis *y, const char *class, const char *unit) {
    char name[64], hint[300];
    buffer_printf(b, "<polyline class=\"line %s\" points=\"", class);
    for (size_t i = 0; i < n; i++) buffer_printf(b, "%.1f,%.1f ", axis_at(x, (double)i), axis_at(y, points[i].value));
    buffer_append_text(b, "\"/>\n");
    for (size_t i = 0; i < n; i++) {
        const chart_point *p = &points[i];
        const double at = axis_at(x, (double)i);
        snprintf(name, sizeof name, "range %s", class);
        svg_line(b, name, at, axis_at(y, p->low), at, axis_at(y, p->high));
        snprintf(name, sizeof name, "dot %s", p->change < 0 ? "worse" : p->change > 0 ? "better" : class);
        snprintf(hint, sizeof hint, "%.40s: %.4g %s [%.4g, %.4g], %.24s%s", p->commit, p->value, unit, p->low, p->high, p->time,
                 p->change < 0 ? ", slower than before" : p->change > 0 ? ", faster than before" : "");
        if (i + 1 == n || p->change || n <= MARKED_MOST) svg_dot(b, name, at, axis_at(y, p->value), i + 1 == n || p->change ? 4.2 : 2.8, hint);
    }
}

void chart_values(buffer *b, const chart_point *points, size_t n, const char *class, const char *name, const char *unit) {
    const double left = 44, right = VALUES_WIDTH - 14, top = 30, bottom = VALUES_HEIGHT - 26;
    double low = points[0].low, high = points[0].high;
    for (size_t i = 1; i < n; i++) { low = fmin(low, points[i].low); high = fmax(high, points[i].high); }
    axis x = { .low = 0, .high = n > 1 ? (double)(n - 1) : 1, .from = left + 10, .to = right - 4 }, y = { .from = bottom, .to = top };
    if (n == 1) x.low = -1;                 /* in the middle */
    axis_cover(&y, low, high, 0.1);
    char title[200];
    snprintf(title, sizeof title, "%.60s over commits; the latest is %.4g %.20s", name, points[n - 1].value, unit);
    svg_begin(b, VALUES_WIDTH, VALUES_HEIGHT, title);
    svg_label(b, "name", "start", 0, 13, name);
    svg_label(b, "unit", "end", right, 13, unit);
    draw_value_axis(b, &y, left, right);
    svg_line(b, "axis", left, bottom, right, bottom);
    draw_commits(b, points, n, &x, bottom);
    draw_points(b, points, n, &x, &y, class, unit);
    svg_end(b);
}

/* ---- roofline ---- */

static void draw_roof_axes(buffer *b, const axis *x, const axis *y) {
    double ticks[AXIS_TICKS_MOST];
    char text[40];
    size_t n = axis_ticks(y, 8, ticks);
    for (size_t i = 0; i < n; i++) {
        svg_line(b, "grid", x->from, axis_at(y, ticks[i]), x->to, axis_at(y, ticks[i]));
        svg_number(text, sizeof text, ticks[i]);
        svg_label(b, "tick", "end", x->from - 6, axis_at(y, ticks[i]) + 4, text);
    }
    n = axis_ticks(x, 8, ticks);
    for (size_t i = 0; i < n; i++) {
        svg_line(b, "grid", axis_at(x, ticks[i]), y->from, axis_at(x, ticks[i]), y->to);
        svg_number(text, sizeof text, ticks[i]);
        svg_label(b, "tick", "middle", axis_at(x, ticks[i]), y->from + 16, text);
    }
    svg_line(b, "axis", x->from, y->from, x->to, y->from);
    svg_label(b, "unit", "start", 0, 12, "Gop/s");
    svg_label(b, "unit", "end", x->to, y->from + 33, "operations per byte");
}

/* The roof, what lies under it, and what its two parts are. */
static void draw_roof(buffer *b, const axis *x, const axis *y, double read, double peak, const char *peak_of) {
    const double ridge = peak / read, x0 = fmax(x->low, y->low / read);
    const double left = axis_at(x, x0), left_y = axis_at(y, x0 * read), corner = axis_at(x, ridge), top = axis_at(y, peak);
    char text[120], number[40];
    buffer_printf(b, "<polygon class=\"under\" points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f\"/>\n", left, left_y, corner, top, x->to,
                  top, x->to, y->from, left, y->from);
    buffer_printf(b, "<polyline class=\"roof\" points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f\"/>\n", left, left_y, corner, top, x->to, top);
    svg_number(number, sizeof number, read);
    const double angle = atan2(top - left_y, corner - left) * 57.29577951308232, middle = (left + corner) / 2;
    buffer_printf(b, "<text class=\"tick strong\" text-anchor=\"middle\" transform=\"translate(%.1f %.1f) rotate(%.1f)\">read %s GB/s</text>\n",
                  middle - 7, (left_y + top) / 2 - 7, angle, number);
    svg_number(number, sizeof number, peak);
    snprintf(text, sizeof text, "%.60s: %s Gop/s", peak_of, number);
    svg_label(b, "tick strong", "end", x->to, top - 7, text);
}

typedef struct { double x, y; } place;

static bool is_free(const place *taken, size_t n, place p) {
    for (size_t i = 0; i < n; i++) if (hypot(taken[i].x - p.x, taken[i].y - p.y) < 2 * MARK_RADIUS + 1) return false;
    return true;
}

/* Where marks may be moved to: the chart, below the roof. That is flat right of `corner`, and falls by `slope` a pixel left of it. */
typedef struct { const axis *x, *y; double corner, flat, slope; } room;

static bool has_room(const room *r, place p) {
    const double roof = r->flat + (p.x < r->corner ? (r->corner - p.x) * r->slope : 0);
    return p.x >= r->x->from + MARK_RADIUS && p.x <= r->x->to - MARK_RADIUS && p.y >= roof + 1.5 * MARK_RADIUS && p.y <= r->y->from - MARK_RADIUS;
}

/* Where the mark of a point goes: on it, or, since steps of one model do much the same, at the nearest place that no mark before it has. */
static place find_place(const place *taken, size_t n, place point, const room *r) {
    if (is_free(taken, n, point)) return point;
    for (int ring = 1; ring < MARK_RINGS; ring++)
        for (int turn = 0; turn < 6 * ring; turn++) {
            const double angle = 0.6 + turn * 6.283185307179586 / (6 * ring), far = ring * (2 * MARK_RADIUS + 2);     /* 0.6: downwards to the right */
            const place p = { point.x + far * cos(angle), point.y + far * sin(angle) };
            if (has_room(r, p) && is_free(taken, n, p)) return p;
        }
    return point;
}

static void draw_marks(buffer *b, const roofline_point *points, size_t n, const axis *x, const axis *y, double read, double peak) {
    place taken[ROOFLINE_POINTS_MOST];
    const double corner = axis_at(x, peak / read), flat = axis_at(y, peak);
    const room r = { x, y, corner, flat, (axis_at(y, peak / 10) - flat) / (axis_at(x, 10 * x->low) - x->from) };       /* a decade of each */
    for (size_t i = 0; i < n; i++) {
        const place point = { axis_at(x, points[i].intensity), axis_at(y, points[i].gop_per_s) };
        taken[i] = find_place(taken, i, point, &r);
        if (taken[i].x != point.x || taken[i].y != point.y) svg_line(b, "leader", point.x, point.y, taken[i].x, taken[i].y);
    }
    for (size_t i = 0; i < n; i++) {
        char hint[300], number[24];
        snprintf(hint, sizeof hint, "%.100s: %.3g operations per byte, %.4g Gop/s", points[i].name, points[i].intensity, points[i].gop_per_s);
        snprintf(number, sizeof number, "%zu", i + 1);
        svg_dot(b, points[i].second ? "mark second" : "mark", taken[i].x, taken[i].y, MARK_RADIUS, hint);
        svg_label(b, "number", "middle", taken[i].x, taken[i].y + 3.6, number);
    }
}

void chart_roofline(buffer *b, const roofline_point *points, size_t n, double read, double peak, const char *peak_of) {
    axis x = { .from = 44, .to = ROOF_WIDTH - 10, .logarithmic = true }, y = { .from = ROOF_HEIGHT - 40, .to = 22, .logarithmic = true };
    double x_low = peak / read, x_high = x_low, y_low = peak, y_high = peak;
    for (size_t i = 0; i < n; i++) {
        x_low = fmin(x_low, points[i].intensity);
        x_high = fmax(x_high, points[i].intensity);
        y_low = fmin(y_low, points[i].gop_per_s);
        y_high = fmax(y_high, points[i].gop_per_s);
    }
    axis_cover(&x, x_low / 1.5, x_high * 1.5, 0);
    axis_cover(&y, y_low / 1.5, y_high * 1.5, 0);
    svg_begin(b, ROOF_WIDTH, ROOF_HEIGHT, "roofline: operations per second over operations per byte");
    draw_roof_axes(b, &x, &y);
    draw_roof(b, &x, &y, read, peak, peak_of);
    draw_marks(b, points, n, &x, &y, read, peak);
    svg_end(b);
}
