/* The pass that makes few large steps of many small ones. Each part of it walks the list once, reads at r, writes at w <= r,
 * and merges only what it has proved to be the same: the values in between have no other reader, and nothing that the merged
 * step reads later than before was overwritten meanwhile. A pattern that does not match is left as it is. */
#include <string.h>
#include "plan/plan.h"
#include "plan/uses.h"

int fuse_level_parse(const char *text, fuse_level *out, error *err) {
    static const char *const names[] = { [FUSE_NONE] = "none", [FUSE_GLU] = "glu", [FUSE_NORM] = "norm", [FUSE_ALL] = "all" };
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(text, names[i])) continue;
        *out = (fuse_level)i;
        return 0;
    }
    return fail(err, RIDGE_E_BAD_ARGUMENT, "unknown fusion level \"%s\"; there are none, glu, norm and all.", text);
}

/* A linear of one weight that nothing was fused into yet. */
static bool is_plain_linear(const step *s) {
    return s->kind == STEP_linear && s->n_weights == 1 && s->norm == NONE && s->bias[0] == NONE && s->add == NONE && !s->glu;
}

/* Plain linears one after the other that read the same value. */
static bool share_input(const step *a, const step *b) {
    return is_plain_linear(a) && is_plain_linear(b) && a->in[0] == b->in[0] && a->outputs_only == b->outputs_only
        && a->layer == b->layer && a->out[0] != b->out[0] && !step_writes(a, b->in[0]) && !step_writes(b, b->in[0]);
}

/* True where step `at` exists, is of this kind, belongs to the same layer and rows as s, and reads v first. */
static bool follows(const plan *p, size_t at, const step *s, step_kind kind, value_id v) {
    return at < p->n_steps && p->step[at].kind == kind && p->step[at].in[0] == v && p->step[at].outputs_only == s->outputs_only
        && p->step[at].layer == s->layer;
}

static bool matches_glu(const plan *p, size_t r) {
    if (r + 2 >= p->n_steps) return false;
    const step *gate = &p->step[r], *up = gate + 1, *glu = gate + 2;
    return share_input(gate, up) && follows(p, r + 2, gate, STEP_glu, gate->out[0]) && glu->in[1] == up->out[0]
        && p->tensor[gate->weight[0]].rows == p->tensor[up->weight[0]].rows && glu->out[0] != gate->in[0]
        && (glu->out[0] == gate->out[0] || plan_value_is_dead(p, r + 3, gate->out[0]))
        && (glu->out[0] == up->out[0] || plan_value_is_dead(p, r + 3, up->out[0]));
}

static void fuse_glu(plan *p) {
    size_t w = 0;
    for (size_t r = 0; r < p->n_steps; w++) {
        step s = p->step[r];
        if (matches_glu(p, r)) {
            s.n_weights = 2;
            s.weight[1] = p->step[r + 1].weight[0];
            s.glu = p->step[r + 2].glu;
            s.out[0] = p->step[r + 2].out[0];
            r += 3;
        } else {
            r++;
        }
        p->step[w] = s;
    }
    p->n_steps = w;
}

/* Three plain linears in a row become one: q, k and v. */
static void fuse_qkv(plan *p) {
    size_t w = 0;
    for (size_t r = 0; r < p->n_steps; w++) {
        step s = p->step[r];
        const step *a = &p->step[r];
        if (r + 2 < p->n_steps && share_input(a, a + 1) && share_input(a, a + 2) && share_input(a + 1, a + 2)) {
            s.n_weights = 3;
            for (int i = 1; i < 3; i++) { s.weight[i] = a[i].weight[0]; s.out[i] = a[i].out[0]; }
            r += 3;
        } else {
            r++;
        }
        p->step[w] = s;
    }
    p->n_steps = w;
}

/* Every reader of the norm's result is a linear that can compute the norm itself; readers are changed when `change` is set. */
static bool norm_into_linears(plan *p, size_t at, bool change) {
    const step norm = p->step[at];
    const value_id result = norm.out[0], source = norm.in[0];
    size_t readers = 0;
    bool source_intact = true;
    if (norm.add != NONE || result == source || result == p->logits) return false;
    for (size_t i = at + 1; i < p->n_steps; i++) {
        step *s = &p->step[i];
        if (step_reads(s, result)) {
            if (s->kind != STEP_linear || s->norm != NONE || !source_intact || s->in[0] != result || s->add == result
                || s->outputs_only != norm.outputs_only || step_writes(s, source)) return false;
            readers++;
            if (change) { s->in[0] = source; s->norm = norm.weight[0]; s->eps = norm.eps; }
        }
        if (step_writes(s, source)) source_intact = false;
        if (step_writes(s, result)) break;
    }
    return readers > 0;
}

static void fuse_norms(plan *p) {
    size_t w = 0;
    for (size_t r = 0; r < p->n_steps; r++) {
        if (p->step[r].kind == STEP_norm && norm_into_linears(p, r, false)) norm_into_linears(p, r, true);
        else p->step[w++] = p->step[r];
    }
    p->n_steps = w;
}

/* The index of the output of s that `at` changes in place, or NONE. */
static int in_place(const plan *p, size_t at, const step *s, step_kind kind) {
    for (int i = 0; i < s->n_weights; i++)
        if (follows(p, at, s, kind, s->out[i]) && p->step[at].out[0] == s->out[i]) return i;
    return NONE;
}

/* Biases, head norms, rotation and the KV write behind a q k v linear, in this order: takes them into *s and returns how many
 * steps they were, or returns 0 where the steps are anything else. */
static size_t take_qkv_epilogue(const plan *p, size_t r, step *s) {
    step t = *s;
    size_t at = r + 1;
    for (int i; (i = in_place(p, at, s, STEP_bias)) != NONE && t.bias[i] == NONE; at++) t.bias[i] = p->step[at].bias[0];
    for (int i; (i = in_place(p, at, s, STEP_head_norm)) != NONE && i < 2; at++) {
        const step *norm = &p->step[at];
        tensor_id *mine = i ? &t.k_norm : &t.q_norm;
        if (*mine != NONE || norm->head_size != p->kv.k_size || (t.head_eps != 0 && t.head_eps != norm->eps)) return 0;
        *mine = norm->weight[0];
        t.head_eps = norm->eps;
    }
    int rotated = in_place(p, at, s, STEP_rope);
    if (rotated != NONE) {
        const int other = in_place(p, at + 1, s, STEP_rope);
        if (rotated + other != 1 || rotated * other != 0 || p->step[at].rope != p->step[at + 1].rope) return 0;   /* q and k, alike */
        if (p->rope[p->step[at].rope].head_size != p->kv.k_size) return 0;
        t.rotates = true;
        t.rope = p->step[at].rope;
        at += 2;
    }
    if (!follows(p, at, s, STEP_kv_write, s->out[1]) || p->step[at].in[1] != s->out[2] || s->outputs_only) return 0;
    t.writes_kv = true;
    t.kv_layer = p->step[at].kv_layer;
    at++;
    if (!plan_value_is_dead(p, at, s->out[1]) || !plan_value_is_dead(p, at, s->out[2])) return 0;
    if (p->tensor[s->weight[0]].rows % p->kv.k_size) return 0;
    t.out[1] = t.out[2] = NONE;
    *s = t;
    return at - (r + 1);
}

/* A residual that is added to the only output of s by step `at`. */
static bool take_residual(const plan *p, size_t at, step *s) {
    if (s->add != NONE || !follows(p, at, s, STEP_add, s->out[0])) return false;
    const step *add = &p->step[at];
    if (add->add == s->out[0] || add->out[0] == s->in[0]) return false;
    if (add->out[0] != s->out[0] && !plan_value_is_dead(p, at + 1, s->out[0])) return false;
    s->add = add->add;
    s->out[0] = add->out[0];
    return true;
}

static void fuse_epilogues(plan *p) {
    size_t w = 0;
    for (size_t r = 0; r < p->n_steps; w++) {
        step s = p->step[r];
        size_t taken = 0;
        if (s.kind == STEP_linear && s.n_weights == 3) {
            taken = take_qkv_epilogue(p, r, &s);
        } else if (s.kind == STEP_linear && s.n_weights == 1) {
            if (s.bias[0] == NONE && in_place(p, r + 1, &s, STEP_bias) == 0) s.bias[0] = p->step[r + ++taken].bias[0];
            taken += take_residual(p, r + taken + 1, &s);
        } else if (s.kind == STEP_norm) {
            taken = take_residual(p, r + 1, &s);
        }
        p->step[w] = s;
        r += 1 + taken;
    }
    p->n_steps = w;
}

/* Values that no step names any more get width 0, so that backends give them no room. */
static void forget_unused_values(plan *p) {
    for (size_t v = 0; v < p->n_values; v++) {
        bool used = false;
        for (size_t i = 0; i < p->n_steps && !used; i++) used = step_reads(&p->step[i], (value_id)v) || step_writes(&p->step[i], (value_id)v);
        if (!used) p->value[v].width = 0;
    }
}

int plan_fuse(plan *p, fuse_level level, error *err) {
    if (level >= FUSE_GLU) fuse_glu(p);
    if (level >= FUSE_NORM) { fuse_qkv(p); fuse_norms(p); }
    if (level >= FUSE_ALL) fuse_epilogues(p);
    if (level > FUSE_NONE) forget_unused_values(p);
    return plan_check(p, err);
}
