/* The plan's rules, each in one place. Builders and passes end here, so a failure is a bug of ours or a hostile file that a
 * description let through; backends rely on every line. */
#include "plan/plan.h"
#include "plan/uses.h"

typedef struct {
    const plan *p;
    const step *s;
    size_t      index;
    bool       *written;        /* [n_values] */
    bool       *kv_written;     /* [kv.n_layers] */
    error      *err;
} checker;

static int wrong(const checker *c, const char *what) {
    char text[160];
    plan_step_text(c->p, c->s, text, sizeof text);
    return fail(c->err, RIDGE_E_INTERNAL, "step %zu of the plan, %s: %s.", c->index, text, what);
}
#define REQUIRE(condition, what) do { if (!(condition)) return wrong(c, what); } while (0)

static const plan_value *value_of(const checker *c, value_id id) {
    return id >= 0 && (size_t)id < c->p->n_values ? &c->p->value[id] : NULL;
}

static const plan_tensor *tensor_of(const checker *c, tensor_id id) {
    return id >= 0 && (size_t)id < c->p->n_tensors ? &c->p->tensor[id] : NULL;
}

/* id is a value of this many floats and of this step's kind of rows; one that is read was written before. */
static int check_value(const checker *c, value_id id, uint64_t width, bool read) {
    const plan_value *v = value_of(c, id);
    REQUIRE(v, "a value is missing");
    REQUIRE(v->width > 0 && v->width == width, "the width of a value does not fit");
    REQUIRE(v->outputs_only == c->s->outputs_only, "the rows of a value are not those of the step");
    REQUIRE(!read || c->written[id], "a value is read before it is written");
    return 0;
}

static int check_vector(const checker *c, tensor_id id, uint64_t n) {
    const plan_tensor *t = tensor_of(c, id);
    REQUIRE(t && t->is_vector && t->n == n, "a vector of weights is missing or has another length");
    return 0;
}

static int check_matrix(const checker *c, tensor_id id, uint64_t n) {
    const plan_tensor *t = tensor_of(c, id);
    REQUIRE(t && !t->is_vector && t->n == n, "a matrix is missing or has another width than its input");
    return 0;
}

static int check_rope(const checker *c, uint8_t index, uint64_t width) {
    REQUIRE(index < c->p->n_ropes, "the rotary embedding is missing");
    const rope_config *r = &c->p->rope[index];
    REQUIRE(r->head_size > 0 && width % r->head_size == 0, "the heads of the rotary embedding do not divide the value");
    return 0;
}

static int check_in_out(const checker *c) {
    const plan_value *in = value_of(c, c->s->in[0]);
    REQUIRE(in, "the input is missing");
    const int code = check_value(c, c->s->in[0], in->width, true);
    return code ? code : check_value(c, c->s->out[0], in->width, false);
}

static int check_residual(const checker *c) {
    const plan_value *out = value_of(c, c->s->out[0]);
    return c->s->add == NONE ? 0 : check_value(c, c->s->add, out ? out->width : 0, true);
}

static int check_embed(const checker *c) {
    const plan_tensor *t = tensor_of(c, c->s->weight[0]);
    REQUIRE(t && !t->is_vector && t->rows == c->p->n_vocab, "the table does not have a row for each token");
    REQUIRE(!c->s->outputs_only, "it is behind the gather");
    return check_value(c, c->s->out[0], t->n, false);
}

static int check_norm(const checker *c) {
    const int code = check_in_out(c);
    if (code) return code;
    REQUIRE(c->s->eps > 0, "eps is not positive");
    const int residual = check_residual(c);
    return residual ? residual : check_vector(c, c->s->weight[0], value_of(c, c->s->in[0])->width);
}

/* The epilogue of q k v. */
static int check_qkv(const checker *c) {
    const step *s = c->s;
    const kv_shape *kv = &c->p->kv;
    int code = 0;
    REQUIRE(s->n_weights == 3 && !s->glu && s->add == NONE && !s->outputs_only, "it writes the KV cache but is not q k v of all tokens");
    REQUIRE(s->kv_layer < kv->n_layers, "the layer of the KV cache does not exist");
    const uint32_t q_rows = tensor_of(c, s->weight[0])->rows;
    REQUIRE(kv->k_size && q_rows % kv->k_size == 0, "the heads of q have another size than those of k");
    REQUIRE(tensor_of(c, s->weight[1])->rows == (uint64_t)kv->n_heads * kv->k_size, "k does not fit the KV cache");
    REQUIRE(tensor_of(c, s->weight[2])->rows == (uint64_t)kv->n_heads * kv->v_size, "v does not fit the KV cache");
    REQUIRE(s->out[1] == NONE && s->out[2] == NONE, "k and v go to the KV cache only");
    if (s->q_norm != NONE || s->k_norm != NONE) REQUIRE(s->head_eps > 0, "eps of the head norms is not positive");
    if (s->q_norm != NONE && (code = check_vector(c, s->q_norm, kv->k_size))) return code;
    if (s->k_norm != NONE && (code = check_vector(c, s->k_norm, kv->k_size))) return code;
    if (s->rotates) {
        if ((code = check_rope(c, s->rope, q_rows))) return code;
        REQUIRE(c->p->rope[s->rope].head_size == kv->k_size, "the rotary embedding has heads of another size");
    }
    c->kv_written[s->kv_layer] = true;
    return 0;
}

static int check_linear(const checker *c) {
    const step *s = c->s;
    const plan_value *in = value_of(c, s->in[0]);
    REQUIRE(in, "the input is missing");
    int code = check_value(c, s->in[0], in->width, true);
    if (code) return code;
    REQUIRE(s->n_weights >= 1 && s->n_weights <= PLAN_MAX_WEIGHTS, "the number of weights is wrong");
    for (int i = 0; i < PLAN_MAX_WEIGHTS; i++) {
        if (i >= s->n_weights) {
            REQUIRE(s->weight[i] == NONE && s->bias[i] == NONE && s->out[i] == NONE, "it has more outputs than weights");
            continue;
        }
        if ((code = check_matrix(c, s->weight[i], in->width))) return code;
        const uint32_t rows = tensor_of(c, s->weight[i])->rows;
        if (s->bias[i] != NONE && (code = check_vector(c, s->bias[i], rows))) return code;
        const bool has_value = !(i && (s->glu || s->writes_kv));
        if (has_value && (code = check_value(c, s->out[i], rows, false))) return code;
        if (has_value) REQUIRE(s->out[i] != s->in[0], "it overwrites its input");
        for (int j = 0; has_value && j < i; j++) REQUIRE(s->out[i] != s->out[j], "two results go to one value");
    }
    if (s->norm != NONE) {
        REQUIRE(s->eps > 0, "eps is not positive");
        if ((code = check_vector(c, s->norm, in->width))) return code;
    }
    if (s->glu) {
        REQUIRE(s->n_weights == 2 && s->out[1] == NONE, "an activation needs a gate and an up matrix");
        REQUIRE(s->glu <= GLU_GELU, "the activation is unknown");
        REQUIRE(tensor_of(c, s->weight[0])->rows == tensor_of(c, s->weight[1])->rows, "gate and up differ in size");
    }
    if (s->add != NONE) REQUIRE(s->n_weights == 1 && !s->glu, "a residual needs a single result");
    if (s->writes_kv) return check_qkv(c);
    REQUIRE(s->q_norm == NONE && s->k_norm == NONE && !s->rotates, "only q k v that write the KV cache are normed or rotated");
    return check_residual(c);
}

static int check_bias(const checker *c) {
    const int code = check_in_out(c);
    return code ? code : check_vector(c, c->s->bias[0], value_of(c, c->s->in[0])->width);
}

static int check_head_norm(const checker *c) {
    const int code = check_in_out(c);
    if (code) return code;
    REQUIRE(c->s->eps > 0, "eps is not positive");
    REQUIRE(c->s->head_size > 0 && value_of(c, c->s->in[0])->width % c->s->head_size == 0, "the heads do not divide the value");
    return check_vector(c, c->s->weight[0], c->s->head_size);
}

static int check_rope_step(const checker *c) {
    const int code = check_in_out(c);
    REQUIRE(code || !c->s->outputs_only, "it is behind the gather");
    return code ? code : check_rope(c, c->s->rope, value_of(c, c->s->in[0])->width);
}

static int check_kv_write(const checker *c) {
    const kv_shape *kv = &c->p->kv;
    REQUIRE(!c->s->outputs_only, "it is behind the gather");
    REQUIRE(c->s->kv_layer < kv->n_layers, "the layer of the KV cache does not exist");
    const int code = check_value(c, c->s->in[0], (uint64_t)kv->n_heads * kv->k_size, true);
    c->kv_written[c->s->kv_layer] = true;
    return code ? code : check_value(c, c->s->in[1], (uint64_t)kv->n_heads * kv->v_size, true);
}

static int check_attention(const checker *c) {
    const step *s = c->s;
    const kv_shape *kv = &c->p->kv;
    REQUIRE(!s->outputs_only, "it is behind the gather");
    REQUIRE(s->kv_layer < kv->n_layers && c->kv_written[s->kv_layer], "its layer of the KV cache was not written");
    REQUIRE(s->n_heads > 0 && kv->n_heads > 0 && s->n_heads % kv->n_heads == 0, "the KV heads do not divide the heads");
    REQUIRE(s->out[0] != s->in[0], "it overwrites its input");
    REQUIRE(s->cap >= 0, "the cap is negative");
    const int code = check_value(c, s->in[0], (uint64_t)s->n_heads * kv->k_size, true);
    return code ? code : check_value(c, s->out[0], (uint64_t)s->n_heads * kv->v_size, false);
}

static int check_glu(const checker *c) {
    const int code = check_in_out(c);
    REQUIRE(c->s->glu == GLU_SILU || c->s->glu == GLU_GELU, "the activation is unknown");
    return code ? code : check_value(c, c->s->in[1], value_of(c, c->s->in[0])->width, true);
}

static int check_add(const checker *c) {
    const int code = check_in_out(c);
    REQUIRE(c->s->add != NONE, "the residual is missing");
    return code ? code : check_residual(c);
}

static int check_scale(const checker *c) { return check_in_out(c); }

static int check_soft_cap(const checker *c) {
    REQUIRE(c->s->cap > 0, "the cap is not positive");
    return check_in_out(c);
}

static int check_gather(const checker *c) {
    const plan_value *in = value_of(c, c->s->in[0]);
    REQUIRE(in && !in->outputs_only && c->written[c->s->in[0]], "the input is missing or gathered already");
    REQUIRE(c->s->outputs_only, "its rows are not the wanted ones");
    return check_value(c, c->s->out[0], in->width, false);
}

static int check_step(checker *c) {
    static int (*const check[STEP_COUNT])(const checker *) = {
        [STEP_embed] = check_embed, [STEP_norm] = check_norm, [STEP_linear] = check_linear, [STEP_bias] = check_bias,
        [STEP_head_norm] = check_head_norm, [STEP_rope] = check_rope_step, [STEP_kv_write] = check_kv_write,
        [STEP_attention] = check_attention, [STEP_glu] = check_glu, [STEP_add] = check_add, [STEP_scale] = check_scale,
        [STEP_soft_cap] = check_soft_cap, [STEP_gather] = check_gather,
    };
    if ((unsigned)c->s->kind >= STEP_COUNT) return fail(c->err, RIDGE_E_INTERNAL, "step %zu of the plan is of no known kind.", c->index);
    const int code = check[c->s->kind](c);
    if (code) return code;
    for (int i = 0; i < PLAN_MAX_WEIGHTS; i++)
        if (c->s->out[i] != NONE) c->written[c->s->out[i]] = true;
    return 0;
}

/* What is said once a plan and not once a step. */
static int check_tables(const plan *p, error *err) {
    for (size_t i = 0; i < p->n_tensors; i++) {
        const plan_tensor *t = &p->tensor[i];
        if (!t->n || !t->rows || (uint64_t)t->first_row + t->rows > t->file_rows)
            return fail(err, RIDGE_E_INTERNAL, "tensor %s of the plan: rows %u to %u of %u, %u values each, are no shape.",
                        t->name, t->first_row, t->first_row + t->rows, t->file_rows, t->n);
    }
    for (size_t i = 0; i < p->n_ropes; i++) {
        const rope_config *r = &p->rope[i];
        const bool has_factors = r->factors != NONE;
        if (has_factors && (r->factors < 0 || (size_t)r->factors >= p->n_tensors))
            return fail(err, RIDGE_E_INTERNAL, "the factors of rotary embedding %zu of the plan are missing.", i);
        if (!r->n_rotated || r->n_rotated % 2 || r->n_rotated > r->head_size || !(r->base > 0) || !(r->linear_scale > 0)
            || (has_factors && (!p->tensor[r->factors].is_vector || p->tensor[r->factors].n != r->n_rotated / 2)))
            return fail(err, RIDGE_E_INTERNAL, "rotary embedding %zu of the plan contradicts itself.", i);
    }
    return 0;
}

int plan_check(const plan *p, error *err) {
    int code = check_tables(p, err);
    if (code) return code;
    checker c = { .p = p, .err = err };
    c.written = memory_new(p->n_values, sizeof *c.written);
    c.kv_written = memory_new(p->kv.n_layers, sizeof *c.kv_written);
    if (!c.written || !c.kv_written) code = fail_memory(err, p->n_values + p->kv.n_layers, "the check of a plan");
    for (; !code && c.index < p->n_steps; c.index++) {
        c.s = &p->step[c.index];
        code = check_step(&c);
    }
    if (!code) {
        const plan_value *logits = value_of(&c, p->logits);
        if (!logits || logits->width != p->n_vocab || !logits->outputs_only || !p->n_steps || p->step[p->n_steps - 1].out[0] != p->logits)
            code = fail(err, RIDGE_E_INTERNAL, "the plan's last step does not write the logits of %u tokens.", p->n_vocab);
    }
    memory_free(c.written);
    memory_free(c.kv_written);
    return code;
}
