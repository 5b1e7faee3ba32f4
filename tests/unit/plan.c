/* Plans in memory: building, checking, fusing, printing, counting. Whole models are tests/golden's. */
#include "test.h"
#include <stdlib.h>
#include <string.h>
#include "plan/build.h"
#include "plan/cost.h"
#include "plan/reference.h"

enum { WIDTH = 256, HEADS = 4, KV_HEADS = 2, HEAD = 64, FF = 512, VOCABULARY = 1000 };

static bool has_nothing(void *user, const char *name) { (void)user; (void)name; return false; }
static bool has_biases(void *user, const char *name) { (void)user; return strstr(name, ".bias") != NULL; }

/* A llama of one layer, straight from the builder; the caller ends it. */
static value_id describe(plan_builder *b) {
    plan *p = b->plan;
    if (p) {
        p->n_layers = 1;
        p->n_vocab = VOCABULARY;
        p->width = WIDTH;
        p->kv = (kv_shape){ 1, KV_HEADS, HEAD, HEAD, FORMAT_f16, FORMAT_f16 };
    }
    const value_id x = plan_add_value(b, "x", WIDTH), y = plan_add_value(b, "y", WIDTH), q = plan_add_value(b, "q", HEADS * HEAD);
    const value_id k = plan_add_value(b, "k", KV_HEADS * HEAD), v = plan_add_value(b, "v", KV_HEADS * HEAD), a = plan_add_value(b, "a", HEADS * HEAD);
    const uint8_t rope = plan_add_rope(b, (rope_config){ .head_size = HEAD, .n_rotated = HEAD, .base = 10000, .linear_scale = 1, .factors = NONE });
    plan_add_embed(b, plan_add_matrix(b, VOCABULARY, WIDTH, "token_embd.weight"), 1, x);
    b->layer = 0;
    plan_add_norm(b, x, plan_add_vector(b, WIDTH, "blk.%d.attn_norm.weight", 0), 1e-5f, y);
    plan_add_linear(b, y, plan_add_matrix(b, HEADS * HEAD, WIDTH, "blk.%d.attn_q.weight", 0), q);
    plan_add_linear(b, y, plan_add_matrix(b, KV_HEADS * HEAD, WIDTH, "blk.%d.attn_k.weight", 0), k);
    plan_add_linear(b, y, plan_add_matrix(b, KV_HEADS * HEAD, WIDTH, "blk.%d.attn_v.weight", 0), v);
    plan_add_bias(b, q, plan_add_optional_vector(b, HEADS * HEAD, "blk.%d.attn_q.bias", 0), q);
    plan_add_rotation(b, q, rope, q);
    plan_add_rotation(b, k, rope, k);
    plan_add_kv_write(b, k, v, 0);
    plan_add_attention(b, q, 0, HEADS, 0.125f, 0, 0, a);
    const value_id a_out = plan_add_value(b, "a.out", HEADS * HEAD), x_out = plan_add_value(b, "x.out", WIDTH);
    plan_add_gather(b, a, a_out);
    plan_add_gather(b, x, x_out);
    const value_id y_out = plan_add_value(b, "y.out", WIDTH), gate = plan_add_value(b, "gate", FF), up = plan_add_value(b, "up", FF);
    plan_add_linear(b, a_out, plan_add_matrix(b, WIDTH, HEADS * HEAD, "blk.%d.attn_output.weight", 0), y_out);
    plan_add_residual(b, y_out, x_out, x_out);
    plan_add_norm(b, x_out, plan_add_vector(b, WIDTH, "blk.%d.ffn_norm.weight", 0), 1e-5f, y_out);
    plan_add_linear(b, y_out, plan_add_matrix(b, FF, WIDTH, "blk.%d.ffn_gate.weight", 0), gate);
    plan_add_linear(b, y_out, plan_add_matrix(b, FF, WIDTH, "blk.%d.ffn_up.weight", 0), up);
    plan_add_glu(b, GLU_SILU, gate, up, gate);
    plan_add_linear(b, gate, plan_add_matrix(b, WIDTH, FF, "blk.%d.ffn_down.weight", 0), y_out);
    plan_add_residual(b, y_out, x_out, x_out);
    b->layer = NONE;
    const value_id logits = plan_add_value(b, "logits", VOCABULARY);
    plan_add_norm(b, x_out, plan_add_vector(b, WIDTH, "output_norm.weight"), 1e-5f, y_out);
    plan_add_linear(b, y_out, plan_add_matrix(b, VOCABULARY, WIDTH, "output.weight"), logits);
    return logits;
}

static plan *llama(plan_has_tensor *has, fuse_level level) {
    plan_builder b;
    plan *p;
    error err;
    assert_int_equal(plan_builder_begin(&b, "llama", has, NULL, &err), 0);
    if (plan_builder_end(&b, describe(&b), &p, &err)) fail_msg("%s", err.text);
    if (plan_fuse(p, level, &err)) fail_msg("%s", err.text);
    return p;
}

static void check_print(const plan *p, const char *expected) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    plan_print(p, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void the_unfused_list(void **state) {
    (void)state;
    plan *p = llama(has_nothing, FUSE_NONE);
    check_print(p,
        "   0           embed                                         token -> x\n"
        "   1  blk.0    norm(attn_norm)                               x -> y\n"
        "   2  blk.0    linear(q)                                     y -> q\n"
        "   3  blk.0    linear(k)                                     y -> k\n"
        "   4  blk.0    linear(v)                                     y -> v\n"
        "   5  blk.0    rope                                          q -> q\n"
        "   6  blk.0    rope                                          k -> k\n"
        "   7  blk.0    kv_write                                      k v -> kv.0\n"
        "   8  blk.0    attention                                     q -> a\n"
        "   9  blk.0    gather                                        a -> a.out\n"
        "  10  blk.0    gather                                        x -> x.out\n"
        "  11  blk.0    linear(o)                                     a.out -> y.out\n"
        "  12  blk.0    add                                           y.out x.out -> x.out\n"
        "  13  blk.0    norm(ffn_norm)                                x.out -> y.out\n"
        "  14  blk.0    linear(gate)                                  y.out -> gate\n"
        "  15  blk.0    linear(up)                                    y.out -> up\n"
        "  16  blk.0    glu(silu)                                     gate up -> gate\n"
        "  17  blk.0    linear(down)                                  gate -> y.out\n"
        "  18  blk.0    add                                           y.out x.out -> x.out\n"
        "  19           norm(output_norm)                             x.out -> y.out\n"
        "  20           linear(head)                                  y.out -> logits\n");
    plan_free(p);
}

static void each_level_of_fusion(void **state) {
    (void)state;
    plan *p = llama(has_nothing, FUSE_GLU);
    assert_int_equal(p->n_steps, 19);
    plan_free(p);
    p = llama(has_nothing, FUSE_NORM);
    assert_int_equal(p->n_steps, 14);
    plan_free(p);
    p = llama(has_biases, FUSE_ALL);
    check_print(p,
        "   0           embed                                         token -> x\n"
        "   1  blk.0    linear(norm; q k v; bias rope kv)             x -> q kv.0\n"
        "   2  blk.0    attention                                     q -> a\n"
        "   3  blk.0    gather                                        a -> a.out\n"
        "   4  blk.0    gather                                        x -> x.out\n"
        "   5  blk.0    linear(o; +residual)                          a.out x.out -> x.out\n"
        "   6  blk.0    linear(norm; gate up; silu)                   x.out -> gate\n"
        "   7  blk.0    linear(down; +residual)                       gate x.out -> x.out\n"
        "   8           linear(norm; head)                            x.out -> logits\n");
    for (size_t i = 0; i < p->n_values; i++) {
        static const char *const unused[] = { "y", "k", "v", "up", "y.out" };
        bool expected = false;
        for (size_t k = 0; k < sizeof unused / sizeof *unused; k++) expected |= !strcmp(unused[k], p->value[i].name);
        assert_int_equal(p->value[i].width == 0, expected);
    }
    plan_free(p);
    fuse_level level;
    error err;
    assert_int_equal(fuse_level_parse("norm", &level, &err), 0);
    assert_int_equal(level, FUSE_NORM);
    assert_int_equal(fuse_level_parse("most", &level, &err), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(err.text, "most"));
}

/* Changes one thing in the finished list and expects the check to name the step. */
static void check_refuses(size_t at, void (*change)(plan *, step *), const char *expected) {
    plan *p = llama(has_nothing, FUSE_NONE);
    error err = {0};
    char place[64];
    change(p, &p->step[at]);
    assert_int_equal(plan_check(p, &err), RIDGE_E_INTERNAL);
    snprintf(place, sizeof place, "step %zu of the plan", at);
    if (!strstr(err.text, expected) || !strstr(err.text, place)) fail_msg("%s", err.text);
    plan_free(p);
}

static void no_input(plan *p, step *s)          { (void)p; s->in[0] = NONE; }
static void wild_input(plan *p, step *s)        { (void)p; s->in[0] = 999; }
static void wild_weight(plan *p, step *s)       { (void)p; s->weight[0] = 999; }
static void narrow_weight(plan *p, step *s)     { p->tensor[s->weight[0]].n /= 2; }
static void short_weight(plan *p, step *s)      { p->tensor[s->weight[0]].rows /= 2; }
static void output_is_input(plan *p, step *s)   { (void)p; s->out[0] = s->in[0]; }
static void reads_what_is_not_there(plan *p, step *s) { (void)p; s->in[0] = p->step[11].out[0]; s->outputs_only = true; }
static void other_rows(plan *p, step *s)        { (void)p; s->outputs_only = false; }
static void three_heads(plan *p, step *s)       { (void)p; s->n_heads = 3; }
static void no_cache(plan *p, step *s)          { (void)p; s->kv_layer = 1; }
static void no_rope(plan *p, step *s)           { (void)p; s->rope = 1; }
static void no_eps(plan *p, step *s)            { (void)p; s->eps = 0; }
static void no_kind(plan *p, step *s)           { (void)p; s->kind = (step_kind)77; }
static void rotates_alone(plan *p, step *s)     { (void)p; s->rotates = true; }
static void two_weights(plan *p, step *s)       { (void)p; s->n_weights = 2; }
static void unknown_glu(plan *p, step *s)       { (void)p; s->glu = GLU_NONE; }

static void the_check_names_the_step(void **state) {
    (void)state;
    check_refuses(1, no_input, "norm(attn_norm): the input is missing");
    check_refuses(1, wild_input, "the input is missing");
    check_refuses(1, no_eps, "eps is not positive");
    check_refuses(2, wild_weight, "a matrix is missing");
    check_refuses(2, narrow_weight, "another width than its input");
    check_refuses(2, short_weight, "the width of a value does not fit");
    check_refuses(2, output_is_input, "overwrites its input");
    check_refuses(2, rotates_alone, "only q k v that write the KV cache");
    check_refuses(2, two_weights, "a matrix is missing");
    check_refuses(5, no_rope, "rotary embedding is missing");
    check_refuses(7, no_cache, "layer of the KV cache does not exist");
    check_refuses(8, three_heads, "do not divide");
    check_refuses(8, no_cache, "was not written");
    check_refuses(9, other_rows, "its rows are not the wanted ones");
    check_refuses(11, other_rows, "the rows of a value are not those of the step");
    check_refuses(1, reads_what_is_not_there, "read before it is written");
    check_refuses(16, unknown_glu, "the activation is unknown");
    check_refuses(3, no_kind, "of no known kind");
}

static void tables_are_checked(void **state) {
    (void)state;
    plan *p = llama(has_nothing, FUSE_ALL);
    error err;
    p->rope[0].n_rotated = 3;
    assert_int_equal(plan_check(p, &err), RIDGE_E_INTERNAL);
    p->rope[0].n_rotated = HEAD;
    p->rope[0].factors = 0;                 /* a matrix */
    assert_int_equal(plan_check(p, &err), RIDGE_E_INTERNAL);
    p->rope[0].factors = NONE;
    p->tensor[1].first_row = 1;
    assert_int_equal(plan_check(p, &err), RIDGE_E_INTERNAL);
    assert_non_null(strstr(err.text, p->tensor[1].name));
    p->tensor[1].first_row = 0;
    p->logits = 0;
    assert_int_equal(plan_check(p, &err), RIDGE_E_INTERNAL);
    plan_free(p);
    plan_free(NULL);
}

static void the_builder_keeps_the_first_failure(void **state) {
    (void)state;
    plan_builder b;
    plan *p;
    error err;
    assert_int_equal(plan_builder_begin(&b, "test", has_nothing, NULL, &err), 0);
    const value_id x = plan_add_value(&b, "x", 8);
    assert_int_equal(plan_add_value(&b, "x", 8), x);
    assert_int_equal(plan_add_value(&b, "x", 9), NONE);
    assert_int_equal(plan_add_matrix(&b, 8, 8, "w"), NONE);
    assert_int_equal(plan_add_value(&b, "a name that is far too long", 8), NONE);
    plan_add_linear(&b, x, 0, x);
    assert_int_equal(plan_builder_end(&b, x, &p, &err), RIDGE_E_INTERNAL);
    assert_null(p);
    assert_non_null(strstr(err.text, "value x"));
    assert_int_equal(plan_builder_begin(&b, "test", has_nothing, NULL, &err), 0);
    assert_int_equal(plan_add_matrix(&b, 8, 8, "%0100d", 7), NONE);
    assert_int_equal(plan_builder_end(&b, NONE, &p, &err), RIDGE_E_INTERNAL);
    assert_int_equal(plan_builder_begin(&b, "test", has_nothing, NULL, &err), 0);
    for (int i = 0; i < 40000; i++) plan_add_vector(&b, 1, "v%d", i);
    assert_int_equal(plan_builder_end(&b, NONE, &p, &err), RIDGE_E_UNSUPPORTED);
    assert_int_equal(plan_builder_begin(&b, "test", has_nothing, NULL, &err), 0);
    assert_int_equal(plan_builder_end(&b, NONE, &p, &err), RIDGE_E_INTERNAL);       /* no logits */
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    for (size_t n = 1, more = 1; more; n++) {
        plan_builder b;
        plan *p = NULL;
        error err;
        memory_fail_nth(n);
        int code = plan_builder_begin(&b, "llama", has_biases, NULL, &err);
        if (!code) code = plan_builder_end(&b, describe(&b), &p, &err);
        if (!code) code = plan_fuse(p, FUSE_ALL, &err);
        more = memory_requests() >= n;
        assert_int_equal(code, more ? RIDGE_E_NO_MEMORY : 0);
        plan_free(p);
    }
    memory_fail_nth(0);
}

/* Numbers worked out by hand from the shapes above. */
static void costs_are_those_of_the_shapes(void **state) {
    (void)state;
    plan *p = llama(has_nothing, FUSE_ALL);
    weight *w = memory_new(p->n_tensors, sizeof *w);
    for (size_t i = 0; i < p->n_tensors; i++) {
        const format *f = &formats[p->tensor[i].is_vector ? FORMAT_f32 : FORMAT_q8_0];
        w[i] = (weight){ .format = f, .rows = p->tensor[i].rows, .n = p->tensor[i].n, .row_bytes = format_row_bytes(f, p->tensor[i].n) };
    }
    const weights ws = { w, p->n_tensors };
    const int32_t pages[] = { 0, 1 };
    const batch_part part = { .n_tokens = 10, .first_position = 100, .pages = pages, .first_output = 9 };
    const batch b = { &part, 1 };
    step_cost c = plan_step_cost(p, &ws, &p->step[0], &b);
    assert_true(c.weight_bytes == 10 * 272 && c.operations == 0 && c.kv_bytes == 0);        /* 256 values: 8 blocks of 34 bytes */
    c = plan_step_cost(p, &ws, &p->step[1], &b);                                            /* q k v: 512 rows of 256 */
    assert_true(c.weight_bytes == 512 * 272);
    assert_true(c.operations == 2.0 * 512 * 256 * 10);
    assert_true(c.kv_bytes == 10 * 2 * 128 * 2);                                            /* k and v of 2 heads of 64, f16 */
    assert_int_equal(c.arithmetic, ARITHMETIC_INT8);
    c = plan_step_cost(p, &ws, &p->step[2], &b);
    assert_true(c.weight_bytes == 0);
    assert_true(c.kv_bytes == 110 * 2 * 128 * 2);
    assert_true(c.operations == 2.0 * 4 * 128 * (101 + 102 + 103 + 104 + 105 + 106 + 107 + 108 + 109 + 110));
    assert_int_equal(c.arithmetic, ARITHMETIC_F32);
    p->step[2].window = 104;                                    /* the tokens at 100 .. 103 see all, the others 104 positions */
    c = plan_step_cost(p, &ws, &p->step[2], &b);
    assert_true(c.operations == 2.0 * 4 * 128 * (101 + 102 + 103 + 104 * 7));
    assert_true(c.kv_bytes == 110 * 512);                       /* the first token still sees position 0 */
    p->step[2].window = 7;
    c = plan_step_cost(p, &ws, &p->step[2], &b);
    assert_true(c.operations == 2.0 * 4 * 128 * 70 && c.kv_bytes == (7 + 9) * 512);
    p->step[2].window = 0;
    c = plan_step_cost(p, &ws, &p->step[8], &b);
    assert_true(c.weight_bytes == 1000 * 272 && c.operations == 2.0 * 1000 * 256);          /* the head: one wanted row */
    c = plan_cost(p, &ws, &b);
    assert_true(c.weight_bytes == 10 * 272 + 512 * 272 + 256 * 272 + 1024 * 272 + 256 * 544 + 1000 * 272);
    assert_true(c.operations == 2.0 * 512 * 256 * 10 + 1024.0 * 1055 + 2.0 * (256 * 256 + 1024 * 256 + 256 * 512 + 1000 * 256));
    assert_int_equal(c.arithmetic, ARITHMETIC_INT8);
    plan *unfused = llama(has_nothing, FUSE_NONE);
    const step_cost same = plan_cost(unfused, &ws, &b);
    assert_true(same.weight_bytes == c.weight_bytes && same.operations == c.operations && same.kv_bytes == c.kv_bytes);
    const batch_part silent = { .n_tokens = 10, .pages = pages, .first_output = 10 };
    c = plan_step_cost(p, &ws, &p->step[8], &(batch){ &silent, 1 });
    assert_true(c.weight_bytes == 0 && c.operations == 0);
    plan_free(p);
    plan_free(unfused);
    memory_free(w);
}

/* Random lists over few values: whatever fusion makes of them, the bits stay. */

enum { N = 16, N_VALUES = 5, N_STEPS = 14 };        /* one head of N values; the vocabulary has N tokens */

static uint64_t random_state = 1;
static uint32_t random_below(uint32_t n) {
    random_state ^= random_state << 13; random_state ^= random_state >> 7; random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % n;
}

/* A value that was written, or NONE. */
static value_id written(const bool *is, value_id first) {
    for (int tries = 0; tries < 20; tries++) {
        const value_id v = (value_id)(first + (value_id)random_below(N_VALUES));
        if (is[v]) return v;
    }
    return NONE;
}

/* One or more steps that often, but not always, are what a pattern of plan_fuse looks for. */
static void random_steps(plan_builder *b, value_id first, bool *is, uint8_t rope, bool *kv) {
    const value_id in = written(is, first), other = written(is, first), out = (value_id)(first + (value_id)random_below(N_VALUES));
    const value_id second = (value_id)(first + (value_id)random_below(N_VALUES)), third = (value_id)(first + (value_id)random_below(N_VALUES));
    if (in == NONE || other == NONE) return;
#define MATRIX plan_add_matrix(b, N, N, "m")
#define VECTOR plan_add_vector(b, N, "v")
    switch (random_below(b->outputs_only ? 8 : 10)) {
    case 0: plan_add_norm(b, in, VECTOR, 1e-3f, out); is[out] = true; break;
    case 1: if (out != in) { plan_add_linear(b, in, MATRIX, out); is[out] = true; } break;
    case 2: plan_add_residual(b, in, other, out); is[out] = true; break;
    case 3: plan_add_scale(b, in, 0.5f, out); is[out] = true; break;
    case 4:
        if (out == in || second == in) break;
        plan_add_linear(b, in, MATRIX, out);
        plan_add_linear(b, in, MATRIX, second);
        is[out] = is[second] = true;
        plan_add_glu(b, GLU_SILU, out, random_below(8) ? second : other, third);
        is[third] = true;
        break;
    case 5:
        plan_add_norm(b, in, VECTOR, 1e-3f, out);
        is[out] = true;
        if (second != out) { plan_add_linear(b, out, MATRIX, second); is[second] = true; }
        break;
    case 6:
        if (out == in) break;
        plan_add_linear(b, in, MATRIX, out);
        if (random_below(2)) plan_add_bias(b, out, VECTOR, out);
        is[out] = true;
        plan_add_residual(b, out, other, third);
        is[third] = true;
        break;
    case 7:
        plan_add_norm(b, in, VECTOR, 1e-3f, out);
        is[out] = true;
        plan_add_residual(b, out, other, third);
        is[third] = true;
        break;
    default:
        if (out == in || second == in || third == in) break;
        plan_add_linear(b, in, MATRIX, out);
        plan_add_linear(b, in, MATRIX, second);
        plan_add_linear(b, in, MATRIX, third);
        is[out] = is[second] = is[third] = true;
        if (random_below(2)) plan_add_bias(b, second, VECTOR, second);
        if (random_below(2)) plan_add_head_norm(b, out, VECTOR, 1e-3f, N, random_below(8) ? out : third);
        if (random_below(2)) plan_add_head_norm(b, second, VECTOR, random_below(8) ? 1e-3f : 1e-2f, N, second);
        if (random_below(4)) plan_add_rotation(b, out, rope, out);
        if (random_below(4)) plan_add_rotation(b, second, rope, second);
        if (random_below(4)) { plan_add_kv_write(b, second, third, 0); *kv = true; }
        if (*kv && random_below(4) && out != second) { plan_add_attention(b, out, 0, 1, 0.3f, 0, 0, second); is[second] = true; }
        break;
    }
}

static int build_random(plan **out, error *err) {
    plan_builder builder, *const b = &builder;
    if (plan_builder_begin(b, "random", has_nothing, NULL, err)) return err->code;
    b->plan->n_layers = 1;
    b->plan->n_vocab = b->plan->width = N;
    b->plan->kv = (kv_shape){ 1, 1, N, N, FORMAT_f16, FORMAT_f16 };
    static const char *const names[] = { "a", "b", "c", "d", "e", "A", "B", "C", "D", "E" };
    bool is[2 * N_VALUES + 1] = {0}, kv = false;
    for (int i = 0; i < N_VALUES; i++) plan_add_value(b, names[i], N);
    const uint8_t rope = plan_add_rope(b, (rope_config){ .halves = true, .head_size = N, .n_rotated = N, .base = 100, .linear_scale = 1, .factors = NONE });
    plan_add_embed(b, MATRIX, 1, 0);
    is[0] = true;
    for (int i = 0; i < N_STEPS; i++) random_steps(b, 0, is, rope, &kv);
    b->outputs_only = true;
    for (int i = N_VALUES; i < 2 * N_VALUES; i++) plan_add_value(b, names[i], N);
    for (value_id i = 0; i < N_VALUES; i++)
        if (is[i]) { plan_add_gather(b, i, (value_id)(N_VALUES + i)); is[N_VALUES + i] = true; }
    for (int i = 0; i < N_STEPS; i++) random_steps(b, N_VALUES, is, rope, &kv);
    const value_id logits = plan_add_value(b, "logits", N), last = written(is, N_VALUES);
    for (value_id i = N_VALUES; i < 2 * N_VALUES; i++)          /* everything that is alive counts */
        if (is[i] && i != last) plan_add_residual(b, i, last, last);
    plan_add_linear(b, last, MATRIX, logits);
    return plan_builder_end(b, logits, out, err);
}

/* A copy that shares the arena of p: passes only change steps and the widths of values. */
static plan copy_of(const plan *p) {
    plan c = *p;
    c.step = memory_new(p->n_steps, sizeof *c.step);
    c.value = memory_new(p->n_values, sizeof *c.value);
    assert_true(c.step && c.value);
    memcpy(c.step, p->step, p->n_steps * sizeof *c.step);
    memcpy(c.value, p->value, p->n_values * sizeof *c.value);
    return c;
}

static void run_random(const plan *p, const weights *w, float *logits) {
    static const int32_t tokens[] = { 3, 7, 1, 15, 3 }, pages[] = { 0 };
    const batch_part part = { .tokens = tokens, .n_tokens = 5, .pages = pages, .first_output = 2 };
    reference *r;
    error err;
    if (reference_new(&r, p, w, 1, &err)) fail_msg("%s", err.text);
    if (reference_run(r, &(batch){ &part, 1 }, logits, &err)) fail_msg("%s", err.text);
    reference_free(r);
}

static void fusion_keeps_the_bits_of_any_list(void **state) {
    (void)state;
    static float data[4096 + N * N];
    size_t shorter = 0, with_cache = 0;
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) data[i] = (float)random_below(2001) / 1000 - 1;
    for (int n = 0; n < 3000; n++) {
        plan *p;
        error err;
        random_state = 77 + (uint64_t)n * 1000003;
        if (build_random(&p, &err)) fail_msg("list %d: %s", n, err.text);
        weight *w = memory_new(p->n_tensors, sizeof *w);
        assert_non_null(w);
        for (size_t i = 0; i < p->n_tensors; i++)
            w[i] = (weight){ .format = &formats[FORMAT_f32], .data = data + random_below(4096), .row_bytes = N * 4, .rows = p->tensor[i].rows, .n = N };
        const weights ws = { w, p->n_tensors };
        float expected[3 * N], got[3 * N];
        run_random(p, &ws, expected);
        for (fuse_level level = FUSE_GLU; level <= FUSE_ALL; level++) {
            plan c = copy_of(p);
            if (plan_fuse(&c, level, &err)) fail_msg("list %d: %s", n, err.text);
            run_random(&c, &ws, got);
            if (memcmp(got, expected, sizeof got)) { plan_print(p, stderr); plan_print(&c, stderr); fail_msg("list %d, level %d: other bits", n, level); }
            shorter += p->n_steps - c.n_steps;
            for (size_t i = 0; i < c.n_steps; i++) with_cache += c.step[i].writes_kv;
            memory_free(c.step);
            memory_free(c.value);
        }
        memory_free(w);
        plan_free(p);
    }
    assert_true(shorter > 3000 && with_cache > 50);     /* else this tested nothing */
}

static void the_reference_refuses_bad_batches(void **state) {
    (void)state;
    static const float data[N * N];
    plan *p;
    reference *r;
    error err;
    random_state = 5;
    assert_int_equal(build_random(&p, &err), 0);
    weight *w = memory_new(p->n_tensors, sizeof *w);
    for (size_t i = 0; i < p->n_tensors; i++) w[i] = (weight){ .format = &formats[FORMAT_f32], .data = data, .row_bytes = N * 4, .rows = p->tensor[i].rows, .n = N };
    const weights ws = { w, p->n_tensors };
    assert_int_equal(reference_new(&r, p, &ws, 1, &err), 0);
    int32_t tokens[] = { 0, N }, pages[] = { 0, 1 };
    batch_part part = { .tokens = tokens, .n_tokens = 2, .pages = pages, .first_output = 2 };
    const batch b = { &part, 1 };
    assert_int_equal(reference_run(r, &b, NULL, &err), RIDGE_E_BAD_ARGUMENT);
    tokens[1] = -1;
    assert_int_equal(reference_run(r, &b, NULL, &err), RIDGE_E_BAD_ARGUMENT);
    tokens[1] = 1;
    part.first_output = 3;
    assert_int_equal(reference_run(r, &b, NULL, &err), RIDGE_E_BAD_ARGUMENT);
    part.first_output = 2;
    part.first_position = KV_PAGE_POSITIONS - 1;            /* the second page is none of the cache's */
    assert_int_equal(reference_run(r, &b, NULL, &err), RIDGE_E_BAD_ARGUMENT);
    part.first_position = 0;
    assert_int_equal(reference_run(r, &b, NULL, &err), 0);
    for (size_t n = 1, more = 1; more; n++) {
        float logits[N];
        part.first_output = 1;
        memory_fail_nth(n);
        const int code = reference_run(r, &b, logits, &err);
        more = memory_requests() >= n;
        assert_int_equal(code, more ? RIDGE_E_NO_MEMORY : 0);
    }
    for (size_t n = 1, more = 1; more; n++) {
        reference *other;
        memory_fail_nth(n);
        const int code = reference_new(&other, p, &ws, 1, &err);
        more = memory_requests() >= n;
        assert_int_equal(code, more ? RIDGE_E_NO_MEMORY : 0);
        reference_free(other);
    }
    memory_fail_nth(0);
    reference_free(r);
    memory_free(w);
    plan_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unfused_list),
        cmocka_unit_test(each_level_of_fusion),
        cmocka_unit_test(the_check_names_the_step),
        cmocka_unit_test(tables_are_checked),
        cmocka_unit_test(the_builder_keeps_the_first_failure),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(costs_are_those_of_the_shapes),
        cmocka_unit_test(fusion_keeps_the_bits_of_any_list),
        cmocka_unit_test(the_reference_refuses_bad_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
