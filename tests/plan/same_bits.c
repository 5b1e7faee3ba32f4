/* One arithmetic: the CPU backend gives the same bits on every ISA, for any number of threads, any fusion, any chunking of the
 * prompt, packed or not, whatever `ridge tune` may choose, alone or beside other sequences, in the default arithmetic and with
 * precise activations; for every architecture, every weight format and every type of the KV cache. Everything is compared with memcmp against the plain words on one thread. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/memory.h"
#include "cpu/cpu.h"
#include "cpu/kernels.h"
#include "model/model.h"
#include "support/tiny_model.h"

enum { N_TOKENS = 140, N_PAGES = 12, LAST = 5 };        /* more than a page of positions; logits of the last five are compared */

static char directory[] = "/tmp/ridge-same-bits-XXXXXX", path[64];

typedef struct { const char *isa; uint32_t threads; fuse_level fuse; bool precise, no_pack; const char *k, *v; } way;     /* k, v: what the cache keeps, NULL: the default */
typedef struct { model *m; backend *b; uint32_t n_vocab; } subject;

static subject subject_open(way w) {
    subject s = {0};
    error err;
    const backend_options o = { .n_threads = w.threads, .isa = w.isa, .precise = w.precise, .no_pack = w.no_pack,
                                .max_tokens = 2 * N_TOKENS, .max_outputs = 2 * LAST, .n_pages = N_PAGES };
    if (model_open(&s.m, path, &err) || plan_fuse(s.m->plan, w.fuse, &err)) fail_msg("%s", err.text);
    if (w.precise) s.m->plan->kv.k_type = s.m->plan->kv.v_type = FORMAT_f32;
    if (w.k) s.m->plan->kv.k_type = (format_id)(format_by_name(w.k) - formats);
    if (w.v) s.m->plan->kv.v_type = (format_id)(format_by_name(w.v) - formats);
    if (cpu_backend.open(&s.b, &o, &err) || cpu_backend.bind(s.b, s.m->plan, &s.m->weights, &err)) fail_msg("%s", err.text);
    s.n_vocab = s.m->plan->n_vocab;
    return s;
}

static void subject_close(subject *s) {
    cpu_backend.close(s->b);
    model_close(s->m);
}

/* The sequences: tokens of `which`, and pages in no order, different for each. */
static int32_t token_at(int which, uint32_t i) { return (int32_t)((i * 7919 + (uint32_t)which * 104729 + i * i * 31) % 500); }
static const int32_t pages[2][3] = { { 7, 2, 9 }, { 4, 11, 0 } };

static void run(const subject *s, const batch_part *parts, size_t n, float *logits) {
    error err;
    const batch b = { parts, n };
    float largest[2 * LAST * 4], most[2 * LAST * 4];
    const size_t blocks = logit_blocks(s->n_vocab);
    assert_in_range(blocks, 2, 4);
    if (cpu_backend.run(s->b, &b, logits, largest, &err)) fail_msg("%s", err.text);
    for (size_t row = 0; row < batch_outputs(&b); row++)
        for (uint32_t i = 0; i < s->n_vocab; i++) {
            float *block = &most[row * blocks + i / LOGIT_BLOCK], logit = logits[row * s->n_vocab + i];
            *block = i % LOGIT_BLOCK ? fmaxf(*block, logit) : logit;
        }
    assert_memory_equal(most, largest, batch_outputs(&b) * blocks * sizeof *most);
}

/* Logits [LAST][n_vocab] of sequence `which`, its tokens in chunks of `chunk`. */
static void logits_in_chunks(const subject *s, int which, uint32_t chunk, float *logits) {
    int32_t tokens[N_TOKENS];
    for (uint32_t i = 0; i < N_TOKENS; i++) tokens[i] = token_at(which, i);
    for (uint32_t at = 0; at < N_TOKENS; ) {
        uint32_t n = N_TOKENS - at < chunk ? N_TOKENS - at : chunk;
        if (at < N_TOKENS - LAST && at + n > N_TOKENS - LAST && chunk != N_TOKENS) n = N_TOKENS - LAST - at;
        const uint32_t first_output = at + n <= N_TOKENS - LAST ? n : at < N_TOKENS - LAST ? N_TOKENS - LAST - at : 0;
        const batch_part part = { tokens + at, n, at, pages[which], first_output };
        run(s, &part, 1, logits);
        logits += (n - first_output) * s->n_vocab;
        at += n;
    }
}

static float *new_logits(const subject *s, int n) {
    float *logits = memory_new((size_t)n * LAST * s->n_vocab, sizeof *logits);
    assert_non_null(logits);
    return logits;
}

static void expect_same(const char *what, way w, const subject *s, const float *want, const float *got) {
    if (memcmp(want, got, LAST * s->n_vocab * sizeof *want))
        fail_msg("%s: other bits with %s, %u threads, fuse %d%s%s", what, w.isa, w.threads, w.fuse, w.precise ? ", precise" : "", w.no_pack ? ", not packed" : "");
}

static void compare_way(way w, const float *want) {
    subject s = subject_open(w);
    float *got = new_logits(&s, 1);
    logits_in_chunks(&s, 0, N_TOKENS, got);
    expect_same("one chunk", w, &s, want, got);
    memory_free(got);
    subject_close(&s);
}

/* Both sequences in one batch: prompt first, then the last tokens one by one. */
static void logits_side_by_side(const subject *s, float *logits) {
    int32_t tokens[2][N_TOKENS];
    batch_part parts[2];
    for (int q = 0; q < 2; q++) {
        for (uint32_t i = 0; i < N_TOKENS; i++) tokens[q][i] = token_at(q, i);
        parts[q] = (batch_part){ tokens[q], N_TOKENS - LAST, 0, pages[q], N_TOKENS - LAST };
    }
    run(s, parts, 2, logits);
    float *row = new_logits(s, 2);
    for (uint32_t i = 0; i < LAST; i++) {
        for (int q = 0; q < 2; q++) parts[q] = (batch_part){ tokens[q] + N_TOKENS - LAST + i, 1, N_TOKENS - LAST + i, pages[q], 0 };
        run(s, parts, 2, row);
        for (uint32_t q = 0; q < 2; q++) memcpy(logits + (q * LAST + i) * s->n_vocab, row + q * s->n_vocab, s->n_vocab * sizeof *row);
    }
    memory_free(row);
}

static void compare_batches(way w, const float *want) {
    subject s = subject_open(w);
    float *got = new_logits(&s, 2);
    static const uint32_t chunks[] = { 1, 3, 64, 130 };
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        logits_in_chunks(&s, 0, chunks[i], got);
        expect_same("smaller chunks", w, &s, want, got);
    }
    logits_side_by_side(&s, got);
    expect_same("beside another sequence", w, &s, want, got);
    logits_in_chunks(&s, 1, N_TOKENS, got);
    float *second = new_logits(&s, 2);
    logits_side_by_side(&s, second);
    expect_same("the other sequence", w, &s, got, second + LAST * s.n_vocab);
    memory_free(second);
    memory_free(got);
    subject_close(&s);
}

/* Every knob at once at its v-th candidate, or its last. */
static size_t turn_knobs(const subject *s, size_t v) {
    size_t n, most = 0;
    const ridge_knob *knobs = cpu_backend.knobs(s->b, &n);
    assert_true(n > 5);
    for (size_t i = 0; i < n; i++) {
        cpu_backend.set_knob(s->b, i, knobs[i].candidates[v < knobs[i].n_candidates ? v : knobs[i].n_candidates - 1]);
        if (knobs[i].n_candidates > most) most = knobs[i].n_candidates;
    }
    return most;
}

/* What `ridge tune` may choose, on one backend as it does. */
static void compare_tunings(way w, const float *want) {
    subject s = subject_open(w);
    float *got = new_logits(&s, 1);
    static const uint32_t chunks[] = { 1, 6, N_TOKENS };
    for (size_t v = 0, n = 1; v < n; v++) {
        n = turn_knobs(&s, v);
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
            memset(got, 0, LAST * s.n_vocab * sizeof *got);
            logits_in_chunks(&s, 0, chunks[i], got);
            expect_same("tuned", w, &s, want, got);
        }
    }
    memory_free(got);
    subject_close(&s);
}

static void all_ways(const tiny_model *m) {
    const cpu_kernels *kernels;
    assert_int_equal(kernels_choose(&kernels, NULL, NULL), 0);
    const char *best = kernels->name;
    tiny_model_write(m, path);
    for (int precise = 0; precise < 2; precise++) {
        subject plain = subject_open((way){ "scalar", 1, FUSE_NONE, precise, .no_pack = false });
        float *want = new_logits(&plain, 1);
        logits_in_chunks(&plain, 0, N_TOKENS, want);
        float spread = 0;
        for (uint32_t i = 1; i < plain.n_vocab; i++) spread += want[i] != want[0];
        assert_true(spread > 100);                              /* real logits, not zeros or NaN */
        for (size_t i = 0; i < LAST * plain.n_vocab; i++) assert_true(want[i] - want[i] == 0);
        subject_close(&plain);
        for (size_t i = 0; i < kernels_all_n; i++) {
            if (!kernels_all[i]->supported()) continue;
            const char *isa = kernels_all[i]->name;
            compare_way((way){ isa, 2, FUSE_ALL, precise, .no_pack = false }, want);
            if (!strcmp(isa, best)) continue;
            compare_way((way){ isa, 1, FUSE_NONE, precise, .no_pack = true }, want);
        }
        for (fuse_level f = FUSE_NONE; f <= FUSE_ALL; f++) compare_way((way){ best, 1 + (uint32_t)f % 3, f, precise, .no_pack = false }, want);
        compare_tunings((way){ best, 2, FUSE_ALL, precise, .no_pack = false }, want);
        compare_batches((way){ best, 2, FUSE_ALL, precise, .no_pack = false }, want);
        compare_batches((way){ best, 3, FUSE_NONE, precise, .no_pack = true }, want);
        memory_free(want);
    }
}

/* What the cache keeps: the same bits every way, near the logits with f32 but not those. Precise, for int8 activations turn any difference into
 * a larger one. */
static void all_ways_with_cache(const tiny_model *m, const char *k, const char *v) {
    const cpu_kernels *best;
    assert_int_equal(kernels_choose(&best, NULL, NULL), 0);
    tiny_model_write(m, path);
    subject plain = subject_open((way){ "scalar", 1, FUSE_NONE, .precise = true, .k = k, .v = v }), f32 = subject_open((way){ "scalar", 1, FUSE_NONE, .precise = true });
    float *want = new_logits(&plain, 1), *with_f32 = new_logits(&f32, 1);
    logits_in_chunks(&plain, 0, N_TOKENS, want);
    logits_in_chunks(&f32, 0, N_TOKENS, with_f32);
    double off = 0, size = 0;
    for (size_t i = 0; i < LAST * plain.n_vocab; i++) {
        off += (double)(want[i] - with_f32[i]) * (double)(want[i] - with_f32[i]);
        size += (double)with_f32[i] * (double)with_f32[i];
    }
    print_message("%s, head of %u: K in %s and V in %s are off by %.4f of the logits' size\n", m->architecture, m->head, k, v, sqrt(off / size));
    assert_true(off > 0 && off < 0.02 * 0.02 * size);
    for (size_t i = 0; i < kernels_all_n; i++)
        if (kernels_all[i]->supported()) compare_way((way){ kernels_all[i]->name, 2, FUSE_ALL, .precise = true, .k = k, .v = v }, want);
    compare_batches((way){ best->name, 3, FUSE_ALL, .precise = true, .k = k, .v = v }, want);
    memory_free(with_f32);
    memory_free(want);
    subject_close(&f32);
    subject_close(&plain);
}

/* Every type as K and as V, and mixed. */
static void every_cache_type(void **state) {
    (void)state;
    static const char *const types[][2] = { { "f16", "f16" }, { "bf16", "bf16" }, { "q8_0", "q8_0" }, { "q8_0", "bf16" }, { "bf16", "q8_0" }, { "bf16", "f32" } };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        tiny_model m = tiny_model_default("llama");
        m.weights = FORMAT_q8_0;
        m.n_layers = 1;
        m.head = 40;                        /* no whole number of blocks, nor of vectors */
        all_ways_with_cache(&m, types[i][0], types[i][1]);
        if (strcmp(types[i][0], types[i][1])) continue;
        m.head = 64;
        all_ways_with_cache(&m, types[i][0], types[i][1]);
        m = tiny_model_default("gemma2");   /* window and soft cap */
        m.window = 47;
        all_ways_with_cache(&m, types[i][0], types[i][1]);
    }
}

static void every_format(void **state) {
    (void)state;
    for (int f = 0; f < FORMAT_COUNT; f++) {
        tiny_model m = tiny_model_default("llama");
        m.weights = (format_id)f;
        m.others = FORMAT_COUNT;
        m.ff = 512;
        m.n_layers = 1;
        all_ways(&m);
        print_message("%s: the same bits\n", formats[f].name);
    }
}

static void dense_weights_that_bf16_holds(void **state) {
    (void)state;
    static const format_id dense[] = { FORMAT_f16, FORMAT_f32 };
    for (int i = 0; i < 2; i++) {
        tiny_model m = tiny_model_default("llama");
        m.weights = dense[i];
        m.fits_bf16 = true;
        m.n_layers = 1;
        all_ways(&m);
    }
}

static void every_architecture(void **state) {
    (void)state;
    static const struct { const char *name; bool narrow; } cases[] = {      /* narrow: steps of their own beside llama's; less time shows them */
        { "llama", false }, { "qwen2", false }, { "qwen3", false }, { "gemma2", false }, { "gemma3", false }, { "phi3", false },
        { "olmo2", true }, { "granite", true }, { "smollm3", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tiny_model m = tiny_model_default(cases[i].name);
        if (cases[i].narrow) { m.hidden = 64; m.head = 16; m.ff = 96; }
        m.weights = FORMAT_q4_0;
        m.others = FORMAT_q8_0;         /* a mixed file, as Q4_K_M is */
        m.window = m.window ? 48 : 0;
        all_ways(&m);
        print_message("%s: the same bits\n", cases[i].name);
    }
}

static void odd_shapes(void **state) {
    (void)state;
    tiny_model m = tiny_model_default("llama");     /* 6 heads over 3, a vocabulary that fills no panel, the last layer's ff odd panels */
    m.hidden = 192;
    m.head = 32;
    m.n_heads = 6;
    m.n_kv_heads = 3;
    m.ff = 352;
    m.vocabulary = 517;
    m.weights = FORMAT_q8_0;
    all_ways(&m);
}

static void rows_of_several_sections(void **state) {
    (void)state;
    for (int i = 0; i < TINY_LONG_ROWS; i++) {
        const tiny_model m = tiny_model_long_rows(i);
        all_ways(&m);
    }
}

static void columns_are_1_2_4_or_8(void **state) {
    (void)state;
    static const char *const wrong[] = { "3", "0", "16", "two", "-1" };
    const backend_options o = { .n_threads = 1, .max_tokens = 1, .max_outputs = 1, .n_pages = 1 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        backend *b;
        error err;
        setenv("RIDGE_GEMV_COLS", wrong[i], 1);
        assert_int_equal(cpu_backend.open(&b, &o, &err), RIDGE_E_BAD_ARGUMENT);
        assert_null(b);
        assert_non_null(strstr(err.text, wrong[i]));
    }
    unsetenv("RIDGE_GEMV_COLS");
}

/* A machine with AVX-512 may lack AVX-VNNI: a run there says nothing about it. */
static void print_what_is_not_run(void) {
    for (size_t i = 0; i < kernels_all_n; i++)
        if (!kernels_all[i]->supported()) print_message("not run, the processor lacks %s: %s\n", kernels_all[i]->needs, kernels_all[i]->name);
}

int main(void) {
    if (!mkdtemp(directory)) return 1;
    snprintf(path, sizeof path, "%s/model.gguf", directory);
    print_what_is_not_run();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format),
        cmocka_unit_test(dense_weights_that_bf16_holds),
        cmocka_unit_test(every_architecture),
        cmocka_unit_test(odd_shapes),
        cmocka_unit_test(rows_of_several_sections),
        cmocka_unit_test(every_cache_type),
        cmocka_unit_test(columns_are_1_2_4_or_8),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(directory);
    return failed;
}
