/* What a model can be asked about itself: figures, metadata, tensors, its plan. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"
#include "engine/handle.h"
#include "model/gguf_parse.h"
#include "plan/cost.h"

ridge_model_info ridge_model_get_info(const ridge_model *m) { return m->info; }

double ridge_model_bytes_per_token(const ridge_model *m, uint32_t position) {
    if (!m->model) return 0;
    const int32_t token = 0, page = 0;
    const batch_part part = { .tokens = &token, .n_tokens = 1, .first_position = position, .pages = &page };
    const step_cost cost = plan_cost(m->model->plan, &m->model->weights, &(batch){ &part, 1 });
    return cost.weight_bytes + cost.kv_bytes;
}

bool ridge_model_metadata(const ridge_model *m, size_t i, ridge_metadata *out) {
    if (i >= gguf_n_values(m->file)) return false;
    const gguf_value *v = gguf_value_at(m->file, i);
    *out = (ridge_metadata){
        .key = v->key.text, .key_bytes = v->key.n, .type = gguf_type_text(v->type, false), .is_array = v->is_array, .n = v->count, .place = v,
    };
    return true;
}

bool ridge_metadata_next(ridge_metadata *m, ridge_value *out) {
    const gguf_value *v = m->place;
    if (m->next >= m->n) return false;
    const uint64_t i = m->next++;
    switch (v->type) {
    case GGUF_BOOL:
        *out = (ridge_value){ .kind = RIDGE_VALUE_BOOL, .truth = v->data[i] };
        break;
    case GGUF_U64:
        *out = (ridge_value){ .kind = RIDGE_VALUE_UNSIGNED, .unsigned_number = gguf_load_u64(v->data + i * sizeof(uint64_t)) };
        break;
    case GGUF_U8: case GGUF_U16: case GGUF_U32:
        *out = (ridge_value){ .kind = RIDGE_VALUE_UNSIGNED, .unsigned_number = (uint64_t)gguf_element_i64(v, i) };
        break;
    case GGUF_I8: case GGUF_I16: case GGUF_I32: case GGUF_I64:
        *out = (ridge_value){ .kind = RIDGE_VALUE_SIGNED, .signed_number = gguf_element_i64(v, i) };
        break;
    case GGUF_F32: case GGUF_F64:
        *out = (ridge_value){ .kind = RIDGE_VALUE_REAL, .real = gguf_element_f64(v, i) };
        break;
    case GGUF_STRING: case GGUF_ARRAY: {                /* arrays of arrays are refused when a file is opened */
        gguf_string text = { "", 0 };
        gguf_cursor cursor = { i, m->next_at };
        gguf_next_string(v, &cursor, &text);
        m->next_at = cursor.at;
        *out = (ridge_value){ .kind = RIDGE_VALUE_TEXT, .text = text.text, .text_bytes = text.n };
        break;
    }
    }
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
