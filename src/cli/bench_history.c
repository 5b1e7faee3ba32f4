/* Recording and comparing the results of benchmarks: see bench_history.h. bench_race.c runs another program beside this one. */
#include "cli/bench_history.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is compared with ---- */

static bool is_file(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

static bool is_commit(const char *text) {
    const size_t n = strspn(text, "0123456789abcdef");
    return n >= 4 && n <= 40 && !text[n];
}

/* Commits are recorded shortened: the shorter of two says whether they are the same. */
static bool same_commit(const char *a, const char *b) {
    const size_t n = strlen(a), m = strlen(b);
    return !strncmp(a, b, n < m ? n : m);
}

static int find_reference(bench_history *h, error *err) {
    const size_t n = strlen(h->compare);
    if (n >= 6 && !strcmp(h->compare + n - 6, ".jsonl")) {
        buffer_append_text(&h->reference_path, h->compare);
    } else if (is_file(h->compare)) {
        if (access(h->compare, X_OK)) return fail(err, RIDGE_E_BAD_ARGUMENT, "--compare %s: this is neither a .jsonl file nor a program", h->compare);
        h->binary = h->compare;
        return 0;
    } else if (is_commit(h->compare)) {
        h->commit = h->compare;
        const int code = history_default_path(&h->reference_path, err);
        if (code) return code;
    } else return fail(err, RIDGE_E_NOT_FOUND, "--compare %s: there is no such file, and a commit it is not", h->compare);
    return h->reference_path.failed ? fail_memory(err, n, "a path") : history_load(&h->before, buffer_text(&h->reference_path), err);
}

int bench_history_begin(bench_history *h, error *err) {
    int code = 0;
    if (h->binary && h->compare) return fail(err, RIDGE_E_BAD_ARGUMENT, "--compare and --compare-binary exclude each other");
    if (h->recorded && (!h->compare || h->record))
        return fail(err, RIDGE_E_BAD_ARGUMENT, "--recorded takes results instead of running: it needs --compare, and nothing to --record");
    if (h->record && strcmp(h->record, "default")) buffer_append_text(&h->record_path, h->record);
    else if (h->record) code = history_default_path(&h->record_path, err);
    if (!code && h->record_path.failed) code = fail_memory(err, 100, "a path");
    if (!code && h->compare) code = find_reference(h, err);
    if (!code && h->binary && (h->record || h->recorded))
        code = fail(err, RIDGE_E_BAD_ARGUMENT, "comparing with a program measures both in turn: there is nothing to --record, and no use "
                    "for --recorded results");
    if (!code && h->recorded) code = history_load(&h->now, h->recorded, err);
    return code;
}

void bench_history_free(bench_history *h) {
    history_free(&h->before);
    history_free(&h->now);
    buffer_free(&h->record_path);
    buffer_free(&h->reference_path);
}

int bench_history_result(bench_history *h, const bench_result *r, error *err) {
    if (!h->record && !h->compare) return 0;
    json_t *line = history_line(r);
    int code = line ? 0 : fail_memory(err, 1 << 16, "a line of the history");
    if (!code && h->compare) code = history_add(&h->now, line, err);
    if (!code && h->record) code = history_append(buffer_text(&h->record_path), line, err);
    json_decref(line);
    return code;
}

/* ---- comparing ---- */

/* The latest entry of the same test, or NULL. */
static const history_entry *find_before(const bench_history *h, const history_entry *now) {
    for (size_t i = h->before.n; i-- > 0; ) {
        const history_entry *e = &h->before.entry[i];
        if (history_same_test(e, now) && (!h->commit || same_commit(e->commit, h->commit))) return e;
    }
    return NULL;
}

/* Several results of one test in the same run of comparisons: the latest counts. */
static bool is_latest(const history *h, size_t i) {
    for (size_t k = i + 1; k < h->n; k++) if (history_same_test(&h->entry[k], &h->entry[i])) return false;
    return true;
}

static int compare_one(const bench_history *h, const history_entry *now, FILE *out, int *compared, int *slower, error *err) {
    bench_comparison row = { .test = now, .now = now->speed, .commit = "", .by = "", .verdict = "not in the record" };
    comparison c;
    const history_entry *before = find_before(h, now);
    if (before && before->n && now->n) {
        const char *by;
        const int code = history_compare(&c, now, before, h->threshold / 100, &by, err);
        if (code) return code;
        row = (bench_comparison){ now, before->commit, by, compare_verdict_name(c.verdict), before->speed, now->speed, &c };
        (*compared)++;
        *slower += c.verdict == COMPARE_SLOWER;
    }
    bench_comparison_row(out, &row);
    return 0;
}

int bench_history_end(bench_history *h, FILE *out, bool *slower, error *err) {
    int compared = 0, n_slower = 0, code = 0;
    *slower = false;
    if (!h->compare) return 0;
    bench_comparison_head(out);
    for (size_t i = 0; i < h->now.n && !code; i++) if (is_latest(&h->now, i)) code = compare_one(h, &h->now.entry[i], out, &compared, &n_slower, err);
    if (!code && !compared)
        code = fail(err, RIDGE_E_NOT_FOUND, "%s has no result of these tests%s%s, run in the same way on this machine", buffer_text(&h->reference_path),
                    h->commit ? " at commit " : "", h->commit ? h->commit : "");
    if (code) return code;
    bench_comparison_end(out, n_slower, compared, h->threshold);
    *slower = n_slower > 0;
    return 0;
}

/* ---- the table ---- */

void bench_comparison_head(FILE *out) {
    fprintf(out, "\n| %-22s | %-15s | %-9s | %10s | %10s | %-32s | %8s | %-17s |\n", "model", "test", "before", "t/s", "now t/s",
            "now / before [95 %]", "p", "verdict");
    fputs("| ---------------------- | --------------- | --------- | ---------: | ---------: | -------------------------------- | -------: "
          "| ----------------- |\n", out);
}

void bench_comparison_row(FILE *out, const bench_comparison *row) {
    char test[64], before[24] = "", ratio[64] = "", p[24] = "";
    history_test_name(row->test, test, sizeof test);
    if (row->c) {
        snprintf(before, sizeof before, "%.2f", row->before);
        snprintf(ratio, sizeof ratio, "%.3f [%.3f, %.3f] %s", row->c->ratio, row->c->range.low, row->c->range.high, row->by);
        snprintf(p, sizeof p, "%.5f", row->c->p);
    }
    fprintf(out, "| %-22s | %-15s | %-9.9s | %10s | %10.2f | %-32s | %8s | %-17s |\n", row->test->model, test, row->commit, before, row->now, ratio,
            p, row->verdict);
}

void bench_comparison_end(FILE *out, int slower, int compared, float threshold) {
    fprintf(out, "\n%d of %d tests slower by more than %g %% (p < %g)\n", slower, compared, (double)threshold, COMPARE_P);
    fflush(out);
}
