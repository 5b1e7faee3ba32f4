/* Progress on stderr: see progress.h. */
#include "cli/progress.h"
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/clock.h"

enum { BAR_MOST = 40, TEXT_COLUMNS = 46, COLUMNS_MOST = 200 };
static const double redraw_seconds = 0.1, line_seconds = 10;

const char *progress_size(char *text, int room, double bytes) {
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    int unit = 0;
    while (bytes >= 999.5 && unit < 4) { bytes /= 1000; unit++; }
    snprintf(text, (size_t)room, "%.*f %s", unit && bytes < 99.95 ? 1 : 0, bytes, units[unit]);
    return text;
}

static void show(progress *p, uint64_t done, double now) {
    char size[16], total[16], speed[16], left[32] = "", bar[BAR_MOST + 1];
    const double seconds = now - p->started, rate = seconds > 0 ? (double)(done - p->done_before) / seconds : 0;
    const double share = p->total ? (double)done / (double)p->total : 0;
    if (rate > 0 && done < p->total) {
        const double rest = (double)(p->total - done) / rate;
        if (rest < 100 * 3600) snprintf(left, sizeof left, "%d:%02d left", (int)rest / 60, (int)rest % 60);
    }
    progress_size(size, sizeof size, (double)done);
    progress_size(total, sizeof total, (double)p->total);
    progress_size(speed, sizeof speed, rate);
    if (!p->terminal) {
        fprintf(stderr, "%s: %s of %s (%.0f %%), %s/s\n", p->label, size, total, 100 * share, speed);
        return;
    }
    int room = p->columns - (int)strlen(p->label) - TEXT_COLUMNS;
    if (room > BAR_MOST) room = BAR_MOST;
    if (room < 0) room = 0;
    const int full = (int)(share * room);
    for (int i = 0; i < room; i++) bar[i] = i < full ? '#' : '.';
    bar[room] = 0;
    char line[COLUMNS_MOST + 1];
    snprintf(line, sizeof line < (size_t)p->columns ? sizeof line : (size_t)p->columns, "%s %s %3.0f %%  %s of %s  %s/s  %s",
             p->label, bar, 100 * share, size, total, speed, left);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
}

void progress_begin(progress *p, const char *label, uint64_t done, uint64_t total) {
    *p = (progress){ .label = label, .done_before = done, .total = total, .started = clock_seconds(), .columns = 80 };
    p->terminal = isatty(STDERR_FILENO);
    p->shown = p->started;
    struct winsize w;
    if (p->terminal && !ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col >= 20) p->columns = w.ws_col;
    if (p->terminal) show(p, done, p->started);
}

void progress_update(progress *p, uint64_t done) {
    const double now = clock_seconds();
    if (now - p->shown < (p->terminal ? redraw_seconds : line_seconds)) return;
    p->shown = now;
    show(p, done, now);
}

void progress_end(progress *p, uint64_t done) {
    show(p, done, clock_seconds());
    if (p->terminal) fputc('\n', stderr);
}
