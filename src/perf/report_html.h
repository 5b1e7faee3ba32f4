/* The performance history as one self-contained HTML page: no scripts, nothing loaded from anywhere. For `ridge report`. */
#pragma once
#include "perf/history.h"

/* Appends the page to *out. title: of the page. h has at least one entry; of more than REPORT_SERIES_MOST different tests the latest are shown. */
enum { REPORT_SERIES_MOST = 300, REPORT_POINTS_MOST = 120, REPORT_ROWS_MOST = 1000 };
int report_html(buffer *out, const history *h, const char *title, error *err);
