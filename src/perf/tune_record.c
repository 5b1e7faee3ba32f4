/* Keeping what `ridge tune` found: see tune_record.h. */
#include "perf/tune_record.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/files.h"
#include "base/machine.h"
#include "engine/tuning_record.h"
#include "perf/crew.h"

/* ---- storing ---- */

/* The object or list called `name` in `in`, which is made where it is missing or something else. */
static json_t *within(json_t *in, const char *name, json_type type) {
    json_t *found = json_object_get(in, name);
    if (found && json_typeof(found) == type) return found;
    json_object_set_new(in, name, type == JSON_ARRAY ? json_array() : json_object());
    return json_object_get(in, name);
}

static bool same_text(json_t *a, json_t *b, const char *name) {
    const char *x = json_string_value(json_object_get(a, name)), *y = json_string_value(json_object_get(b, name));
    return x && y && !strcmp(x, y);
}

/* Appends `entry` in place of those that are the same by both names. */
static int replace(json_t *list, json_t *entry, const char *name, const char *other_name) {
    if (!entry) return -1;
    for (size_t i = json_array_size(list); i-- > 0; ) {
        json_t *old = json_array_get(list, i);
        if (same_text(old, entry, name) && same_text(old, entry, other_name)) json_array_remove(list, i);
    }
    return json_array_append_new(list, entry);
}

static json_t *choices_of(json_t *root, const char *backend) {
    json_t *mine = within(within(root, "machines", JSON_OBJECT), machine_here()->fingerprint, JSON_OBJECT);
    json_object_set_new(mine, "cpu", json_string(machine_here()->cpu));
    return within(within(mine, "backends", JSON_OBJECT), backend, JSON_OBJECT);
}

static int put(json_t *root, const tune_outcome *o) {
    json_t *tuned = choices_of(root, o->backend), *choices = within(tuned, "choices", JSON_ARRAY);
    int code = replace(within(tuned, "runs", JSON_ARRAY), tune_run_json(o), "shape", "shape");
    for (size_t i = 0; i < o->n_knobs && !code; i++) code = replace(choices, tune_choice_json(o, i), "of", "knob");
    if (!code && o->threads) code = replace(within(choices_of(root, o->usual_backend), "choices", JSON_ARRAY), tune_threads_json(o), "of", "knob");
    return code;
}

static int write_record(const char *path, json_t *root, error *err) {
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    const int code = text ? write_whole_file(path, text, strlen(text), err) : fail_memory(err, 1 << 16, "the record as JSON");
    free(text);
    return code;
}

int tune_record_store(const tune_outcome *o, buffer *path, error *err) {
    buffer folder = {0};
    json_t *root = NULL;
    int code = files_cache_directory(&folder, err);
    if (!code) code = make_directories(buffer_text(&folder), err);
    if (!code) code = tuning_record_path(path, err);
    if (!code) {
        root = tuning_record_load(buffer_text(path));
        if (!root) root = tuning_record_empty();
        code = !root || put(root, o) ? fail_memory(err, 1 << 16, "the record as JSON") : write_record(buffer_text(path), root, err);
    }
    json_decref(root);
    buffer_free(&folder);
    return code;
}

/* ---- listing ---- */

json_t *tune_record_json(void) {
    buffer path = {0};
    json_t *root = tuning_record_path(&path, NULL) ? NULL : tuning_record_load(buffer_text(&path));
    buffer_free(&path);
    return root;
}

static const char *text_of(json_t *o, const char *name) {
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "?";
}

static void print_speed(json_t *run, const char *test, FILE *out) {
    char gain[64];
    json_t *c = json_object_get(run, test);
    const comparison speed = { .ratio = json_number_value(json_object_get(c, "ratio")),
                               .range = { json_number_value(json_object_get(c, "low")), json_number_value(json_object_get(c, "high")) } };
    tune_gain_text(&speed, gain, sizeof gain);
    fprintf(out, ", %s %s", test, gain);
}

static void print_backend(const char *name, json_t *b, FILE *out) {
    size_t i;
    json_t *entry, *runs = json_object_get(b, "runs"), *choices = json_object_get(b, "choices");
    fprintf(out, "  %s\n", name);
    json_array_foreach(runs, i, entry) {
        fprintf(out, "    %s (%s), %s at %s", text_of(entry, "model"), text_of(entry, "shape"), text_of(entry, "date"), text_of(entry, "commit"));
        if (json_is_true(json_object_get(entry, "changed")) && !json_is_true(json_object_get(entry, "taken_back"))) {
            print_speed(entry, "decode", out);
            print_speed(entry, "prompt", out);
        } else fputs(": the defaults", out);
        if (json_number_value(json_object_get(entry, "processor_share")) < CREW_IDLE_SHARE) fputs(", on a busy machine", out);
        fputc('\n', out);
    }
    json_array_foreach(choices, i, entry) {
        const long long value = json_integer_value(json_object_get(entry, "value")), usual = json_integer_value(json_object_get(entry, "default"));
        fprintf(out, "      %-16s %-24s %8lld", text_of(entry, "knob"), text_of(entry, "of"), value);
        if (value != usual) fprintf(out, "  instead of %lld", usual);
        fputc('\n', out);
    }
}

void tune_record_print(FILE *out) {
    json_t *root = tune_record_json(), *mine, *b, *machines = json_object_get(root, "machines");
    const char *fingerprint, *name;
    json_object_foreach(machines, fingerprint, mine) {
        fprintf(out, "%s, %s%s\n", text_of(mine, "cpu"), fingerprint, strcmp(fingerprint, machine_here()->fingerprint) ? "" : " (this machine)");
        json_t *backends = json_object_get(mine, "backends");
        json_object_foreach(backends, name, b) print_backend(name, b, out);
    }
    json_decref(root);
}

/* ---- removing ---- */

static size_t count_choices(json_t *mine) {
    const char *name;
    json_t *b, *backends = json_object_get(mine, "backends");
    size_t n = 0;
    json_object_foreach(backends, name, b) n += json_array_size(json_object_get(b, "choices"));
    return n;
}

int tune_record_forget(size_t *n, error *err) {
    buffer path = {0};
    int code = tuning_record_path(&path, err);
    json_t *root = code ? NULL : tuning_record_load(buffer_text(&path)), *machines = json_object_get(root, "machines");
    *n = count_choices(json_object_get(machines, machine_here()->fingerprint));
    json_object_del(machines, machine_here()->fingerprint);
    if (!code && json_object_size(machines)) code = write_record(buffer_text(&path), root, err);
    else if (!code && unlink(buffer_text(&path)) && errno != ENOENT) code = fail(err, RIDGE_E_IO, "cannot remove %s: %s", buffer_text(&path), strerror(errno));
    json_decref(root);
    buffer_free(&path);
    return code;
}
