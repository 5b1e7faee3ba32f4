/* libridge over tiny models: opening, tokens, sessions, generation, and that memory may run out anywhere. */
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buffer.h"
#include "base/memory.h"
#include "engine/stop.h"
#include "ridge/ridge.h"
#include "support/tiny_model.h"

static char folder[] = "/tmp/ridge-engine-XXXXXX", path[100];
static const char *const backends[] = { "cpu", "reference" };
enum { N_BACKENDS = sizeof backends / sizeof backends[0] };

static int write_model(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/tiny.gguf", folder);
    tiny_model t = tiny_model_default("llama");
    t.context = 300;
    tiny_model_write(&t, path);
    return 0;
}

static int remove_model(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static ridge_model_options options_for(const char *backend) {
    ridge_model_options o = ridge_model_options_default();
    o.backend = backend;
    o.threads = 2;
    return o;
}

static ridge_model *open_model(ridge_model_options o) {
    ridge_model *m;
    ridge_error e;
    if (ridge_model_open(&m, path, &o, &e)) fail_msg("%s", e.text);
    return m;
}

static ridge_session *open_session(ridge_model *m) {
    ridge_session *s;
    ridge_error e;
    if (ridge_session_open(&s, m, &e)) fail_msg("%s", e.text);
    return s;
}

static ridge_sampler *greedy(const ridge_model *m) {
    ridge_sampler_options o = ridge_sampler_options_default();
    o.temperature = 0;
    ridge_sampler *s;
    ridge_error e;
    if (ridge_sampler_new(&s, m, &o, &e)) fail_msg("%s", e.text);
    return s;
}

static void a_model_tells_about_itself(void **state) {
    (void)state;
    ridge_model_options o = options_for("cpu");
    o.load = RIDGE_LOAD_PLAN;
    ridge_model *m = open_model(o);
    const ridge_model_info info = ridge_model_get_info(m);
    assert_string_equal(info.architecture, "llama");
    assert_string_equal(info.path, path);
    assert_int_equal(info.n_layers, 2);
    assert_int_equal(info.width, 256);
    assert_int_equal(info.n_vocab, 515);
    assert_int_equal(info.context_trained, 300);
    assert_int_equal(info.context_tokens, 300);
    assert_int_equal(info.kv_bytes_per_token, 2 * 2 * 64 * 2 * 2);
    assert_true(info.has_chat_template);
    assert_true(info.weight_bytes > 1000000 && info.weight_bytes < info.file_bytes);
    assert_true(ridge_model_bytes_per_token(m, 100) > ridge_model_bytes_per_token(m, 0));
    size_t n_values = 0, n_tensors = 0, n;
    char *plan;
    ridge_metadata data;
    ridge_value v;
    bool found = false;
    for (; ridge_model_metadata(m, n_values, &data); n_values++) {
        n = 0;
        for (ridge_metadata walk = data; ridge_metadata_next(&walk, &v); n++) { }
        assert_int_equal(n, data.n);
        if (data.key_bytes != 20 || memcmp(data.key, "general.architecture", 20)) continue;
        found = ridge_metadata_next(&data, &v) && v.kind == RIDGE_VALUE_TEXT && v.text_bytes == 5 && !memcmp(v.text, "llama", 5);
    }
    assert_true(found && n_values > 10);
    ridge_tensor_info t;
    uint64_t bytes = 0;
    for (; ridge_model_tensor(m, n_tensors, &t); n_tensors++) bytes += t.bytes;
    assert_int_equal(n_tensors, 4 + 2 * 9);                 /* table, head, last norm, rope factors; layers */
    assert_true(bytes >= info.weight_bytes - 515 * 256 * 2 && bytes <= info.file_bytes);
    ridge_error e;
    assert_int_equal(ridge_model_plan_text(m, &plan, &e), 0);
    assert_non_null(strstr(plan, "attention"));
    ridge_free(plan);
    ridge_session *s;
    assert_int_equal(ridge_session_open(&s, m, &e), RIDGE_E_BAD_ARGUMENT);
    ridge_model_close(m);
    o.load = RIDGE_LOAD_METADATA;
    m = open_model(o);
    ridge_tokens none = {0};
    assert_int_equal(ridge_tokenize(m, "a", 1, 0, &none, &e), RIDGE_E_BAD_ARGUMENT);
    assert_int_equal(ridge_model_plan_text(m, &plan, &e), RIDGE_E_BAD_ARGUMENT);
    assert_true(ridge_model_bytes_per_token(m, 0) == 0);
    ridge_model_close(m);
}

static void bad_options_are_named(void **state) {
    (void)state;
    const struct { ridge_model_options o; const char *text; } cases[] = {
        { { .load = RIDGE_LOAD_ALL, .backend = "cup" }, "did you mean cpu" },
        { { .load = RIDGE_LOAD_ALL, .backend = "abacus" }, "there are cpu, reference" },
        { { .load = RIDGE_LOAD_ALL, .fuse = "some" }, "some" },
        { { .load = RIDGE_LOAD_ALL, .isa = "sse9" }, "sse9" },
        { { .load = RIDGE_LOAD_ALL, .context_tokens = 1u << 30 }, "1073741824" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ridge_model *m;
        ridge_error e;
        assert_int_equal(ridge_model_open(&m, path, &cases[i].o, &e), RIDGE_E_BAD_ARGUMENT);
        assert_null(m);
        if (!strstr(e.text, cases[i].text)) fail_msg("\"%s\" lacks \"%s\"", e.text, cases[i].text);
    }
    ridge_model *m;
    ridge_error e;
    assert_int_equal(ridge_model_open(&m, "/nowhere/x.gguf", NULL, &e), RIDGE_E_NOT_FOUND);
}

static void text_becomes_tokens_and_text_again(void **state) {
    (void)state;
    ridge_model_options o = options_for(NULL);
    o.load = RIDGE_LOAD_VOCABULARY;
    ridge_model *m = open_model(o);
    static const char text[] = "Hello, w\xc3\xb6rld \xf0\x9f\x99\x82 123";
    ridge_tokens t = {0};
    ridge_error e;
    char *back;
    size_t n;
    assert_int_equal(ridge_tokenize(m, text, strlen(text), 0, &t, &e), 0);
    assert_int_equal(ridge_detokenize(m, t.ids, t.n, 0, &back, &n, &e), 0);
    assert_int_equal(n, strlen(text));
    assert_string_equal(back, text);
    ridge_free(back);
    const size_t before = t.n;
    assert_int_equal(ridge_tokenize(m, "<|im_end|>", 10, RIDGE_PARSE_SPECIAL, &t, &e), 0);
    assert_int_equal(t.n, before + 1);
    assert_true(ridge_token_is_end(m, t.ids[before]));
    assert_string_equal(ridge_token_text(m, t.ids[before], &n), "<|im_end|>");
    const int32_t outside[] = { 3, 515 };
    assert_int_equal(ridge_detokenize(m, outside, 2, 0, &back, &n, &e), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(e.text, "515"));
    const ridge_message messages[] = { { "system", "Be kind." }, { "user", "Hi" } };
    char *chat;
    assert_int_equal(ridge_chat_text(m, messages, 2, true, &chat, &e), 0);
    assert_string_equal(chat, "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    ridge_tokens a = {0}, b = {0};
    assert_int_equal(ridge_chat_tokens(m, messages, 2, true, &a, &e), 0);
    assert_int_equal(ridge_tokenize(m, chat, strlen(chat), RIDGE_PARSE_SPECIAL | RIDGE_ADD_SPECIAL, &b, &e), 0);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.ids, b.ids, a.n * sizeof *a.ids);
    ridge_free(chat);
    ridge_tokens_free(&t);
    ridge_tokens_free(&a);
    ridge_tokens_free(&b);
    ridge_model_close(m);
}

enum { PROMPT = 150, VOCABULARY = 515 };

static void fill_prompt(int32_t *ids) {
    for (int i = 0; i < PROMPT; i++) ids[i] = (i * 7919 + 13) % 512;
}

/* Whatever the way to a position, its logits have the same bits. */
static void ways_to_a_position_are_equal(void **state) {
    (void)state;
    int32_t ids[PROMPT];
    fill_prompt(ids);
    for (size_t b = 0; b < N_BACKENDS; b++) {
        ridge_model_options o = options_for(backends[b]);
        o.all_logits = true;
        o.chunk_tokens = 64;
        o.max_sessions = 2;
        ridge_model *m = open_model(o);
        ridge_session *s = open_session(m), *t = open_session(m);
        ridge_error e;
        ridge_session *third;
        assert_int_equal(ridge_session_open(&third, m, &e), RIDGE_E_BAD_ARGUMENT);
        assert_null(ridge_session_logits(s));
        float *all = memory_new(PROMPT * VOCABULARY, sizeof *all);
        assert_int_equal(ridge_session_append_all(s, ids, PROMPT, all, &e), 0);
        assert_memory_equal(ridge_session_logits(s), all + (PROMPT - 1) * VOCABULARY, VOCABULARY * sizeof *all);
        for (int i = 0; i < PROMPT; i++) {
            assert_int_equal(ridge_session_append(t, ids + i, 1, &e), 0);
            assert_memory_equal(ridge_session_logits(t), all + i * VOCABULARY, VOCABULARY * sizeof *all);
        }
        ridge_session_truncate(t, 129);
        assert_null(ridge_session_logits(t));
        size_t n;
        assert_memory_equal(ridge_session_tokens(t, &n), ids, 129 * sizeof *ids);
        assert_int_equal(n, 129);
        assert_int_equal(ridge_session_append(t, ids + 129, PROMPT - 129, &e), 0);
        assert_memory_equal(ridge_session_logits(t), all + (PROMPT - 1) * VOCABULARY, VOCABULARY * sizeof *all);
        memory_free(all);
        ridge_session_close(s);
        ridge_session_close(t);
        ridge_model_close(m);
    }
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    int32_t ids[PROMPT];
    fill_prompt(ids);
    ridge_model_options o = options_for("cpu");
    o.context_tokens = 100;
    ridge_model *m = open_model(o);
    ridge_session *s = open_session(m);
    ridge_error e;
    size_t n;
    assert_int_equal(ridge_session_append(s, ids, 90, &e), 0);
    assert_int_equal(ridge_session_append(s, ids, 11, &e), RIDGE_E_CONTEXT_FULL);
    assert_non_null(strstr(e.text, "101"));
    assert_non_null(strstr(e.text, "100"));
    const int32_t wrong[] = { 1, 2, 515 };
    assert_int_equal(ridge_session_append(s, wrong, 3, &e), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(e.text, "515"));
    ridge_session_tokens(s, &n);
    assert_int_equal(n, 90);
    assert_non_null(ridge_session_logits(s));
    assert_int_equal(ridge_session_append_all(s, ids, 1, NULL, &e), RIDGE_E_BAD_ARGUMENT);
    assert_int_equal(ridge_session_append(s, ids, 10, &e), 0);
    ridge_session_cancel(s);
    ridge_session_truncate(s, 0);
    assert_int_equal(ridge_session_append(s, ids, 10, &e), RIDGE_E_CANCELLED);
    assert_int_equal(ridge_session_append(s, ids, 10, &e), 0);
    ridge_session_close(s);
    ridge_model_close(m);
}

/* --- generation --- */

typedef struct {
    buffer  text;
    int32_t ids[400];
    size_t  n, stop_after;          /* returns false with this token; 0: never */
    ridge_session *cancel;          /* cancelled with the third token */
} heard;

static bool hear(void *user, int32_t token, const char *text, size_t n) {
    heard *h = user;
    assert_int_equal(strlen(text), n);
    buffer_append(&h->text, text, n);
    if (token >= 0) h->ids[h->n++] = token;
    if (h->cancel && h->n == 3) ridge_session_cancel(h->cancel);
    return !h->stop_after || h->n < h->stop_after;
}

static ridge_generation generate(ridge_session *s, const int32_t *prompt, size_t n, ridge_generate_options o, heard *h) {
    ridge_generation g;
    ridge_error e;
    h->n = 0;
    buffer_clear(&h->text);
    o.on_token = hear;
    o.user = h;
    if (ridge_generate(s, prompt, n, &o, &g, &e)) fail_msg("%s", e.text);
    assert_int_equal(g.tokens, h->n);
    return g;
}

static void generations_end_as_they_should(void **state) {
    (void)state;
    int32_t ids[PROMPT];
    fill_prompt(ids);
    ridge_model *m = open_model(options_for("cpu"));
    ridge_session *s = open_session(m);
    ridge_sampler *sampler = greedy(m);
    ridge_generate_options o = { .sampler = sampler, .max_tokens = 40, .ignore_end = true };
    heard h = {0}, again = {0};
    ridge_generation g = generate(s, ids, 20, o, &h);
    assert_int_equal(g.end, RIDGE_LENGTH);
    assert_int_equal(g.tokens, 40);
    assert_int_equal(g.prompt_tokens, 20);
    assert_int_equal(g.reused_tokens, 0);
    assert_int_equal(g.processed_tokens, 20);
    assert_true(g.prompt_tokens_per_second > 0 && g.tokens_per_second > 0 && g.first_token_seconds >= g.prompt_seconds);
    size_t n;
    ridge_session_tokens(s, &n);
    assert_int_equal(n, 59);

    g = generate(s, ids, 20, o, &again);                    /* the prompt is in memory: only its last token is processed */
    assert_int_equal(g.reused_tokens, 19);
    assert_int_equal(g.processed_tokens, 1);
    assert_memory_equal(h.ids, again.ids, 40 * sizeof *h.ids);
    g = generate(s, ids, 15, o, &again);
    assert_int_equal(g.reused_tokens, 14);

    const size_t at = h.text.n / 2;                         /* a stop text of three bytes, wherever the tokens' borders are */
    char stop[4] = "", *first;
    memcpy(stop, h.text.data + at, 3);
    first = strstr(h.text.data, stop);
    const char *stops[] = { "never said", stop };
    o.stop = stops;
    o.n_stop = 2;
    g = generate(s, ids, 20, o, &again);
    assert_int_equal(g.end, RIDGE_STOPPED);
    assert_int_equal(again.text.n, first - h.text.data);
    assert_memory_equal(again.text.data, h.text.data, again.text.n);
    o.n_stop = 0;

    again.stop_after = 5;
    g = generate(s, ids, 20, o, &again);
    assert_int_equal(g.end, RIDGE_CANCELLED);
    assert_int_equal(g.tokens, 5);
    again.stop_after = 0;
    again.cancel = s;
    g = generate(s, ids, 20, o, &again);
    assert_int_equal(g.end, RIDGE_CANCELLED);
    assert_int_equal(g.tokens, 3);
    again.cancel = NULL;
    ridge_session_cancel(s);                                /* obeyed before anything of the prompt is processed */
    g = generate(s, ids, 20, o, &again);
    assert_int_equal(g.end, RIDGE_CANCELLED);
    assert_int_equal(g.tokens, 0);
    assert_int_equal(g.prompt_tokens, 20);
    assert_int_equal(g.processed_tokens, 0);
    assert_true(g.prompt_tokens_per_second == 0 && g.first_token_seconds == 0);

    o.max_tokens = 0;                                       /* until the context of 300 is full */
    g = generate(s, ids, 20, o, &again);
    assert_int_equal(g.end, RIDGE_CONTEXT);
    assert_int_equal(g.tokens, 281);
    assert_memory_equal(h.ids, again.ids, 40 * sizeof *h.ids);

    ridge_error e;
    int32_t *long_prompt = memory_new(301, sizeof *long_prompt);
    assert_int_equal(ridge_generate(s, long_prompt, 301, &o, &g, &e), RIDGE_E_CONTEXT_FULL);
    assert_non_null(strstr(e.text, "301"));
    assert_int_equal(ridge_generate(s, ids, 0, &o, &g, &e), RIDGE_E_BAD_ARGUMENT);
    memory_free(long_prompt);
    buffer_free(&h.text);
    buffer_free(&again.text);
    ridge_sampler_free(sampler);
    ridge_session_close(s);
    ridge_model_close(m);
}

/* An end token ends an answer, and is not part of it: here it is forced by a bias. */
static void end_tokens_end(void **state) {
    (void)state;
    int32_t ids[PROMPT];
    fill_prompt(ids);
    ridge_model *m = open_model(options_for("reference"));
    ridge_session *s = open_session(m);
    const ridge_token_bias bias = { ridge_model_get_info(m).eos, 1e6f };
    ridge_sampler_options so = ridge_sampler_options_default();
    so.biases = &bias;
    so.n_biases = 1;
    ridge_sampler *sampler;
    ridge_error e;
    assert_int_equal(ridge_sampler_new(&sampler, m, &so, &e), 0);
    ridge_generate_options o = { .sampler = sampler, .max_tokens = 4 };
    heard h = {0};
    ridge_generation g = generate(s, ids, 5, o, &h);
    assert_int_equal(g.end, RIDGE_ENDED);
    assert_int_equal(g.tokens, 0);
    assert_string_equal(ridge_end_name(g.end), "end");
    o.ignore_end = true;
    g = generate(s, ids, 5, o, &h);
    assert_int_equal(g.end, RIDGE_LENGTH);
    assert_int_equal(h.text.n, 0);
    o.show_special = true;
    generate(s, ids, 5, o, &h);
    assert_string_equal(buffer_text(&h.text), "<|im_end|><|im_end|><|im_end|><|im_end|>");
    buffer_free(&h.text);
    ridge_sampler_free(sampler);
    ridge_session_close(s);
    ridge_model_close(m);
}

/* Stop texts are found however the text is cut, and nothing else is lost. */
static void stop_texts_are_found_across_cuts(void **state) {
    (void)state;
    static const char text[] = "one stop two STstSTOPend three";
    static const char *const stops[] = { "STOP", "", "three!" };
    for (unsigned cuts = 0; cuts < 4096; cuts++) {
        stop_filter f = { .texts = stops, .n = 3 };
        buffer out = {0};
        bool found = false;
        size_t from = 0;
        for (size_t i = 1; i <= strlen(text) && !found; i++) {
            if (i < strlen(text) && !(cuts >> i % 12 & 1)) continue;
            found = stop_push(&f, text + from, i - from, &out);
            from = i;
        }
        assert_true(found);
        assert_string_equal(buffer_text(&out), "one stop two STst");
        stop_free(&f);
        buffer_free(&out);
    }
    stop_filter f = { .texts = stops, .n = 3 };
    buffer out = {0};
    assert_false(stop_push(&f, "one thr", 7, &out));
    assert_string_equal(buffer_text(&out), "one ");
    assert_false(stop_push(&f, "ee", 2, &out));
    assert_string_equal(buffer_text(&out), "one ");
    stop_flush(&f, &out);
    assert_string_equal(buffer_text(&out), "one three");
    stop_free(&f);
    buffer_free(&out);
}

/* Everything a program does, with the nth allocation failing: an error that says so, and no leak. True where all went well. */
static bool whole_life(const char *backend, uint32_t threads) {
    ridge_model_options o = options_for(backend);
    o.threads = threads;
    o.context_tokens = 32;
    ridge_model *m = NULL;
    ridge_session *s = NULL;
    ridge_sampler *sampler = NULL;
    ridge_tokens t = {0};
    ridge_error e = {0};
    const ridge_message hello = { "user", "Hi" };
    ridge_generation g;
    int code = ridge_model_open(&m, path, &o, &e);
    if (!code) code = ridge_session_open(&s, m, &e);
    if (!code) code = ridge_sampler_new(&sampler, m, NULL, &e);
    if (!code) code = ridge_chat_tokens(m, &hello, 1, true, &t, &e);
    const ridge_generate_options go = { .sampler = sampler, .max_tokens = 3, .ignore_end = true };
    if (!code) code = ridge_generate(s, t.ids, t.n, &go, &g, &e);
    if (code && code != RIDGE_E_NO_MEMORY) fail_msg("%d: %s", code, e.text);
    ridge_tokens_free(&t);
    ridge_sampler_free(sampler);
    ridge_session_close(s);
    ridge_model_close(m);
    return !code;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    for (size_t b = 0; b < N_BACKENDS; b++) {
        for (uint32_t threads = 1; threads <= 2; threads++) {
            size_t n = 1;
            for (bool more = true; more; n++) {
                memory_fail_nth(n);
                const bool well = whole_life(backends[b], threads);
                more = memory_requests() >= n;
                if (!well) assert_true(more);       /* what only helps may be missing without harm */
            }
            memory_fail_nth(0);
            assert_true(n > 50);
            print_message("%s, %u threads: %zu allocations\n", backends[b], threads, n - 2);
        }
    }
}

static size_t told;
static void listen(void *user, const char *name, const char *text) {
    assert_string_equal(name, "context_extended");
    assert_non_null(strstr(text, "400"));
    (*(size_t *)user)++;
}

static void events_reach_their_handler(void **state) {
    (void)state;
    ridge_set_event_handler(listen, &told);
    ridge_model_options o = options_for("reference");
    o.context_tokens = 400;
    ridge_model_close(open_model(o));
    ridge_model_close(open_model(o));
    ridge_set_event_handler(NULL, NULL);
    assert_int_equal(told, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_tells_about_itself),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(text_becomes_tokens_and_text_again),
        cmocka_unit_test(ways_to_a_position_are_equal),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(generations_end_as_they_should),
        cmocka_unit_test(end_tokens_end),
        cmocka_unit_test(stop_texts_are_found_across_cuts),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(events_reach_their_handler),
    };
    return cmocka_run_group_tests(tests, write_model, remove_model);
}
