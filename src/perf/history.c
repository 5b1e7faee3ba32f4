/* The history of results: see history.h. */
#define _GNU_SOURCE
#include "perf/history.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/events.h"
#include "base/files.h"
#include "base/machine.h"
#include "perf/bench_result.h"
#include "perf/ceilings.h"

static const double CEILINGS_APART = 0.8;

/* ---- writing ---- */

/* The stored ceilings as they are, less their samples; an empty list where there are none: measuring them is not this one's business. */
static json_t *known_ceilings(void) {
    static ceilings c;
    json_t *all = NULL, *rows = json_array();
    if (!ceilings_load(&c, NULL)) all = ceilings_json(&c);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(all, "ceilings"), i, row) {
        json_object_del(row, "samples");
        json_array_append(rows, row);
    }
    json_decref(all);
    return rows;
}

static json_t *steps_json(const bench_result *r) {
    json_t *all = json_array();
    for (int i = 0; i < r->n_steps; i++)
        json_array_append_new(all, json_pack("{s:s s:f s:f s:f}", "name", r->step[i].name, "bytes", r->step[i].bytes, "operations",
                                             r->step[i].operations, "seconds", r->step[i].seconds));
    return all;
}

json_t *history_line(const bench_result *r) {
    const machine *m = machine_here();
    json_t *line = bench_result_json(r);
    json_t *info = json_pack("{s:s s:s s:i s:I s:I s:f}", "kernel", m->kernel, "hypervisor", m->hypervisor, "cpus", m->n_cpus, "memory_bytes",
                             (json_int_t)m->memory_bytes, "memory_limit_bytes", (json_int_t)m->memory_limit_bytes, "cpu_limit", m->cpu_limit);
    if (!line || json_object_set_new(line, "machine_info", info) || json_object_set_new(line, "ceilings", known_ceilings()) ||
        (r->n_steps && json_object_set_new(line, "profile", steps_json(r)))) {
        json_decref(line);
        return NULL;
    }
    return line;
}

static int make_parent(const char *path, error *err) {
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return 0;
    char *folder = memory_copy_text(path, (size_t)(slash - path));
    const int code = folder ? make_directories(folder, err) : fail_memory(err, strlen(path), "a path");
    memory_free(folder);
    return code;
}

/* A writer that was stopped in the middle may have left half a line: it must not spoil the next. */
static bool ends_in_line(int fd) {
    char last;
    const off_t size = lseek(fd, 0, SEEK_END);
    return size <= 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

static int write_line(int fd, const char *path, const char *text, error *err) {
    buffer line = {0};
    if (!ends_in_line(fd)) buffer_append_char(&line, '\n');
    buffer_append_text(&line, text);
    buffer_append_char(&line, '\n');
    int code = line.failed ? fail_memory(err, line.n, "a line of the history") : 0;
    if (!code && line.n > HISTORY_LINE_BYTES) code = fail(err, RIDGE_E_UNSUPPORTED, "a line of the history would have %zu bytes, more than %d",
                                                          line.n, HISTORY_LINE_BYTES);
    const ssize_t written = code ? 0 : write(fd, line.data, line.n);
    if (!code && written != (ssize_t)line.n) code = fail(err, RIDGE_E_IO, "cannot write to %s: %s", path,
                                                             written < 0 ? strerror(errno) : "the device is full");
    buffer_free(&line);
    return code;
}

int history_append(const char *path, json_t *line, error *err) {
    if (!line || json_object_set_new(line, "schema", json_integer(HISTORY_SCHEMA))) return fail_memory(err, 1 << 16, "a line of the history");
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (!text) return fail_memory(err, 1 << 16, "a line of the history");
    int code = make_parent(path, err);
    const int fd = code ? -1 : open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (!code && fd < 0) code = fail(err, RIDGE_E_IO, "cannot open %s: %s", path, strerror(errno));
    if (!code) code = write_line(fd, path, text, err);
    if (fd >= 0 && close(fd) && !code) code = fail(err, RIDGE_E_IO, "cannot write to %s: %s", path, strerror(errno));
    free(text);
    return code;
}

int history_default_path(buffer *out, error *err) {
    const int code = files_state_directory(out, err);
    buffer_append_text(out, "/bench.jsonl");
    return !code && out->failed ? fail_memory(err, 100, "a path") : code;
}

/* ---- reading: nothing in a line is believed ---- */

typedef struct { history *h; json_t *line; bool no_memory; } reader;

static const char *copy(reader *r, const char *text) {
    char *copied = arena_copy_text(&r->h->memory, text, strnlen(text, HISTORY_MOST_TEXT));
    if (!copied) r->no_memory = true;
    return copied ? copied : "";
}

static const char *text(reader *r, const char *name) {
    const char *value = json_string_value(json_object_get(r->line, name));
    return value ? copy(r, value) : "";
}

/* A number that something measured may have; 0 for anything else, so that no later arithmetic overflows. */
static double number_of(const json_t *v) {
    const double d = json_number_value(v);
    return d >= 1e-15 && d <= 1e18 ? d : 0;
}
static double number(const reader *r, const char *name) { return number_of(json_object_get(r->line, name)); }
static int whole(const reader *r, const char *name) {
    const double d = number(r, name);
    return d < 1 << 30 ? (int)d : 1 << 30;
}

/* The array's values, all above 0, times `scale`; NULL where it is not such an array of n. */
static double *reals(reader *r, const char *name, size_t n, double scale) {
    const json_t *array = json_object_get(r->line, name);
    if (!n || json_array_size(array) != n) return NULL;
    double *v = arena_new(&r->h->memory, n, sizeof *v);
    if (!v) { r->no_memory = true; return NULL; }
    for (size_t i = 0; i < n; i++) {
        v[i] = number_of(json_array_get(array, i)) * scale;
        if (!(v[i] > 0)) return NULL;
    }
    return v;
}

static void read_samples(reader *r, history_entry *e) {
    const double tokens = e->n_prompt + e->n_gen;
    e->n = json_array_size(json_object_get(r->line, "samples_ns"));
    if (e->n > STATISTICS_MAX) e->n = 0;
    e->per_second = reals(r, "samples_ns", e->n, 1e-9);
    if (!e->per_second) e->n = 0;
    e->shares = reals(r, "samples_limit_ns", e->n, 1e-9);
    for (size_t i = 0; i < e->n; i++) {
        if (e->shares) e->shares[i] /= e->per_second[i];
        e->per_second[i] = tokens / e->per_second[i];
    }
}

static void read_steps(reader *r, history_entry *e) {
    const json_t *profile = json_object_get(r->line, "profile");
    const size_t n = json_array_size(profile);
    if (!n || n > HISTORY_MOST_STEPS) return;
    e->steps = arena_new(&r->h->memory, n, sizeof *e->steps);
    if (!e->steps) { r->no_memory = true; return; }
    for (size_t i = 0; i < n; i++) {
        const json_t *step = json_array_get(profile, i);
        const char *name = json_string_value(json_object_get(step, "name"));
        const bench_step s = { name ? copy(r, name) : "", number_of(json_object_get(step, "bytes")), number_of(json_object_get(step, "operations")),
                                 number_of(json_object_get(step, "seconds")) };
        if (*s.name && s.seconds > 0) e->steps[e->n_steps++] = s;
    }
}

static void read_entry(reader *r, history_entry *e) {
    *e = (history_entry){
        .commit = text(r, "build_commit"), .time = text(r, "test_time"), .machine = text(r, "machine"), .cpu = text(r, "cpu_info"),
        .model = text(r, "model_type"),
        .isa = text(r, "isa"), .fuse = text(r, "fuse"), .arithmetic = text(r, "arithmetic"), .bound_by = text(r, "bound_by"), .peak_of = text(r, "peak_of"),
        .type_k = text(r, "type_k"), .type_v = text(r, "type_v"), .rung = text(r, "rung"),
        .rung_flags = text(r, "rung_flags"),
        .precise = json_is_true(json_object_get(r->line, "precise")), .packed = !json_is_false(json_object_get(r->line, "packed")),
        .tuned = json_is_true(json_object_get(r->line, "tuned")),
        .threads = whole(r, "n_threads"), .micro_batch = whole(r, "n_ubatch"), .n_prompt = whole(r, "n_prompt"), .n_gen = whole(r, "n_gen"),
        .n_depth = whole(r, "n_depth"),
        .speed = number(r, "median_ts"), .speed_low = number(r, "median_ts_low"), .speed_high = number(r, "median_ts_high"),
        .share = number(r, "ceiling_share"), .share_low = number(r, "ceiling_share_low"), .share_high = number(r, "ceiling_share_high"),
        .read = number(r, "read_gb_per_s"), .peak = number(r, "peak_gop_per_s"), .bytes = number(r, "bytes_per_token"),
        .operations = number(r, "operations_per_token"),
    };
    const char *path = json_string_value(json_object_get(r->line, "model_filename")), *slash = path ? strrchr(path, '/') : NULL;
    e->file = path ? copy(r, slash ? slash + 1 : path) : "";
    read_samples(r, e);
    read_steps(r, e);
    if (!(e->speed > 0)) e->speed = number(r, "avg_ts");                /* llama-bench's own lines have no more */
    if (!(e->speed_low > 0) || !(e->speed_high >= e->speed_low)) e->speed_low = e->speed_high = e->speed;
    if (!(e->share_low > 0) || !(e->share_high >= e->share_low)) e->share_low = e->share_high = e->share;
}

int history_add(history *h, json_t *line, error *err) {
    const json_t *schema = json_object_get(line, "schema");
    if (!json_is_object(line)) return fail(err, RIDGE_E_BAD_FILE, "it is not a JSON object");
    if (schema && json_integer_value(schema) != HISTORY_SCHEMA)
        return fail(err, RIDGE_E_BAD_FILE, "its schema is not %d, the one that this version of Ridge knows", HISTORY_SCHEMA);
    if (h->n == HISTORY_MOST_ENTRIES) return fail(err, RIDGE_E_UNSUPPORTED, "there are more than %d entries", HISTORY_MOST_ENTRIES);
    if (h->n == h->room) {
        const size_t room = h->room ? 2 * h->room : 64;
        history_entry *grown = memory_grow(h->entry, room, sizeof *grown);
        if (!grown) return fail_memory(err, room * sizeof *grown, "a history");
        h->entry = grown;
        h->room = room;
    }
    reader r = { .h = h, .line = line };
    history_entry *e = &h->entry[h->n];
    read_entry(&r, e);
    if (r.no_memory) return fail_memory(err, 1 << 16, "an entry of a history");
    if (!*e->model || !*e->commit || !(e->n_prompt + e->n_gen > 0) || !(e->speed > 0))
        return fail(err, RIDGE_E_BAD_FILE, "build_commit, model_type, n_prompt or n_gen, or the speed is missing");
    h->n++;
    return 0;
}

/* text is terminated behind n. */
static int add_line(history *h, const char *path, size_t line_number, const char *line, size_t n, error *err) {
    json_error_t problem;
    error why;
    if (n > HISTORY_LINE_BYTES) {
        event(EVENT_history_line_skipped, "%s, line %zu: it is longer than %d bytes", path, line_number, HISTORY_LINE_BYTES);
        return 0;
    }
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, &problem);
    const int code = object ? history_add(h, object, &why) : fail(&why, RIDGE_E_BAD_FILE, "it is not JSON: %s", problem.text);
    json_decref(object);
    if (code == RIDGE_E_BAD_FILE) event(EVENT_history_line_skipped, "%s, line %zu was skipped: %s", path, line_number, why.text);
    else if (code) return fail(err, code, "%s, line %zu: %s", path, line_number, why.text);
    return 0;
}

int history_load(history *h, const char *path, error *err) {
    buffer all = {0};
    const size_t before = h->n;
    int code = read_whole_file(path, HISTORY_MOST_BYTES, &all, err);
    size_t line_number = 0;
    for (size_t at = 0; at < all.n && !code; ) {
        const char *line = all.data + at, *end = memchr(line, '\n', all.n - at);
        const size_t n = end ? (size_t)(end - line) : all.n - at;
        line_number++;
        if (n) code = add_line(h, path, line_number, line, n, err);
        at += n + 1;
    }
    buffer_free(&all);
    return code || h->n > before ? code : fail(err, RIDGE_E_BAD_FILE, "%s has no results of benchmarks: `ridge bench --record` writes them", path);
}

void history_free(history *h) {
    memory_free(h->entry);
    arena_free(&h->memory);
    *h = (history){0};
}

/* ---- what entries are ---- */

bool history_same_test(const history_entry *a, const history_entry *b) {
    return !strcmp(a->model, b->model) && !strcmp(a->file, b->file) && !strcmp(a->machine, b->machine) && !strcmp(a->isa, b->isa) &&
           !strcmp(a->fuse, b->fuse) && !strcmp(a->type_k, b->type_k) && !strcmp(a->type_v, b->type_v) && !strcmp(a->rung, b->rung) &&
           a->precise == b->precise && a->packed == b->packed && a->tuned == b->tuned && a->threads == b->threads && a->micro_batch == b->micro_batch &&
           a->n_prompt == b->n_prompt && a->n_gen == b->n_gen && a->n_depth == b->n_depth;
}

/* The tokens/s that the machine would have allowed. */
static double ceiling_of(const history_entry *e) { return e->speed / e->share; }

int history_compare(comparison *out, const history_entry *now, const history_entry *before, double threshold, const char **by, error *err) {
    const bool shares = now->shares && before->shares;
    *by = shares ? "of ceiling" : "t/s";
    const int code = compare_runs(out, shares ? now->shares : now->per_second, now->n, shares ? before->shares : before->per_second, before->n,
                                  threshold, err);
    if (code || !(now->share > 0 && before->share > 0)) return code;
    const double apart = ceiling_of(now) / ceiling_of(before);
    if (shares && out->verdict != COMPARE_TOO_FEW && (apart < CEILINGS_APART || apart > 1 / CEILINGS_APART)) out->verdict = COMPARE_UNLIKE;
    return 0;
}

void history_test_name(const history_entry *e, char *out, size_t room) {
    bench_test_name(&(bench_result){ .n_prompt = e->n_prompt, .n_gen = e->n_gen, .n_depth = e->n_depth }, out, room);
}
