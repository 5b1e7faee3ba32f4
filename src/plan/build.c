/* The builder of the unfused list: descriptions of architectures call it. It only collects; what is wrong with the
 * collection is said by plan_check, once, at the end. Everything lies in the plan's arena. */
#include "plan/build.h"
#include <stdarg.h>
#include <string.h>
#include "plan/uses.h"

enum { MAX_ITEMS = INT16_MAX };        /* ids are 16 bits */

int plan_builder_begin(plan_builder *b, const char *architecture, plan_has_tensor *has, void *user, error *err) {
    *b = (plan_builder){ .has_tensor = has, .user = user, .layer = NONE };
    b->plan = memory_new(1, sizeof *b->plan);
    if (!b->plan) {
        fail_memory(&b->error, sizeof *b->plan, "a plan");
        return fail_memory(err, sizeof *b->plan, "a plan");
    }
    b->plan->logits = NONE;
    snprintf(b->plan->architecture, sizeof b->plan->architecture, "%s", architecture);
    return 0;
}

int plan_builder_end(plan_builder *b, value_id logits, plan **out, error *err) {
    *out = NULL;
    plan *p = b->plan;
    b->plan = NULL;
    int code = b->error.code;
    if (code) {
        if (err) *err = b->error;
    } else {
        p->logits = logits;
        code = plan_check(p, err);
    }
    if (code) plan_free(p);
    else *out = p;
    return code;
}

/* Room for one more item: the array, perhaps moved (what it leaves behind goes with the arena), or NULL after a failure. */
static void *room_for_one(plan_builder *b, void *items, size_t n, size_t *room, size_t size, const char *what) {
    if (b->error.code) return NULL;
    if (n < *room) return items;
    if (n >= MAX_ITEMS) {
        fail(&b->error, RIDGE_E_UNSUPPORTED, "the model needs more than %d %s.", MAX_ITEMS, what);
        return NULL;
    }
    const size_t larger = *room ? 2 * *room : 32;
    void *moved = arena_new(&b->plan->memory, larger, size);
    if (!moved) {
        fail_memory(&b->error, larger * size, "a plan");
        return NULL;
    }
    if (n) memcpy(moved, items, n * size);
    *room = larger;
    return moved;
}

value_id plan_add_value(plan_builder *b, const char *name, uint32_t width) {
    plan *p = b->plan;
    if (b->error.code) return NONE;
    for (size_t i = 0; i < p->n_values; i++) {
        if (strcmp(p->value[i].name, name)) continue;
        if (p->value[i].width == width) return (value_id)i;
        fail(&b->error, RIDGE_E_INTERNAL, "value %s is declared with %u and with %u values.", name, p->value[i].width, width);
        return NONE;
    }
    if (strlen(name) >= sizeof p->value->name) {
        fail(&b->error, RIDGE_E_INTERNAL, "the name of value %s is too long.", name);
        return NONE;
    }
    plan_value *values = room_for_one(b, p->value, p->n_values, &b->value_room, sizeof *values, "values");
    if (!values) return NONE;
    p->value = values;
    plan_value *v = &values[p->n_values];
    snprintf(v->name, sizeof v->name, "%s", name);
    v->width = width;
    v->outputs_only = b->outputs_only;
    return (value_id)p->n_values++;
}

static tensor_id add_tensor(plan_builder *b, plan_tensor shape, const char *name, va_list arguments) {
    plan *p = b->plan;
    if (b->error.code) return NONE;
    plan_tensor *tensors = room_for_one(b, p->tensor, p->n_tensors, &b->tensor_room, sizeof *tensors, "tensors");
    if (!tensors) return NONE;
    p->tensor = tensors;
    const int n = vsnprintf(shape.name, sizeof shape.name, name, arguments);
    if (n < 0 || (size_t)n >= sizeof shape.name) {
        fail(&b->error, RIDGE_E_INTERNAL, "the name of tensor %s... is too long.", shape.name);
        return NONE;
    }
    tensors[p->n_tensors] = shape;
    return (tensor_id)p->n_tensors++;
}

tensor_id plan_add_matrix(plan_builder *b, uint32_t rows, uint32_t n, const char *name, ...) {
    va_list arguments;
    va_start(arguments, name);
    const tensor_id id = add_tensor(b, (plan_tensor){ .n = n, .rows = rows, .file_rows = rows }, name, arguments);
    va_end(arguments);
    return id;
}

tensor_id plan_add_slice(plan_builder *b, uint32_t first, uint32_t rows, uint32_t file_rows, uint32_t n, const char *name, ...) {
    va_list arguments;
    va_start(arguments, name);
    const plan_tensor shape = { .n = n, .rows = rows, .first_row = first, .file_rows = file_rows };
    const tensor_id id = add_tensor(b, shape, name, arguments);
    va_end(arguments);
    return id;
}

tensor_id plan_add_vector(plan_builder *b, uint32_t n, const char *name, ...) {
    va_list arguments;
    va_start(arguments, name);
    const tensor_id id = add_tensor(b, (plan_tensor){ .n = n, .rows = 1, .file_rows = 1, .is_vector = true }, name, arguments);
    va_end(arguments);
    return id;
}

tensor_id plan_add_optional_vector(plan_builder *b, uint32_t n, const char *name, ...) {
    char full[sizeof b->plan->tensor->name];
    va_list arguments;
    va_start(arguments, name);
    vsnprintf(full, sizeof full, name, arguments);
    va_end(arguments);
    if (b->error.code || !b->has_tensor(b->user, full)) return NONE;
    const tensor_id id = plan_add_vector(b, n, "%s", full);
    if (id != NONE) b->plan->tensor[id].optional = true;
    return id;
}

static bool same_rope(const rope_config *a, const rope_config *b) {
    return a->halves == b->halves && a->head_size == b->head_size && a->n_rotated == b->n_rotated && a->base == b->base
        && a->linear_scale == b->linear_scale && a->factors == b->factors;
}

uint8_t plan_add_rope(plan_builder *b, rope_config rope) {
    plan *p = b->plan;
    if (b->error.code) return 0;
    for (size_t i = 0; i < p->n_ropes; i++)
        if (same_rope(&p->rope[i], &rope)) return (uint8_t)i;
    if (p->n_ropes == UINT8_MAX) {
        fail(&b->error, RIDGE_E_UNSUPPORTED, "the model needs more than %d kinds of rotary embedding.", UINT8_MAX);
        return 0;
    }
    rope_config *ropes = room_for_one(b, p->rope, p->n_ropes, &b->rope_room, sizeof *ropes, "rotary embeddings");
    if (!ropes) return 0;
    p->rope = ropes;
    ropes[p->n_ropes] = rope;
    return (uint8_t)p->n_ropes++;
}

/* The next step of the list, its first ids filled in; NULL after a failure. */
static step *add_step(plan_builder *b, step_kind kind, value_id in, tensor_id weight, value_id out) {
    plan *p = b->plan;
    if (b->error.code) return NULL;
    step *steps = room_for_one(b, p->step, p->n_steps, &b->step_room, sizeof *steps, "steps");
    if (!steps) return NULL;
    p->step = steps;
    step *s = &steps[p->n_steps++];
    *s = step_blank(kind);
    s->layer = b->layer;
    s->outputs_only = b->outputs_only;
    s->in[0] = in;
    s->out[0] = out;
    s->weight[0] = weight;
    s->n_weights = weight != NONE;
    return s;
}

void plan_add_embed(plan_builder *b, tensor_id table, float scale, value_id out) {
    step *s = add_step(b, STEP_embed, NONE, table, out);
    if (s) s->scale = scale;
}

void plan_add_norm(plan_builder *b, value_id in, tensor_id weight, float eps, value_id out) {
    step *s = add_step(b, STEP_norm, in, weight, out);
    if (s) s->eps = eps;
}

void plan_add_linear(plan_builder *b, value_id in, tensor_id weight, value_id out) {
    add_step(b, STEP_linear, in, weight, out);
}

void plan_add_bias(plan_builder *b, value_id in, tensor_id bias, value_id out) {
    if (bias == NONE && in == out) return;
    step *s = add_step(b, STEP_bias, in, NONE, out);
    if (s) s->bias[0] = bias;
}

void plan_add_head_norm(plan_builder *b, value_id in, tensor_id weight, float eps, uint32_t head_size, value_id out) {
    step *s = add_step(b, STEP_head_norm, in, weight, out);
    if (!s) return;
    s->eps = eps;
    s->head_size = head_size;
}

void plan_add_rotation(plan_builder *b, value_id in, uint8_t rope, value_id out) {
    step *s = add_step(b, STEP_rope, in, NONE, out);
    if (s) s->rope = rope;
}

void plan_add_kv_write(plan_builder *b, value_id k, value_id v, uint16_t kv_layer) {
    step *s = add_step(b, STEP_kv_write, k, NONE, NONE);
    if (!s) return;
    s->in[1] = v;
    s->kv_layer = kv_layer;
}

void plan_add_attention(plan_builder *b, value_id q, uint16_t kv_layer, uint32_t n_heads, float scale, float cap, uint32_t window, value_id out) {
    step *s = add_step(b, STEP_attention, q, NONE, out);
    if (!s) return;
    s->kv_layer = kv_layer;
    s->n_heads = n_heads;
    s->scale = scale;
    s->cap = cap;
    s->window = window;
}

void plan_add_glu(plan_builder *b, glu_kind kind, value_id gate, value_id up, value_id out) {
    step *s = add_step(b, STEP_glu, gate, NONE, out);
    if (!s) return;
    s->in[1] = up;
    s->glu = kind;
}

void plan_add_residual(plan_builder *b, value_id in, value_id add, value_id out) {
    step *s = add_step(b, STEP_add, in, NONE, out);
    if (s) s->add = add;
}

void plan_add_scale(plan_builder *b, value_id in, float scale, value_id out) {
    step *s = add_step(b, STEP_scale, in, NONE, out);
    if (s) s->scale = scale;
}

void plan_add_soft_cap(plan_builder *b, value_id in, float cap, value_id out) {
    step *s = add_step(b, STEP_soft_cap, in, NONE, out);
    if (s) s->cap = cap;
}

void plan_add_gather(plan_builder *b, value_id in, value_id out) {
    step *s = add_step(b, STEP_gather, in, NONE, out);
    if (!s) return;
    b->outputs_only = s->outputs_only = true;
    if (out >= 0 && (size_t)out < b->plan->n_values) b->plan->value[out].outputs_only = true;
}
