/* Comparing this program with another build of it: both run the same benchmark in turn, so that whatever the machine does meanwhile meets
 * both. Each sample is a process of its own: where memory happens to lie is part of the noise, not of the result. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/memory.h"
#include "cli/bench_history.h"

extern char **environ;

/* Flags that are not handed on, all with a value. */
static const char *const kept[] = { "--compare-binary", "--compare", "--threshold" };
enum { ADDED = 7 };

static bool is_kept(const char *argument, bool *value_follows) {
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const size_t n = strlen(kept[i]);
        if (strncmp(argument, kept[i], n)) continue;
        *value_follows = !argument[n];
        if (!argument[n] || argument[n] == '=') return true;
    }
    return false;
}

/* The arguments of a child, borrowed from argv: later flags win, so that one sample as JSON lines is what comes. NULL without memory. */
static char **child_arguments(int argc, char **argv) {
    static char *const added[ADDED] = { "-r", "1", "-o", "jsonl", "-oe", "none", NULL };
    char **list = memory_new((size_t)argc + ADDED + 1, sizeof *list);
    size_t n = 1;                                   /* [0]: the program */
    if (!list) return NULL;
    list[n++] = "bench";
    for (int i = 1; i < argc; i++) {
        bool value_follows;
        if (!is_kept(argv[i], &value_follows)) list[n++] = argv[i];
        else i += value_follows;
    }
    memcpy(list + n, added, sizeof added);
    return list;
}

static int read_all(int fd, buffer *out, error *err) {
    char chunk[16384];
    out->limit = HISTORY_LINE_BYTES;
    for (;;) {
        const ssize_t n = read(fd, chunk, sizeof chunk);
        if (n > 0) buffer_append(out, chunk, (size_t)n);
        else if (!n || errno != EINTR) break;
    }
    return out->failed ? fail(err, RIDGE_E_BAD_FILE, "the program that is compared prints more than %d bytes", HISTORY_LINE_BYTES) : 0;
}

static int add_lines(history *h, const buffer *text, const char *program, error *err) {
    int code = 0;
    for (size_t at = 0; at < text->n && !code; ) {
        const char *line = text->data + at, *end = memchr(line, '\n', text->n - at);
        const size_t n = end ? (size_t)(end - line) : text->n - at;
        json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
        code = history_add(h, object, err);
        json_decref(object);
        at += n + 1;
    }
    return code ? fail(err, code, "%s bench -o jsonl printed something that is no result", program) : 0;
}

/* Runs the program once and adds its results to h. */
static int run_child(const char *program, char **arguments, history *h, error *err) {
    int ends[2], status = 0;
    pid_t child;
    buffer text = {0};
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC)) return fail(err, RIDGE_E_IO, "no pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    arguments[0] = (char *)program;
    const int refused = posix_spawn(&child, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    int code = refused ? fail(err, RIDGE_E_IO, "%s cannot be run: %s", program, strerror(refused)) : read_all(ends[0], &text, err);
    close(ends[0]);
    if (!refused) while (waitpid(child, &status, 0) < 0 && errno == EINTR) { }
    if (!code && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        code = fail(err, RIDGE_E_INTERNAL, "%s bench failed (%s %d)", program, WIFEXITED(status) ? "exit code" : "signal",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    if (!code) code = add_lines(h, &text, program, err);
    buffer_free(&text);
    return code;
}

/* Entry [round * n_tests + test] of both histories is a sample. */
static int compare_tests(const bench_history *h, size_t n_tests, int rounds, FILE *out, int *n_slower, error *err) {
    double now[STATISTICS_MAX], before[STATISTICS_MAX];
    for (size_t test = 0; test < n_tests; test++) {
        const history_entry *a = &h->before.entry[test], *b = &h->now.entry[test];
        comparison c;
        if (a->n_prompt != b->n_prompt || a->n_gen != b->n_gen || a->n_depth != b->n_depth)
            return fail(err, RIDGE_E_INTERNAL, "%s does not run the same tests in the same order", h->binary);
        for (int i = 0; i < rounds; i++) {
            before[i] = h->before.entry[(size_t)i * n_tests + test].speed;
            now[i] = h->now.entry[(size_t)i * n_tests + test].speed;
        }
        const int code = compare_pairs(&c, now, before, (size_t)rounds, h->threshold / 100, err);
        if (code) return code;
        *n_slower += c.verdict == COMPARE_SLOWER;
        bench_comparison_row(out, &(bench_comparison){ b, a->commit, "t/s", compare_verdict_name(c.verdict),
                                                       statistics_median(before, (size_t)rounds), statistics_median(now, (size_t)rounds), &c });
    }
    return 0;
}

int bench_history_race(bench_history *h, int argc, char **argv, int rounds, bool progress, FILE *out, bool *slower, error *err) {
    char **arguments = child_arguments(argc, argv);
    int code = arguments ? 0 : fail_memory(err, (size_t)argc * sizeof *arguments, "a command line"), n_slower = 0;
    for (int i = 0; i < rounds && !code; i++) {
        if (progress) fprintf(stderr, "round %d of %d\n", i + 1, rounds);
        for (int turn = 0; turn < 2 && !code; turn++) {         /* A B, B A, A B: a steady drift meets both alike */
            const bool mine = (turn + i) % 2;
            code = run_child(mine ? "/proc/self/exe" : h->binary, arguments, mine ? &h->now : &h->before, err);
        }
    }
    memory_free(arguments);
    const size_t n_tests = h->now.n / (size_t)rounds;
    if (!code && (h->now.n != h->before.n || h->now.n != n_tests * (size_t)rounds || !n_tests))
        code = fail(err, RIDGE_E_INTERNAL, "%s printed %zu results, this program %zu", h->binary, h->before.n, h->now.n);
    if (code) return code;
    bench_comparison_head(out);
    code = compare_tests(h, n_tests, rounds, out, &n_slower, err);
    if (!code) bench_comparison_end(out, n_slower, (int)n_tests, h->threshold);
    *slower = n_slower > 0;
    return code;
}
