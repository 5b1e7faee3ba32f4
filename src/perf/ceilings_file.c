/* Ceilings on disk and on paper: ceilings.json holds those of every machine that shares the cache directory, by fingerprint. */
#include <math.h>
#include <string.h>
#include "base/buffer.h"
#include "base/files.h"
#include "base/memory.h"
#include "perf/ceilings.h"
#include "perf/statistics.h"

enum { FILE_VERSION = 2,       /* 2: several patterns of reading are tried */
       FILE_MOST_BYTES = 16 << 20 };

static const struct { const char *name, *unit; } kinds[CEILING_COUNT] = {
#define CEILING_ROW(name, unit) { #name, unit },
    CEILINGS(CEILING_ROW)
};

static json_t *row_json(const ceiling *row) {
    json_t *samples = json_array();
    for (int i = 0; i < row->samples.n; i++) json_array_append_new(samples, json_real(row->samples.sample[i]));
    return json_pack("{s:s s:s s:i s:I s:s s:f s:o}", "kind", kinds[row->kind].name, "what", row->what, "threads", row->threads,
                     "bytes", (json_int_t)row->bytes, "unit", kinds[row->kind].unit, "median", probe_median(&row->samples), "samples", samples);
}

static json_t *machine_json(const machine *m) {
    return json_pack("{s:s s:s s:s s:s s:i s:I s:I s:f}", "cpu", m->cpu, "features", m->features, "kernel", m->kernel, "hypervisor", m->hypervisor,
                     "cpus", m->n_cpus, "memory_bytes", (json_int_t)m->memory_bytes, "memory_limit_bytes", (json_int_t)m->memory_limit_bytes, "cpu_limit", m->cpu_limit);
}

json_t *ceilings_json(const ceilings *c) {
    const machine *m = machine_here();
    json_t *rows = json_array();
    for (size_t i = 0; i < c->n; i++) json_array_append_new(rows, row_json(&c->row[i]));
    return json_pack("{s:s s:s s:b s:o s:o}", "fingerprint", m->fingerprint, "measured", c->measured, "complete", c->complete, "machine", machine_json(m), "ceilings", rows);
}

static int kind_of(const char *name) {
    for (int i = 0; i < CEILING_COUNT; i++) if (!strcmp(name, kinds[i].name)) return i;
    return -1;
}

/* False where the entry is not a row that Ridge would have written. */
static bool read_row(json_t *entry, ceiling *row) {
    const char *kind = json_string_value(json_object_get(entry, "kind")), *what = json_string_value(json_object_get(entry, "what"));
    json_t *samples = json_object_get(entry, "samples");
    const size_t n = json_array_size(samples);
    if (!kind || !what || kind_of(kind) < 0 || n < 1 || n > PROBE_SAMPLES) return false;
    *row = (ceiling){ .kind = (ceiling_kind)kind_of(kind), .threads = (int)json_integer_value(json_object_get(entry, "threads")),
                      .bytes = (size_t)json_integer_value(json_object_get(entry, "bytes")), .samples = { .n = (int)n } };
    snprintf(row->what, sizeof row->what, "%s", what);
    for (size_t i = 0; i < n; i++) {
        row->samples.sample[i] = json_number_value(json_array_get(samples, i));
        if (!(row->samples.sample[i] > 0)) return false;
    }
    return true;
}

static int file_path(buffer *out, bool make, error *err) {
    int code = files_cache_directory(out, err);
    if (!code && make) code = make_directories(buffer_text(out), err);
    buffer_append_text(out, "/ceilings.json");
    return !code && out->failed ? fail_memory(err, 100, "a path") : code;
}

/* The "machines" object of the file and its owner *root; NULL where the file is absent or not one of this version. */
static json_t *load_machines(const char *path, json_t **root) {
    buffer text = {0};
    *root = NULL;
    if (!read_whole_file(path, FILE_MOST_BYTES, &text, NULL)) *root = json_loadb(buffer_text(&text), text.n, JSON_REJECT_DUPLICATES, NULL);
    buffer_free(&text);
    if (json_integer_value(json_object_get(*root, "version")) != FILE_VERSION) return NULL;
    json_t *machines = json_object_get(*root, "machines");
    return json_is_object(machines) ? machines : NULL;
}

int ceilings_load(ceilings *out, error *err) {
    *out = (ceilings){0};
    buffer path = {0};
    json_t *root = NULL;
    int code = file_path(&path, false, err);
    if (!code) {
        json_t *mine = json_object_get(load_machines(buffer_text(&path), &root), machine_here()->fingerprint), *rows = json_object_get(mine, "ceilings");
        const char *measured = json_string_value(json_object_get(mine, "measured"));
        out->complete = json_is_true(json_object_get(mine, "complete"));
        snprintf(out->measured, sizeof out->measured, "%s", measured ? measured : "");
        for (size_t i = 0; i < json_array_size(rows) && out->n < CEILINGS_MOST; i++) if (read_row(json_array_get(rows, i), &out->row[out->n])) out->n++;
        if (!out->n) code = fail(err, RIDGE_E_NOT_FOUND, "%s has no ceilings of this machine: `ridge ceilings` measures them", buffer_text(&path));
    }
    json_decref(root);
    buffer_free(&path);
    return code;
}

int ceilings_store(const ceilings *c, error *err) {
    buffer path = {0};
    json_t *root = NULL;
    char *text = NULL;
    int code = file_path(&path, true, err);
    if (code) goto done;
    json_t *machines = load_machines(buffer_text(&path), &root);
    if (!machines) {
        json_decref(root);
        root = json_pack("{s:i s:{}}", "version", FILE_VERSION, "machines");
        machines = json_object_get(root, "machines");
    }
    if (json_object_set_new(machines, machine_here()->fingerprint, ceilings_json(c)) || !(text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6)))) {
        code = fail_memory(err, FILE_MOST_BYTES, "the ceilings as JSON");
        goto done;
    }
    code = write_whole_file(buffer_text(&path), text, strlen(text), err);
done:
    free(text);
    json_decref(root);
    buffer_free(&path);
    return code;
}

static void print_bytes(FILE *out, size_t bytes) {
    if (!bytes)                fprintf(out, " %9s", "");
    else if (bytes >> 20 == 0) fprintf(out, " %6.0f KB", (double)bytes / 1024);
    else                       fprintf(out, " %6.0f MB", (double)bytes / (1 << 20));
}

void ceilings_print(const ceilings *c, FILE *out) {
    const machine *m = machine_here();
    int unsteady = 0;
    fprintf(out, "%s, %d CPUs, %.1f GB, %s", m->cpu, m->n_cpus, (double)m->memory_bytes * 1e-9, m->kernel);
    if (strcmp(m->hypervisor, "none")) fprintf(out, ", in a virtual machine (%s)", m->hypervisor);
    fprintf(out, "\nfingerprint %s, measured %s\n\n%-8s %-16s %7s %9s %10s %10s %10s\n", m->fingerprint, c->measured, "ceiling", "", "threads", "memory", "median", "least", "most");
    for (size_t i = 0; i < c->n; i++) {
        const ceiling *row = &c->row[i];
        const double *v = row->samples.sample;
        const size_t n = (size_t)row->samples.n;
        fprintf(out, "%-8s %-16s %7d", kinds[row->kind].name, row->what, row->threads);
        print_bytes(out, row->bytes);
        fprintf(out, " %10.1f %10.1f %10.1f %s%s\n", statistics_median(v, n), statistics_least(v, n), statistics_most(v, n), kinds[row->kind].unit,
                ceiling_is_steady(row) ? "" : " ~");
        unsteady += !ceiling_is_steady(row);
    }
    if (unsteady) fprintf(out, "\n~ something else used the machine: `ridge ceilings --refresh` measures again when it is idle\n");
}
