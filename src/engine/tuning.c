/* A model's knobs: see tuning.h. */
#include "engine/tuning.h"
#include <stdio.h>
#include <string.h>
#include "base/events.h"

enum { THREADS_MOST = 4096 };

int tuning_name_shape(ridge_model *m, error *err) {
    double bytes[FORMAT_COUNT] = {0};
    size_t most = 0;
    char text[80];
    for (size_t i = 0; i < m->model->weights.n; i++) {
        const weight *w = &m->model->weights.weight[i];
        const size_t id = (size_t)(w->format - formats);
        bytes[id] += (double)w->row_bytes * w->rows;
        if (bytes[id] > bytes[most]) most = id;
    }
    const int n = snprintf(text, sizeof text, "%u layers of %u, %s", m->info.n_layers, m->info.width, formats[most].name);
    m->info.shape = arena_copy_text(&m->memory, text, (size_t)n);
    return m->info.shape ? 0 : fail_memory(err, (size_t)n, "a model's shape");
}

bool tuning_threads(const ridge_model *m, const tuning_record *record, uint32_t *threads) {
    tuning_choice choice;
    if (!tuning_record_find(record, m->backend_text, m->info.shape, "threads", &choice)) return false;
    if (choice.value >= 1 && choice.value <= THREADS_MOST) {
        *threads = (uint32_t)choice.value;
        return true;
    }
    event(EVENT_tuning_ignored, "the record of `ridge tune` wants %lld threads: the default is used", (long long)choice.value);
    return false;
}

static bool is_candidate(const ridge_knob *k, int64_t value) {
    for (size_t i = 0; i < k->n_candidates; i++) if (k->candidates[i] == value) return true;
    return false;
}

static void set(ridge_model *m, size_t i, uint32_t value) {
    m->api->set_knob(m->backend, i, value);
    m->knob[i].value = value;
}

int tuning_apply(ridge_model *m, const tuning_record *record, error *err) {
    size_t n = 0, n_outdated = 0;
    const ridge_knob *knobs = m->api->knobs ? m->api->knobs(m->backend, &n) : NULL;
    m->knob = memory_new(n, sizeof *m->knob);           /* the vocabulary is loaded meanwhile, and has the arena */
    if (!m->knob) return fail_memory(err, n * sizeof *m->knob, "the table of knobs");
    m->n_knobs = n;
    for (size_t i = 0; i < n; i++) {
        ridge_knob *k = &m->knob[i];
        tuning_choice choice;
        *k = knobs[i];
        if (!*k->of) k->of = m->info.shape;
        if (!tuning_record_find(record, m->backend_text, k->of, k->name, &choice)) continue;
        if (choice.beside >= 0 && choice.beside != k->default_value) n_outdated++;     /* the kernels have changed since: it says nothing of these */
        else if (is_candidate(k, choice.value)) {
            set(m, i, (uint32_t)choice.value);
            m->info.tuned = true;
        } else
            event(EVENT_tuning_ignored, "the record of `ridge tune` wants %s of %s to be %lld, which it cannot be: the default is used", k->name, k->of,
                  (long long)choice.value);
    }
    if (n_outdated)
        event(EVENT_tuning_ignored, "%zu of the choices of `ridge tune` were made beside other defaults than this version of Ridge has, which are used instead: "
              "run it again", n_outdated);
    return 0;
}

const ridge_knob *ridge_model_knobs(const ridge_model *m, size_t *n) {
    *n = m->n_knobs;
    return m->knob;
}

int ridge_model_set_knob(ridge_model *m, size_t i, uint32_t value, error *err) {
    if (i >= m->n_knobs) return fail(err, RIDGE_E_BAD_ARGUMENT, "there is no knob %zu: the model has %zu", i, m->n_knobs);
    if (!is_candidate(&m->knob[i], value))
        return fail(err, RIDGE_E_BAD_ARGUMENT, "%s of %s cannot be %u", m->knob[i].name, m->knob[i].of, value);
    set(m, i, value);
    return 0;
}
