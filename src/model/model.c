/* Opens a model: the file, its numbers, the plan that its architecture describes, and the plan's tensors inside the file. */
#include "model/model.h"
#include <stdio.h>
#include <string.h>
#include "base/buffer.h"
#include "base/checked.h"
#include "base/events.h"
#include "model/architecture.h"
#include "model/arithmetic.h"

static bool file_has(void *user, const char *name) { return gguf_find_tensor(user, name) != NULL; }

static int find_architecture(const architecture **a, const gguf *file, const char *name, error *err) {
    error why;
    const int code = architecture_find(a, name, &why);
    return code ? gguf_fail_key(err, code, file, gguf_find(file, "general.architecture"), "%s", why.text) : 0;
}

/* What the builder and the architecture's description refuse: they do not know the file, but perhaps the key. */
static int in_file(const model *m, const hyperparameters *h, const plan_builder *b, int code, error *err) {
    char key[128];
    if (!code || code == RIDGE_E_NO_MEMORY) return code;
    if (!b->refused_key) {
        fail_within(err, "%s", gguf_part(m->file, 0)->path);
        return code;
    }
    snprintf(key, sizeof key, "%s.%s", h->architecture, b->refused_key);
    return gguf_fail_key(err, code, m->file, gguf_find(m->file, key), "%s", b->error.text);
}

static int build(model *m, error *err) {
    hyperparameters h;
    const architecture *a = NULL;
    plan_builder b;
    int code = hyperparameters_architecture(&h, m->file, err);
    if (!code) code = find_architecture(&a, m->file, h.architecture, err);
    if (!code) code = hyperparameters_read(&h, m->file, err);
    if (code) return code;
    code = plan_builder_begin(&b, h.architecture, file_has, m->file, err);
    if (!code) code = plan_builder_end(&b, a->describe(&b, &h), &m->plan, err);
    return in_file(m, &h, &b, code, err);
}

/* "1024x768": as files say it, the row's length first. */
static void append_shape(buffer *out, const uint64_t *dimension, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) buffer_printf(out, "%s%llu", i ? "x" : "", (unsigned long long)dimension[i]);
}

static int wrong_shape(const gguf *file, const plan_tensor *want, const gguf_tensor *have, error *err) {
    buffer b = {0};
    const uint64_t dimension[] = { want->n, want->file_rows };
    append_shape(&b, have->dimension, have->n_dimensions);
    buffer_append_text(&b, ", expected ");
    append_shape(&b, dimension, want->is_vector ? 1 : 2);
    const int code = gguf_fail_tensor(err, RIDGE_E_BAD_FILE, file, have, "shape %s", buffer_text(&b));
    buffer_free(&b);
    return code;
}

static int wrong_type(const gguf *file, const gguf_tensor *t, error *err) {
    buffer b = {0};
    for (int i = 0; i < FORMAT_COUNT; i++) buffer_printf(&b, "%s%s", i == 0 ? "" : i + 1 == FORMAT_COUNT ? " and " : ", ", formats[i].name);
    const gguf_type_info *type = gguf_type(t->type);
    const int code = gguf_fail_tensor(err, RIDGE_E_UNSUPPORTED, file, t, "its type %s is not supported; supported are %s",
                                      type ? type->name : "unknown", buffer_text(&b));
    buffer_free(&b);
    return code;
}

/* A packed file has matrices only, each cut as the plan wants it. */
static int resolve_panels(weight *w, const gguf *file, const gguf_tensor *t, const plan_tensor *want, error *err) {
    for (size_t i = 0; i < t->n_panels && !want->is_vector; i++) {
        const gguf_panels *p = &t->panels[i];
        if (p->first_row != want->first_row || p->rows != want->rows) continue;
        w->panels = (weight_panels){ .layout = p->layout, .data = p->data };
        return 0;
    }
    return gguf_fail_tensor(err, RIDGE_E_BAD_FILE, file, t, "this packed file has no panels of rows %u to %u; pack the original file again",
                            want->first_row, want->first_row + want->rows - 1);
}

/* One tensor of the plan: found, of a type that Ridge has, of the expected shape, wholly inside the file. */
static int resolve(weight *w, const gguf *file, const plan_tensor *want, error *err) {
    const gguf_tensor *t = gguf_find_tensor(file, want->name);
    if (!t) return gguf_fail(err, RIDGE_E_BAD_FILE, file, "the file has no tensor '%s'", want->name);
    const bool fits = t->dimension[0] == want->n && t->dimension[1] == want->file_rows && t->dimension[2] == 1 && t->dimension[3] == 1;
    if (!fits) return wrong_shape(file, want, t, err);
    const format *f = format_by_gguf_type(t->type);
    if (!f) return wrong_type(file, t, err);
    if (want->is_vector && f != &formats[FORMAT_f32])
        return gguf_fail_tensor(err, RIDGE_E_UNSUPPORTED, file, t, "its type is %s; norms, biases and factors must be f32", f->name);
    if (want->n % f->block_k)
        return gguf_fail_tensor(err, RIDGE_E_UNSUPPORTED, file, t, "rows of %u values, but %s comes in blocks of %zu", want->n, f->name, f->block_k);
    const size_t row_bytes = format_row_bytes(f, want->n);
    *w = (weight){ .format = f, .row_bytes = row_bytes, .rows = want->rows, .n = want->n, .file = gguf_part(file, t->part) };
    if (t->panels) return resolve_panels(w, file, t, want, err);
    uint64_t bytes;
    if (!checked_mul(row_bytes, want->file_rows, &bytes) || bytes > t->bytes)
        return gguf_fail_tensor(err, RIDGE_E_BAD_FILE, file, t, "%llu bytes in the file, fewer than its shape needs", (unsigned long long)t->bytes);
    w->data = t->data + want->first_row * row_bytes;
    return 0;
}

/* Divisors of rotary frequencies: 0, infinities and the like would poison every position. */
static int check_factors(const model *m, error *err) {
    for (size_t i = 0; i < m->plan->n_ropes; i++) {
        const tensor_id id = m->plan->rope[i].factors;
        if (id == NONE) continue;
        const weight *w = &m->weights.weight[id];
        for (uint32_t k = 0; k < w->n; k++) {
            float factor;
            memcpy(&factor, (const char *)w->data + k * sizeof factor, sizeof factor);
            if (!(factor >= 0x1p-20f && factor <= 0x1p+20f))
                return gguf_fail_tensor(err, RIDGE_E_BAD_FILE, m->file, gguf_find_tensor(m->file, m->plan->tensor[id].name),
                                        "value %u is %g; divisors of frequencies must be positive and not extreme", k, (double)factor);
        }
    }
    return 0;
}

/* Tensors that no step uses hint at something that the description does not know. */
static int report_unused(const model *m, error *err) {
    const size_t n = gguf_n_tensors(m->file);
    bool *used = memory_new(n, sizeof *used);
    if (!used) return fail_memory(err, n, "the list of tensors");
    for (size_t i = 0; i < m->plan->n_tensors; i++)
        used[gguf_find_tensor(m->file, m->plan->tensor[i].name) - gguf_tensor_at(m->file, 0)] = true;
    size_t n_unused = 0;
    const gguf_tensor *first = NULL;
    for (size_t i = 0; i < n; i++) {
        const gguf_tensor *t = gguf_tensor_at(m->file, i);
        static const char expected[] = "rope_factors_long.weight";      /* phi3 runs within its original context: its description says so */
        if (used[i] || (t->name.n == sizeof expected - 1 && !memcmp(t->name.text, expected, sizeof expected - 1))) continue;
        if (!n_unused++) first = t;
    }
    if (n_unused)
        event(EVENT_unknown_metadata, "the file has %zu tensor%s that the plan of architecture %s does not use, first %.*s: the results may be wrong.",
              n_unused, n_unused == 1 ? "" : "s", m->plan->architecture, (int)(first->name.n < 64 ? first->name.n : 64), first->name.text);
    memory_free(used);
    return 0;
}

static int resolve_all(model *m, error *err) {
    const size_t n = m->plan->n_tensors;
    weight *w = arena_new(&m->memory, n, sizeof *w);
    if (!w) return fail_memory(err, n * sizeof *w, "the table of weights");
    m->weights = (weights){ w, n };
    for (size_t i = 0; i < n; i++) {
        const int code = resolve(&w[i], m->file, &m->plan->tensor[i], err);
        if (code) return code;
    }
    m->plan->kv.k_type = m->plan->kv.v_type = arithmetic_of_most(m->plan, &m->weights) == ARITHMETIC_F32 ? FORMAT_f16 : FORMAT_bf16;
    const int code = check_factors(m, err);
    return code ? code : report_unused(m, err);
}

int model_open(model **out, const char *path, error *err) {
    *out = NULL;
    model *m = memory_new(1, sizeof *m);
    if (!m) return fail_memory(err, sizeof *m, "a model");
    int code = gguf_open(&m->file, path, err);
    if (!code) {
        code = build(m, err);
        if (!code) code = resolve_all(m, err);
    }
    if (code) model_close(m);
    else *out = m;
    return code;
}

void model_close(model *m) {
    if (!m) return;
    plan_free(m->plan);
    arena_free(&m->memory);
    gguf_close(m->file);
    memory_free(m);
}
