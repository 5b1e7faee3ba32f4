/* What a model can be asked about itself: figures, metadata, tensors, its plan. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include "base/buffer.h"
#include "base/memory.h"
#include "engine/handle.h"
#include "plan/cost.h"

enum { ELEMENTS_SHOWN = 6 };

ridge_model_info ridge_model_get_info(const ridge_model *m) { return m->info; }

double ridge_model_bytes_per_token(const ridge_model *m, uint32_t position) {
    if (!m->model) return 0;
    const int32_t token = 0, page = 0;
    const batch_part part = { .tokens = &token, .n_tokens = 1, .first_position = position, .pages = &page };
    const step_cost cost = plan_cost(m->model->plan, &m->model->weights, &(batch){ &part, 1 });
    return cost.weight_bytes + cost.kv_bytes;
}

/* Text of a file may hold anything: control characters are escaped, so that a terminal stays as it is. */
static void show_text(buffer *out, gguf_string s) {
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.text[i];
        if (c == '\n') buffer_append_text(out, "\\n");
        else if (c < 32 || c == 127) buffer_printf(out, "\\x%02x", c);
        else buffer_append_char(out, (char)c);
    }
}

static void show_number(buffer *out, const gguf_value *v, uint64_t i) {
    if (v->type == GGUF_F32 || v->type == GGUF_F64) buffer_printf(out, "%.9g", gguf_element_f64(v, i));
    else if (v->type == GGUF_BOOL) buffer_append_text(out, gguf_element_i64(v, i) ? "true" : "false");
    else if (v->type == GGUF_U64) buffer_printf(out, "%llu", (unsigned long long)gguf_element_i64(v, i));
    else buffer_printf(out, "%lld", (long long)gguf_element_i64(v, i));
}

static void show_value(buffer *out, const gguf_value *v) {
    gguf_cursor cursor = {0};
    gguf_string text;
    if (v->is_array) buffer_append_char(out, '[');
    const uint64_t shown = v->is_array && v->count > ELEMENTS_SHOWN ? ELEMENTS_SHOWN : v->count;
    for (uint64_t i = 0; i < shown; i++) {
        if (i) buffer_append_text(out, ", ");
        if (v->type == GGUF_ARRAY) buffer_append_text(out, "[...]");
        else if (v->type != GGUF_STRING) show_number(out, v, i);
        else if (gguf_next_string(v, &cursor, &text)) show_text(out, text);
    }
    if (!v->is_array) return;
    if (shown < v->count) buffer_printf(out, ", ... %llu in all", (unsigned long long)v->count);
    buffer_append_char(out, ']');
}

bool ridge_model_metadata(const ridge_model *m, size_t i, const char **key, size_t *key_bytes, char **value) {
    if (i >= gguf_n_values(m->file)) return false;
    const gguf_value *v = gguf_value_at(m->file, i);
    *key = v->key.text;
    *key_bytes = v->key.n;
    buffer text = {0};
    show_value(&text, v);
    *value = text.failed ? NULL : memory_copy_text(buffer_text(&text), text.n);
    buffer_free(&text);
    return true;
}

bool ridge_model_tensor(const ridge_model *m, size_t i, ridge_tensor_info *out) {
    if (i >= gguf_n_tensors(m->file)) return false;
    const gguf_tensor *t = gguf_tensor_at(m->file, i);
    const gguf_type_info *type = gguf_type(t->type);
    *out = (ridge_tensor_info){
        .name = t->name.text, .name_bytes = t->name.n, .type = type ? type->name : "?", .n_dimensions = t->n_dimensions, .bytes = t->bytes,
        .panels = t->panels ? t->panels->layout.format->name : NULL,
    };
    for (int d = 0; d < GGUF_MAX_DIMENSIONS; d++) out->dimension[d] = t->dimension[d];
    return true;
}

int ridge_model_plan_text(const ridge_model *m, char **text, error *err) {
    *text = NULL;
    if (!m->model) return fail(err, RIDGE_E_BAD_ARGUMENT, "a plan needs a model that was opened with RIDGE_LOAD_PLAN or more");
    char *printed = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&printed, &n);
    if (!out) return fail_memory(err, 1, "the plan's text");
    plan_print(m->model->plan, out);
    if (!fclose(out)) *text = memory_copy_text(printed, n);
    free(printed);
    return *text ? 0 : fail_memory(err, n, "the plan's text");
}
