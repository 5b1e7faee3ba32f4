/* The plan as text: `ridge info --plan`, error sentences, profiles and tests speak of steps in these words. */
#include <stdarg.h>
#include <string.h>
#include "plan/plan.h"

/* A line that is built up; it is cut where the room ends. */
typedef struct { char *text; size_t n, used; } line;

__attribute__((format(printf, 2, 3))) static void put(line *l, const char *pattern, ...) {
    va_list arguments;
    va_start(arguments, pattern);
    const int n = vsnprintf(l->text + l->used, l->n - l->used, pattern, arguments);
    va_end(arguments);
    if (n > 0) l->used += (size_t)n < l->n - l->used ? (size_t)n : l->n - l->used - 1;
}

/* "blk.3.attn_q.weight" -> "q": the part of a tensor's name that says something beside the layer. */
static void put_tensor(line *l, const plan *p, tensor_id id) {
    if (id < 0 || (size_t)id >= p->n_tensors) { put(l, "?"); return; }
    const plan_tensor *t = &p->tensor[id];
    const char *name = t->name;
    if (!strncmp(name, "blk.", 4)) {
        const char *dot = strchr(name + 4, '.');
        if (dot) name = dot + 1;
    }
    int n = (int)strlen(name);
    if (n > 7 && !strcmp(name + n - 7, ".weight")) n -= 7;
    static const char *const known[][2] = { { "attn_output", "o" }, { "output", "head" }, { "token_embd", "head" } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((int)strlen(known[i][0]) == n && !strncmp(name, known[i][0], (size_t)n)) { put(l, "%s", known[i][1]); return; }
    if (!t->is_vector && (!strncmp(name, "attn_", 5))) { name += 5; n -= 5; }
    else if (!t->is_vector && !strncmp(name, "ffn_", 4)) { name += 4; n -= 4; }
    put(l, "%.*s", n, name);
    if (t->rows != t->file_rows) put(l, "[%u+%u]", t->first_row, t->rows);
}

static const char *glu_name(glu_kind kind) { return kind == GLU_SILU ? "silu" : kind == GLU_GELU ? "gelu" : "?"; }

static void put_linear(line *l, const plan *p, const step *s) {
    bool bias = false;
    if (s->norm != NONE) put(l, "norm; ");
    for (int i = 0; i < s->n_weights && i < PLAN_MAX_WEIGHTS; i++) {
        if (i) put(l, " ");
        put_tensor(l, p, s->weight[i]);
        bias |= s->bias[i] != NONE;
    }
    const char *separator = "; ";
    const struct { bool present; const char *text; } epilogue[] = {
        { bias, "bias" }, { s->q_norm != NONE || s->k_norm != NONE, "head_norm" }, { s->rotates, "rope" }, { s->writes_kv, "kv" },
        { s->glu != GLU_NONE, glu_name(s->glu) }, { s->add != NONE, "+residual" },
    };
    for (size_t i = 0; i < sizeof epilogue / sizeof *epilogue; i++) {
        if (!epilogue[i].present) continue;
        put(l, "%s%s", separator, epilogue[i].text);
        separator = " ";
    }
}

void plan_step_text(const plan *p, const step *s, char *text, size_t n) {
    static const char *const names[] = {
#define STEP_NAME(name, ...) #name,
        STEPS(STEP_NAME)
#undef STEP_NAME
    };
    if (!n) return;
    text[0] = 0;
    line l = { text, n, 0 };
    if ((unsigned)s->kind >= STEP_COUNT) { put(&l, "?"); return; }
    put(&l, "%s", names[s->kind]);
    switch (s->kind) {
    case STEP_linear:    put(&l, "("); put_linear(&l, p, s); put(&l, ")"); break;
    case STEP_norm:      put(&l, "("); put_tensor(&l, p, s->weight[0]); put(&l, s->add == NONE ? ")" : "; +residual)"); break;
    case STEP_head_norm: put(&l, "("); put_tensor(&l, p, s->weight[0]); put(&l, ")"); break;
    case STEP_bias:      put(&l, "("); put_tensor(&l, p, s->bias[0]); put(&l, ")"); break;
    case STEP_glu:       put(&l, "(%s)", glu_name(s->glu)); break;
    case STEP_embed:     if (s->scale != 1) put(&l, "(scale %g)", (double)s->scale); break;
    case STEP_scale:     put(&l, "(%g)", (double)s->scale); break;
    case STEP_soft_cap:  put(&l, "(%g)", (double)s->cap); break;
    case STEP_attention:
        if (s->window && s->cap > 0) put(&l, "(window %u; cap %g)", s->window, (double)s->cap);
        else if (s->window) put(&l, "(window %u)", s->window);
        else if (s->cap > 0) put(&l, "(cap %g)", (double)s->cap);
        break;
    default: break;
    }
}

static void put_value(line *l, const plan *p, value_id id, const char *separator) {
    if (id == NONE) return;
    put(l, "%s%s", separator, id >= 0 && (size_t)id < p->n_values ? p->value[id].name : "?");
}

void plan_print(const plan *p, FILE *out) {
    for (size_t i = 0; i < p->n_steps; i++) {
        const step *s = &p->step[i];
        char text[160], values[160] = "", where[16] = "";
        plan_step_text(p, s, text, sizeof text);
        if (s->layer != NONE) snprintf(where, sizeof where, "blk.%d", s->layer);
        line l = { values, sizeof values, 0 };
        put(&l, "%s", s->kind == STEP_embed ? "token" : "");
        put_value(&l, p, s->in[0], "");
        put_value(&l, p, s->in[1], " ");
        put_value(&l, p, s->add, " ");
        put(&l, " ->");
        for (int o = 0; o < PLAN_MAX_WEIGHTS; o++) put_value(&l, p, s->out[o], " ");
        if (s->kind == STEP_kv_write || s->writes_kv) put(&l, " kv.%u", s->kv_layer);
        fprintf(out, "%4zu  %-7s  %-44s  %s\n", i, where, text, values);
    }
}
