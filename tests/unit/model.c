/* Opening models: what is refused and in which words, what is said aloud, and that every architecture's tiny model opens, fuses
 * and gives the same bits fused and unfused. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/events.h"
#include "base/memory.h"
#include "model/model.h"
#include "plan/reference.h"
#include "model/vocabulary.h"
#include "support/memory_file.h"
#include "support/tiny_model.h"
#include "support/told_place.h"

/* One change to an otherwise sound llama of one layer, 32 wide. */
typedef struct {
    const char *key;        /* metadata behind "llama.": gets `value`; NAN leaves it out */
    double      value;
    const char *tensor;     /* gets the type and shape below; type -1 leaves it out */
    int         type;
    uint32_t    n_dimensions;
    uint64_t    dimension[2];
    const char *architecture, *scaling, *extra_tensor;
    const float *factors;   /* rope_freqs.weight of 16 values */
} change;

static void put_keys(gguf_writer *w, const change *c) {
    static const struct { const char *name; bool is_float; double value; } keys[] = {
        { "block_count", false, 1 }, { "context_length", false, 512 }, { "embedding_length", false, 32 }, { "feed_forward_length", false, 64 },
        { "attention.head_count", false, 1 }, { "attention.head_count_kv", false, 1 }, { "attention.layer_norm_rms_epsilon", true, 1e-5 },
        { "rope.dimension_count", false, 32 }, { "rope.freq_base", true, 10000 }, { "attention.key_length", false, NAN },
        { "attention.value_length", false, NAN }, { "rope.scaling.factor", true, NAN }, { "attention.sliding_window", false, NAN },
        { "expert_count", false, NAN }, { "attention.clamp_kqv", true, NAN }, { "rope.scaling.attn_factor", true, NAN }, { "rope.scale_linear", true, NAN },
    };
    gguf_writer_string(w, "general.architecture", c->architecture ? c->architecture : "llama");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const double value = c->key && !strcmp(c->key, keys[i].name) ? c->value : keys[i].value;
        char name[80];
        snprintf(name, sizeof name, "%s.%s", c->architecture ? c->architecture : "llama", keys[i].name);
        if (isnan(value)) continue;
        if (keys[i].is_float) gguf_writer_f32(w, name, (float)value);
        else gguf_writer_u32(w, name, (uint32_t)value);
    }
    if (c->scaling) gguf_writer_string(w, "llama.rope.scaling.type", c->scaling);
}

static void put_tensors(gguf_writer *w, const change *c) {
    static const struct { const char *name; uint32_t n_dimensions; uint64_t dimension[2]; } tensors[] = {
        { "token_embd.weight", 2, { 32, 8 } }, { "output_norm.weight", 1, { 32 } }, { "blk.0.attn_norm.weight", 1, { 32 } },
        { "blk.0.attn_q.weight", 2, { 32, 32 } }, { "blk.0.attn_k.weight", 2, { 32, 32 } }, { "blk.0.attn_v.weight", 2, { 32, 32 } },
        { "blk.0.attn_output.weight", 2, { 32, 32 } }, { "blk.0.ffn_norm.weight", 1, { 32 } }, { "blk.0.ffn_gate.weight", 2, { 32, 64 } },
        { "blk.0.ffn_up.weight", 2, { 32, 64 } }, { "blk.0.ffn_down.weight", 2, { 64, 32 } },
    };
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        uint32_t type = 0, n = tensors[i].n_dimensions;
        const uint64_t *dimension = tensors[i].dimension;
        if (c->tensor && !strcmp(c->tensor, tensors[i].name)) {
            if (c->type < 0) continue;
            type = (uint32_t)c->type;
            if (c->n_dimensions) { n = c->n_dimensions; dimension = c->dimension; }
        }
        const gguf_type_info *info = gguf_type(type);
        const uint64_t values = dimension[0] * (n > 1 ? dimension[1] : 1);
        gguf_writer_tensor(w, tensors[i].name, type, n, dimension, NULL, (size_t)(values / info->block_k * info->block_bytes));
    }
    if (c->extra_tensor) gguf_writer_tensor(w, c->extra_tensor, 0, 1, (const uint64_t[]){ 32 }, NULL, 32 * 4);
    if (c->factors) gguf_writer_tensor(w, "rope_freqs.weight", 0, 1, (const uint64_t[]){ 16 }, c->factors, 16 * 4);
}

static const char *file_with(const change *c) {
    gguf_writer w = {0};
    buffer file = {0};
    put_keys(&w, c);
    put_tensors(&w, c);
    gguf_writer_build(&w, &file);
    const char *path = memory_file(file.data, file.n);
    buffer_free(&file);
    gguf_writer_free(&w);
    return path;
}

static void expect(change c, int code, const char *words) {
    model *m = NULL;
    error err = {0};
    const char *path = file_with(&c);
    const int got = model_open(&m, path, &err);
    if (got != code || (code && (!strstr(err.text, words) || !strstr(err.text, path))))
        fail_msg("\"%s\" expected with code %d, got %d: %s", words, code, got, err.text);
    const char *wrong = code ? told_place(err.text, path) : NULL;
    if (wrong) fail_msg("%s: %s", wrong, err.text);
    assert_true(!code == (m != NULL));
    model_close(m);
}

static void numbers_out_of_range_are_refused(void **state) {
    (void)state;
    expect((change){ 0 }, 0, "");
    static const struct { const char *key; double value; } bad[] = {
        { "block_count", 0 }, { "block_count", 1001 }, { "block_count", NAN }, { "context_length", 0 }, { "context_length", 1e9 }, { "context_length", NAN },
        { "embedding_length", 0 }, { "embedding_length", 4e9 }, { "embedding_length", NAN }, { "feed_forward_length", 0 }, { "feed_forward_length", 4e9 },
        { "feed_forward_length", NAN }, { "attention.head_count", 0 }, { "attention.head_count", 1025 }, { "attention.head_count", NAN },
        { "attention.head_count_kv", 0 }, { "attention.head_count_kv", 2 }, { "attention.layer_norm_rms_epsilon", 0 },
        { "attention.layer_norm_rms_epsilon", -1 }, { "attention.layer_norm_rms_epsilon", INFINITY }, { "attention.layer_norm_rms_epsilon", NAN },
        { "rope.dimension_count", 0 }, { "rope.dimension_count", 33 }, { "rope.dimension_count", 31 }, { "rope.freq_base", 0 },
        { "rope.freq_base", INFINITY }, { "attention.key_length", 0 }, { "attention.key_length", 5000 }, { "attention.value_length", 0 },
        { "rope.scaling.factor", 0 }, { "rope.scaling.factor", -2 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect((change){ .key = bad[i].key, .value = bad[i].value }, RIDGE_E_BAD_FILE, bad[i].key);
    expect((change){ .key = "rope.dimension_count", .value = NAN }, 0, "");
    expect((change){ .key = "attention.head_count_kv", .value = NAN }, 0, "");
    expect((change){ .key = "rope.freq_base", .value = NAN }, 0, "");
    expect((change){ .key = "attention.sliding_window", .value = 7 }, 0, "");
}

static void what_is_not_known_is_named(void **state) {
    (void)state;
    expect((change){ .architecture = "mamba", .key = "attention.head_count", .value = NAN }, RIDGE_E_UNSUPPORTED, "\"mamba\" is not supported; supported are llama, qwen2, ");
    expect((change){ .scaling = "yarn" }, RIDGE_E_UNSUPPORTED, "llama.rope.scaling.type', offset ");
    expect((change){ .key = "expert_count", .value = 8 }, RIDGE_E_UNSUPPORTED, "it is 8; mixtures");
    expect((change){ .key = "rope.scaling.attn_factor", .value = 1.2 }, RIDGE_E_UNSUPPORTED, "it is 1.2, which Ridge knows for longrope only");
    expect((change){ .key = "rope.scale_linear", .value = 2 }, 0, "");
    expect((change){ .scaling = "longrope" }, RIDGE_E_UNSUPPORTED, "longrope");
    expect((change){ .scaling = "linear", .key = "rope.scaling.factor", .value = 4 }, 0, "");
    expect((change){ .scaling = "none", .key = "rope.scaling.factor", .value = 4 }, 0, "");
    expect((change){ .tensor = "blk.0.attn_v.weight", .type = 20 }, RIDGE_E_UNSUPPORTED,
           "its type iq4_nl is not supported; supported are f32, ");
    expect((change){ .tensor = "blk.0.attn_norm.weight", .type = 1 }, RIDGE_E_UNSUPPORTED, "its type is f16");
    size_t n;
    const char *const *names = model_architectures(&n);
    assert_true(n >= 6);
    assert_string_equal(names[0], "llama");
}

static void tensors_must_be_there_and_fit(void **state) {
    (void)state;
    expect((change){ .tensor = "blk.0.ffn_up.weight", .type = -1 }, RIDGE_E_BAD_FILE, "no tensor 'blk.0.ffn_up.weight'");
    expect((change){ .tensor = "token_embd.weight", .type = -1 }, RIDGE_E_BAD_FILE, "no tensor 'token_embd.weight'");
    expect((change){ .tensor = "blk.0.attn_k.weight", .n_dimensions = 2, .dimension = { 32, 16 } },
           RIDGE_E_BAD_FILE, ": shape 32x16, expected 32x32");
    expect((change){ .tensor = "output_norm.weight", .n_dimensions = 1, .dimension = { 16 } },
           RIDGE_E_BAD_FILE, ": shape 16, expected 32");
    expect((change){ .tensor = "token_embd.weight", .n_dimensions = 2, .dimension = { 64, 8 } },
           RIDGE_E_BAD_FILE, ": shape 64x8, expected 32x8");
    float factors[16];
    for (int i = 0; i < 16; i++) factors[i] = 1;
    expect((change){ .factors = factors }, 0, "");
    factors[3] = 0;
    expect((change){ .factors = factors }, RIDGE_E_BAD_FILE, ": value 3 is ");
    factors[3] = NAN;
    expect((change){ .factors = factors }, RIDGE_E_BAD_FILE, ": value 3 is ");
}

static void keep(void *user, event_kind kind, const char *text) { (void)kind; buffer_printf(user, "%s\n", text); }

static void what_is_ignored_is_said_aloud(void **state) {
    (void)state;
    buffer told = {0};
    event_redirect(keep, &told);
    const size_t before = event_count(EVENT_unknown_metadata);
    expect((change){ .extra_tensor = "blk.0.attn_sinks.weight" }, 0, "");
    assert_int_equal(event_count(EVENT_unknown_metadata), before + 1);
    assert_non_null(strstr(buffer_text(&told), "blk.0.attn_sinks.weight"));
    expect((change){ .architecture = "qwen2", .key = "attention.sliding_window", .value = 100 }, 0, "");
    assert_non_null(strstr(buffer_text(&told), "qwen2.attention.sliding_window is 100"));
    expect((change){ .key = "attention.clamp_kqv", .value = 8 }, 0, "");
    assert_non_null(strstr(buffer_text(&told), "llama.attention.clamp_kqv"));
    const size_t n = told.n;
    expect((change){ 0 }, 0, "");
    assert_int_equal(told.n, n);
    event_redirect(NULL, NULL);
    buffer_free(&told);
}

/* A phi3 of one layer with two sets of frequency divisors, trained for 512 tokens out of 128. */
static const char *long_phi3(uint32_t n_rotated, float attention_factor) {
    static const struct { const char *name; uint32_t n_dimensions; uint64_t dimension[2]; } tensors[] = {
        { "token_embd.weight", 2, { 32, 8 } }, { "output_norm.weight", 1, { 32, 1 } }, { "blk.0.attn_norm.weight", 1, { 32, 1 } },
        { "blk.0.attn_qkv.weight", 2, { 32, 96 } }, { "blk.0.attn_output.weight", 2, { 32, 32 } }, { "blk.0.ffn_norm.weight", 1, { 32, 1 } },
        { "blk.0.ffn_up.weight", 2, { 32, 128 } }, { "blk.0.ffn_down.weight", 2, { 64, 32 } },
    };
    static const struct { const char *name; uint32_t value; } keys[] = {
        { "phi3.block_count", 1 }, { "phi3.context_length", 512 }, { "phi3.embedding_length", 32 }, { "phi3.feed_forward_length", 64 },
        { "phi3.attention.head_count", 1 }, { "phi3.rope.scaling.original_context_length", 128 },
    };
    float factors[16];
    gguf_writer w = {0};
    buffer file = {0};
    for (int i = 0; i < 16; i++) factors[i] = 1 + (float)i;
    gguf_writer_string(&w, "general.architecture", "phi3");
    gguf_writer_string(&w, "phi3.rope.scaling.type", "longrope");
    gguf_writer_f32(&w, "phi3.attention.layer_norm_rms_epsilon", 1e-5f);
    gguf_writer_f32(&w, "phi3.rope.scaling.attn_factor", attention_factor);
    gguf_writer_u32(&w, "phi3.rope.dimension_count", n_rotated);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) gguf_writer_u32(&w, keys[i].name, keys[i].value);
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        gguf_writer_tensor(&w, tensors[i].name, 0, tensors[i].n_dimensions, tensors[i].dimension, NULL,
                           (size_t)(tensors[i].dimension[0] * tensors[i].dimension[1] * 4));
    gguf_writer_tensor(&w, "rope_factors_short.weight", 0, 1, (const uint64_t[]){ n_rotated / 2 }, factors, n_rotated * 2);
    gguf_writer_tensor(&w, "rope_factors_long.weight", 0, 1, (const uint64_t[]){ n_rotated / 2 }, factors, n_rotated * 2);
    gguf_writer_build(&w, &file);
    const char *path = memory_file(file.data, file.n);
    buffer_free(&file);
    gguf_writer_free(&w);
    return path;
}

static void long_contexts_stay_within_the_original_one(void **state) {
    (void)state;
    buffer told = {0};
    model *m;
    error err;
    event_redirect(keep, &told);
    if (model_open(&m, long_phi3(32, 2), &err)) fail_msg("%s", err.text);
    assert_int_equal(m->plan->n_context_trained, 128);
    assert_non_null(strstr(buffer_text(&told), "Ridge runs it up to 128"));
    assert_null(strstr(buffer_text(&told), "rope_factors_long"));
    assert_string_equal(m->plan->tensor[m->plan->rope[0].factors].name, "rope_factors_short.weight");
    for (size_t i = 0; i < m->plan->n_steps; i++)
        if (m->plan->step[i].kind == STEP_attention) assert_true(fabs((double)m->plan->step[i].scale - 4 / sqrt(32)) < 1e-6);
    model_close(m);
    assert_int_equal(model_open(&m, long_phi3(16, 1), &err), 0);
    model_close(m);
    const char *path = long_phi3(16, 2);
    assert_int_equal(model_open(&m, path, &err), RIDGE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "only 16 of 32 values"));
    assert_null(told_place(err.text, path));
    event_redirect(NULL, NULL);
    buffer_free(&told);
}

/* Opens a file whose bytes were changed, tokeniser and all; 1 where it is refused as broken, by a sentence that says where. */
static int refused(const buffer *file) {
    const char *path = memory_file(file->data, file->n);
    model *m;
    tokenizer *t = NULL;
    error err = {0};
    int code = model_open(&m, path, &err);
    if (!code) code = vocabulary_open(&t, m->file, &err);
    const char *wrong = code ? told_place(err.text, path) : NULL;
    if (wrong) fail_msg("%s: %s", wrong, err.text);
    tokenizer_free(t);
    model_close(m);
    return code == RIDGE_E_BAD_FILE;
}

/* As refused(), with n bytes of the file, which come back to what they were, set to others. */
static int refused_with(buffer *file, size_t at, const void *bytes, size_t n) {
    char before[16];
    assert_true(n <= sizeof before && at + n <= file->n);
    memcpy(before, file->data + at, n);
    memcpy(file->data + at, bytes, n);
    const int broken = refused(file);
    memcpy(file->data + at, before, n);
    return broken;
}

static size_t offset_of(const gguf *g, const void *p) { return (size_t)((const unsigned char *)p - gguf_part(g, 0)->data); }

/* The sound file's keys one by one with another name, another type of the same size, and other numbers. g has what is written over mapped: only
 * places are taken from it. */
static int break_keys(const gguf *g, buffer *file) {
    static const uint8_t patterns[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    int n = 0;
    for (size_t i = 0; i < gguf_n_values(g); i++) {
        const gguf_value *v = gguf_value_at(g, i);
        const size_t at = offset_of(g, v->data), size = v->count ? v->bytes / v->count : 0;
        n += refused_with(file, offset_of(g, v->key.text) + v->key.n - 1, "~", 1);
        if (v->type == GGUF_STRING) continue;
        n += size == 4 && !v->is_array && refused_with(file, at - 4, &(uint32_t){ v->type == GGUF_F32 ? GGUF_I32 : GGUF_F32 }, 4);
        uint8_t bytes[8];
        for (size_t k = 0; size > 1 && size <= sizeof bytes && k < sizeof patterns; k++) {
            memset(bytes, patterns[k], sizeof bytes);
            n += refused_with(file, at, bytes, size);
        }
    }
    return n;
}

/* Its tensors one by one with another name, of one row or value less, and turned. */
static int break_tensors(const gguf *g, buffer *file) {
    int n = 0;
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        const size_t name_end = offset_of(g, t->name.text) + t->name.n, shape = name_end + 4;
        const uint64_t turned[] = { t->dimension[1], t->dimension[0] }, less = t->dimension[t->n_dimensions - 1] - 1;
        n += refused_with(file, name_end - 1, "~", 1);
        n += refused_with(file, shape + (t->n_dimensions - 1) * sizeof less, &less, sizeof less);
        if (t->n_dimensions == 2) n += refused_with(file, shape, turned, sizeof turned);
    }
    return n;
}

static void drop(void *user, event_kind kind, const char *text) { (void)user, (void)kind, (void)text; }

static void whatever_is_broken_is_named_with_its_place(void **state) {
    (void)state;
    event_redirect(drop, NULL);
    for (int sentencepiece = 0; sentencepiece < 2; sentencepiece++) {
        tiny_model t = tiny_model_default("llama");
        t.n_layers = 1;
        t.hidden = 64;
        t.n_heads = t.n_kv_heads = 1;
        t.ff = 64;
        t.rope_factors = true;
        t.sentencepiece = sentencepiece;
        gguf_writer w = {0};
        buffer file = {0};
        gguf *g;
        tiny_model_build(&t, &w);
        gguf_writer_build(&w, &file);
        if (gguf_open(&g, memory_file(file.data, file.n), NULL)) fail_msg("the sound file cannot be opened");
        assert_int_equal(refused(&file), 0);
        const int keys = break_keys(g, &file), tensors = break_tensors(g, &file);
        if (keys < 60 || tensors < 20) fail_msg("only %d changes of keys and %d of tensors were refused", keys, tensors);
        gguf_close(g);
        buffer_free(&file);
        gguf_writer_free(&w);
    }
    event_redirect(NULL, NULL);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    const char *path = file_with(&(change){ 0 });
    for (size_t n = 1, more = 1; more; n++) {
        model *m;
        error err;
        memory_fail_nth(n);
        const int code = model_open(&m, path, &err);
        more = memory_requests() >= n;
        assert_int_equal(code, more ? RIDGE_E_NO_MEMORY : 0);
        model_close(m);
    }
    memory_fail_nth(0);
    model_close(NULL);
    assert_int_equal(model_open(&(model *){ NULL }, "/nowhere.gguf", NULL), RIDGE_E_NOT_FOUND);
}

/* Logits of six tokens, all of them. */
static float *logits_of(const char *path, fuse_level level) {
    static const int32_t tokens[] = { 1, 2, 300, 4, 100, 6 }, pages[] = { 0 };
    const batch_part part = { .tokens = tokens, .n_tokens = 6, .pages = pages };
    model *m;
    reference *r;
    error err;
    if (model_open(&m, path, &err) || plan_fuse(m->plan, level, &err)) fail_msg("%s", err.text);
    if (reference_new(&r, m->plan, &m->weights, 1, &err)) fail_msg("%s", err.text);
    float *logits = memory_new(6 * m->plan->n_vocab, sizeof *logits);
    if (reference_run(r, &(batch){ &part, 1 }, logits, &err)) fail_msg("%s", err.text);
    for (size_t i = 0; i < 6 * m->plan->n_vocab; i++) assert_true(isfinite(logits[i]));
    assert_true(logits[0] != logits[m->plan->n_vocab]);
    reference_free(r);
    model_close(m);
    return logits;
}

static void tiny_models_give_the_same_bits_fused(void **state) {
    (void)state;
    static const char *const architectures[] = { "llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "olmo2", "granite", "smollm3" };
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        const tiny_model t = tiny_model_default(architectures[i]);
        gguf_writer w = {0};
        buffer file = {0};
        tiny_model_build(&t, &w);
        gguf_writer_build(&w, &file);
        const char *path = memory_file(file.data, file.n);
        float *plain = logits_of(path, FUSE_NONE), *fused = logits_of(path, FUSE_ALL);
        assert_memory_equal(plain, fused, 6 * t.vocabulary * sizeof *plain);
        memory_free(plain);
        memory_free(fused);
        buffer_free(&file);
        gguf_writer_free(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(what_is_not_known_is_named),
        cmocka_unit_test(tensors_must_be_there_and_fit),
        cmocka_unit_test(what_is_ignored_is_said_aloud),
        cmocka_unit_test(long_contexts_stay_within_the_original_one),
        cmocka_unit_test(whatever_is_broken_is_named_with_its_place),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(tiny_models_give_the_same_bits_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
