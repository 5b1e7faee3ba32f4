/* Pieces of charts: see svg.h. */
#include "perf/svg.h"
#include <math.h>
#include <stdio.h>

void html_text(buffer *b, const char *text) {
    for (; *text; text++) switch (*text) {
        case '&':  buffer_append_text(b, "&amp;"); break;
        case '<':  buffer_append_text(b, "&lt;"); break;
        case '>':  buffer_append_text(b, "&gt;"); break;
        case '"':  buffer_append_text(b, "&quot;"); break;
        case '\'': buffer_append_text(b, "&#39;"); break;
        default:   buffer_append_char(b, (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text);
    }
}

const char chart_colours[] =
    ":root{color-scheme:light dark;--paper:#fbfaf8;--card:#fff;--ink:#1c1d20;--soft:#676a72;--rule:#e4e2dd;--speed:#2b5fc4;--share:#0f7f66;"
    "--bad:#c0392b;--good:#1b8a3d;--under:#2b5fc412;--track:#eceae5}\n"
    "@media(prefers-color-scheme:dark){\n"
    ":root{--paper:#141518;--card:#1c1e22;--ink:#eceae6;--soft:#9a9da6;--rule:#30333a;--speed:#82aaff;--share:#4fd1ae;--bad:#ff7d6e;"
    "--good:#6fd58c;--under:#82aaff14;--track:#2a2d33}\n"
    "}\n";

/* ---- axes ---- */

double axis_at(const axis *a, double v) {
    v = fmin(fmax(v, a->low), a->high);
    const double share = a->logarithmic ? log(v / a->low) / log(a->high / a->low) : (v - a->low) / (a->high - a->low);
    return a->from + share * (a->to - a->from);
}

/* The round step that cuts `span` into at most about `most` parts. */
static double round_step(double span, int most) {
    const double least = span / most, power = pow(10, floor(log10(least)));
    for (int i = 0; i < 3; i++) {
        const double step = power * (double[]){ 1, 2, 5 }[i];
        if (step >= least * (1 - 1e-9)) return step;
    }
    return 10 * power;
}

void axis_cover(axis *a, double low, double high, double least_span) {
    if (a->logarithmic) {
        a->low = pow(10, floor(log10(low) + 1e-9));
        a->high = pow(10, ceil(log10(high) - 1e-9));
        if (a->high <= a->low) a->high = 10 * a->low;
        return;
    }
    const double middle = (low + high) / 2, half = fmax((high - low) / 2, fmax(middle * least_span / 2, 1e-9));
    const double step = round_step(2 * half, 4);
    a->low = fmax(0, floor((middle - half) / step) * step);
    a->high = ceil((middle + half) / step) * step;
}

size_t axis_ticks(const axis *a, int most, double ticks[AXIS_TICKS_MOST]) {
    size_t n = 0;
    if (a->logarithmic) {
        const int decades = (int)round(log10(a->high / a->low)), every = decades > most ? (decades + most - 1) / most : 1;
        for (int i = 0; i <= decades && n < AXIS_TICKS_MOST; i += every) ticks[n++] = a->low * pow(10, i);
        return n;
    }
    const double step = round_step(a->high - a->low, most);
    for (double k = ceil(a->low / step - 1e-9); k * step <= a->high * (1 + 1e-9) && n < AXIS_TICKS_MOST; k++) ticks[n++] = k * step;
    return n;
}

void svg_number(char *text, size_t room, double v) {
    const double size = fabs(v);
    if (size >= 1e9)        snprintf(text, room, "%.3g G", v * 1e-9);
    else if (size >= 1e6)   snprintf(text, room, "%.3g M", v * 1e-6);
    else if (size >= 1e4)   snprintf(text, room, "%.3g k", v * 1e-3);
    else if (size >= 1e3)   snprintf(text, room, "%.0f", v);
    else                    snprintf(text, room, "%.3g", v);
}

/* ---- elements ---- */

void svg_begin(buffer *b, int width, int height, const char *label) {
    buffer_printf(b, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", width, height);
    html_text(b, label);
    buffer_append_text(b, "\">\n");
}

void svg_begin_file(buffer *b, int width, int height, const char *label, const char *style) {
    buffer_printf(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n<title>", width, height,
                  width, height);
    html_text(b, label);
    buffer_printf(b, "</title>\n<style>\n%s%s</style>\n", chart_colours, style);
}

void svg_end(buffer *b) { buffer_append_text(b, "</svg>\n"); }

void svg_line(buffer *b, const char *class, double x1, double y1, double x2, double y2) {
    buffer_printf(b, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2, y2);
}

void svg_label(buffer *b, const char *class, const char *anchor, double x, double y, const char *text) {
    buffer_printf(b, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, anchor, x, y);
    html_text(b, text);
    buffer_append_text(b, "</text>\n");
}

void svg_dot(buffer *b, const char *class, double x, double y, double r, const char *hint) {
    buffer_printf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>", class, x, y, r);
    html_text(b, hint);
    buffer_append_text(b, "</title></circle>\n");
}
