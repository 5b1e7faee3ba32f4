/* ridge report: the history of results as one HTML page. */
#include <string.h>
#include "base/files.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "perf/history.h"
#include "perf/report_html.h"

static int write_page(const char *path, const buffer *page, error *err) {
    if (strcmp(path, "-")) return write_whole_file(path, page->data, page->n, err);
    if (fwrite(page->data, 1, page->n, stdout) == page->n && !fflush(stdout)) return 0;
    return fail(err, RIDGE_E_IO, "standard output cannot be written");
}

static int report(char *const *files, int n_files, const char *output, const char *title, error *err) {
    history h = {0};
    buffer page = {0}, own = {0};
    int code = 0;
    for (int i = 0; i < n_files && !code; i++) code = history_load(&h, files[i], err);
    if (!n_files) code = history_default_path(&own, err);
    if (!n_files && !code) code = history_load(&h, buffer_text(&own), err);
    if (!code) code = report_html(&page, &h, title, err);
    if (!code) code = write_page(output, &page, err);
    buffer_free(&own);
    buffer_free(&page);
    history_free(&h);
    return code;
}

int cmd_report(int argc, char **argv) {
    const char *output = "report.html", *title = "Ridge: performance history";
    const flag flags[] = {
        { "-o --output", "FILE", "where the page goes (report.html); -: standard output", .text = &output },
        { "--title",     "TEXT", "of the page", .text = &title },
    };
    const command_line line = {
        .usage = "ridge report [flags] [FILE.jsonl ...]",
        .about = "Draws what `ridge bench --record` has recorded: the latest results, speed and share of the ceiling over commits, rooflines,\n"
                 "the ladder. One HTML file that loads nothing. Without FILE: the history that `--record default` writes.",
        .groups = { FLAG_GROUP("Flags", flags) },
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code) code = report(argv + 1, n_rest, output, title, &err);
    return command_end(code, &err);
}
