/* The record of `ridge tune` as models that are opened read it: see tuning_record.h. Nothing in the file is believed. */
#include "engine/tuning_record.h"
#include <string.h>
#include "base/events.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/memory.h"

enum { FILE_VERSION = 1, FILE_MOST_BYTES = 16 << 20 };

struct tuning_record { json_t *root, *backends; };      /* backends: of this machine, borrowed from root */

static void ignore(const char *path, const char *why) {
    event(EVENT_tuning_ignored, "%s is not used: %s; `ridge tune` writes what is fastest on this machine", path, why);
}

/* The file's text as JSON of this version, or NULL after an event. */
static json_t *parse(const char *path, const buffer *text) {
    json_error_t problem;
    json_t *root = json_loadb(buffer_text(text), text->n, JSON_REJECT_DUPLICATES, &problem);
    if (!root) ignore(path, "it is not JSON");
    else if (json_integer_value(json_object_get(root, "version")) != FILE_VERSION) {
        ignore(path, "it is of another version of Ridge");
        json_decref(root);
        root = NULL;
    }
    return root;
}

json_t *tuning_record_load(const char *path) {
    buffer text = {0};
    json_t *root = NULL;
    error why;
    const int code = read_whole_file(path, FILE_MOST_BYTES, &text, &why);
    if (!code) root = parse(path, &text);
    else if (code != RIDGE_E_NOT_FOUND) ignore(path, why.text);
    buffer_free(&text);
    return root;
}

json_t *tuning_record_empty(void) { return json_pack("{s:i s:{}}", "version", FILE_VERSION, "machines"); }

int tuning_record_path(buffer *out, error *err) {
    const int code = files_cache_directory(out, err);
    buffer_append_text(out, "/tuning.json");
    return !code && out->failed ? fail_memory(err, 100, "a path") : code;
}

tuning_record *tuning_record_open(void) {
    buffer path = {0};
    tuning_record *r = NULL;
    json_t *root = tuning_record_path(&path, NULL) ? NULL : tuning_record_load(buffer_text(&path));     /* no home: nothing was ever written */
    json_t *machines = json_object_get(root, "machines"), *mine = root ? json_object_get(machines, machine_here()->fingerprint) : NULL;
    json_t *backends = json_object_get(mine, "backends");
    if (root && !mine) ignore(buffer_text(&path), "it holds other machines only");
    else if (root && !json_is_object(backends)) ignore(buffer_text(&path), "what it says of this machine is damaged");
    else if (root) r = memory_new(1, sizeof *r);
    if (r) *r = (tuning_record){ root, backends };
    else json_decref(root);
    buffer_free(&path);
    return r;
}

void tuning_record_close(tuning_record *r) {
    if (r) json_decref(r->root);
    memory_free(r);
}

bool tuning_record_find(const tuning_record *r, const char *backend, const char *of, const char *knob, tuning_choice *out) {
    size_t i;
    json_t *choice, *choices = r ? json_object_get(json_object_get(r->backends, backend), "choices") : NULL;
    json_array_foreach(choices, i, choice) {
        const char *its_of = json_string_value(json_object_get(choice, "of")), *its_knob = json_string_value(json_object_get(choice, "knob"));
        const json_t *number = json_object_get(choice, "value");
        if (!its_of || !its_knob || strcmp(its_of, of) || strcmp(its_knob, knob)) continue;
        const json_t *beside = json_object_get(choice, "default");
        *out = (tuning_choice){ json_is_integer(number) ? json_integer_value(number) : -1, json_is_integer(beside) ? json_integer_value(beside) : -1 };
        return true;
    }
    return false;
}
