/* Pieces of charts as SVG, inside HTML or as a file: axes, ticks, texts. Colours and fonts come from a style sheet by class. For report_*.c
 * and ladder_svg.c. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/buffer.h"

/* Appends text with what HTML and XML give a meaning escaped; control characters become spaces. */
void html_text(buffer *b, const char *text);

/* A range of values on a range of pixels; `to` may lie before `from`. */
typedef struct { double low, high, from, to; bool logarithmic; } axis;

/* The pixel of v, which is kept within the axis. */
double axis_at(const axis *a, double v);
/* Sets low and high to round values around [low, high], at least `least_span` (relative) apart, not below 0; a logarithmic one to whole decades. */
void axis_cover(axis *a, double low, double high, double least_span);
/* Round values on the axis: 1, 2 or 5 times a power of ten, at most about `most` of them; decades on a logarithmic one. Returns their number. */
enum { AXIS_TICKS_MOST = 40 };
size_t axis_ticks(const axis *a, int most, double ticks[AXIS_TICKS_MOST]);

/* "0.05", "12.5", "1200", "2.5 M": at most four digits. */
void svg_number(char *text, size_t room, double v);

/* CSS: the colours of everything that is drawn, as variables, for light and dark. */
extern const char chart_colours[];

void svg_begin(buffer *b, int width, int height, const char *label);       /* label: for who cannot see it; escaped here */
/* A file of its own, with chart_colours and `style` as its style sheet. */
void svg_begin_file(buffer *b, int width, int height, const char *label, const char *style);
void svg_end(buffer *b);
void svg_line(buffer *b, const char *class, double x1, double y1, double x2, double y2);
/* anchor: "start", "middle", "end". */
void svg_label(buffer *b, const char *class, const char *anchor, double x, double y, const char *text);
/* A dot of radius r that tells `hint` when pointed at. */
void svg_dot(buffer *b, const char *class, double x, double y, double r, const char *hint);
