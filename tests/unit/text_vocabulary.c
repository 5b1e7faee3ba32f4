/* The tokeniser's metadata in GGUF files: what is read, and the sentences for what is wrong. */
#include "test.h"
#include <math.h>
#include <string.h>
#include "base/events.h"
#include "base/memory.h"
#include "model/vocabulary.h"
#include "support/gguf_writer.h"
#include "support/memory_file.h"
#include "support/told_place.h"

#define KEY(name) "tokenizer.ggml." name

static const char *const tokens[] = { "<unk>", "<s>", "</s>", "a", "b", "ab" };
static const int32_t types[] = { 2, 3, 3, 1, 1, 77 };
static const float scores[] = { 0, 0, 0, -1, -2, -3 };
static const char *const merges[] = { "a b" };

/* What a case leaves out or gets wrong. */
typedef struct { const char *left_out; void (*add)(gguf_writer *w); const char *model; } variant;

static bool wanted(variant v, const char *key) { return !v.left_out || strcmp(v.left_out, key); }

static int open_variant(variant v, gguf **g, tokenizer **t, error *err) {
    gguf_writer w = {0};
    buffer file = {0};
    gguf_writer_string(&w, "general.architecture", "phi3");
    if (wanted(v, KEY("model")))      gguf_writer_string(&w, KEY("model"), v.model);
    if (wanted(v, KEY("tokens")))     gguf_writer_strings(&w, KEY("tokens"), tokens, 6);
    if (wanted(v, KEY("token_type"))) gguf_writer_array(&w, KEY("token_type"), GGUF_I32, types, 6);
    if (wanted(v, KEY("scores")))     gguf_writer_array(&w, KEY("scores"), GGUF_F32, scores, 6);
    if (wanted(v, KEY("merges")))     gguf_writer_strings(&w, KEY("merges"), merges, 1);
    if (v.add) v.add(&w);
    gguf_writer_build(&w, &file);
    int rc = gguf_open(g, memory_file(file.data, file.n), err);
    if (rc) fail_msg("%s", err->text);
    rc = vocabulary_open(t, *g, err);
    buffer_free(&file);
    gguf_writer_free(&w);
    return rc;
}

static void drop_events(void *user, event_kind kind, const char *text) {
    (void)user;
    (void)kind;
    (void)text;
}

static void add_ids(gguf_writer *w) {
    const int32_t none = -1;
    gguf_writer_u32(w, KEY("bos_token_id"), 2);
    gguf_writer_u32(w, KEY("eos_token_id"), 1);
    gguf_writer_u32(w, KEY("padding_token_id"), UINT32_MAX);
    gguf_writer_scalar(w, KEY("eot_token_id"), GGUF_I32, &none);
    gguf_writer_bool(w, KEY("add_bos_token"), true);
    gguf_writer_bool(w, KEY("add_eos_token"), true);
    gguf_writer_bool(w, KEY("remove_extra_whitespaces"), true);
    gguf_writer_string(w, KEY("pre"), "gpt-2");
}

static void sound_files_are_read(void **state) {
    (void)state;
    gguf *g;
    tokenizer *t;
    error e = {0};
    event_redirect(drop_events, NULL);
    const size_t squeezed = event_count(EVENT_unknown_metadata);
    if (open_variant((variant){ .model = "gpt2", .add = add_ids }, &g, &t, &e)) fail_msg("%s", e.text);
    assert_int_equal(event_count(EVENT_unknown_metadata), squeezed + 1);
    assert_int_equal(tokenizer_n_tokens(t), 6);
    assert_true(tokenizer_bos(t) == 2 && tokenizer_eos(t) == 1 && tokenizer_padding(t) == TOKEN_NONE && tokenizer_adds_bos(t) && tokenizer_adds_eos(t));
    assert_int_equal(tokenizer_type(t, 5), TOKEN_UNDEFINED);
    token_list l = {0};
    assert_int_equal(tokenizer_encode(t, "ab", 2, ENCODE_ADD_SPECIAL, &l, &e), 0);
    assert_true(l.n == 3 && l.id[0] == 2 && l.id[1] == 5 && l.id[2] == 1);
    l.n = 0;
    assert_int_equal(tokenizer_encode(t, "</s>  a", 7, ENCODE_PARSE_SPECIAL, &l, &e), 0);
    assert_true(l.n == 2 && l.id[0] == 2 && l.id[1] == 3);          /* spaces have no token here: lost */
    token_list_free(&l);
    tokenizer_free(t);
    gguf_close(g);
    /* SentencePiece's defaults, and Phi-3's special tokens. */
    if (open_variant((variant){ .model = "llama", .left_out = KEY("merges") }, &g, &t, &e)) fail_msg("%s", e.text);
    assert_true(tokenizer_bos(t) == 1 && tokenizer_eos(t) == 2 && tokenizer_adds_bos(t) && !tokenizer_adds_eos(t));
    assert_true(tokenizer_is_end_of_generation(t, 2) && !tokenizer_is_end_of_generation(t, 1));
    tokenizer_free(t);
    gguf_close(g);
    event_redirect(NULL, NULL);
}

static void add_bad_type(gguf_writer *w) { gguf_writer_u32(w, KEY("tokens"), 7); }
static void add_numbers(gguf_writer *w) { gguf_writer_array(w, KEY("merges"), GGUF_F32, scores, 6); }
static void add_few_types(gguf_writer *w) { gguf_writer_array(w, KEY("token_type"), GGUF_I32, types, 5); }
static void add_text_scores(gguf_writer *w) { gguf_writer_strings(w, KEY("scores"), tokens, 6); }
static void add_no_tokens(gguf_writer *w) { gguf_writer_strings(w, KEY("tokens"), tokens, 0); }
static void add_far_id(gguf_writer *w) { gguf_writer_u32(w, KEY("eos_token_id"), 6); }
static void add_text_id(gguf_writer *w) { gguf_writer_string(w, KEY("bos_token_id"), "1"); }
static void add_text_flag(gguf_writer *w) { gguf_writer_string(w, KEY("add_bos_token"), "yes"); }
static void add_number_pre(gguf_writer *w) { gguf_writer_u32(w, KEY("pre"), 1); }
static void add_infinite_score(gguf_writer *w) {
    const float bad[] = { 0, 0, 0, -INFINITY, 0, 0 };
    gguf_writer_array(w, KEY("scores"), GGUF_F32, bad, 6);
}

static void broken_files_are_refused_by_name(void **state) {
    (void)state;
    static const struct { variant v; int code; const char *sentence; } cases[] = {
        { { KEY("model"), NULL, "gpt2" }, RIDGE_E_UNSUPPORTED, KEY("model") },
        { { NULL, NULL, "t5" }, RIDGE_E_UNSUPPORTED, "'t5'" },
        { { KEY("tokens"), NULL, "gpt2" }, RIDGE_E_BAD_FILE, KEY("tokens") },
        { { KEY("tokens"), add_bad_type, "gpt2" }, RIDGE_E_BAD_FILE, KEY("tokens") },
        { { KEY("tokens"), add_no_tokens, "gpt2" }, RIDGE_E_BAD_FILE, KEY("tokens") },
        { { KEY("merges"), NULL, "gpt2" }, RIDGE_E_BAD_FILE, KEY("merges") },
        { { KEY("merges"), add_numbers, "gpt2" }, RIDGE_E_BAD_FILE, KEY("merges") },
        { { KEY("token_type"), add_few_types, "gpt2" }, RIDGE_E_BAD_FILE, KEY("token_type") },
        { { KEY("scores"), NULL, "llama" }, RIDGE_E_BAD_FILE, KEY("scores") },
        { { KEY("scores"), add_text_scores, "llama" }, RIDGE_E_BAD_FILE, KEY("scores") },
        { { KEY("scores"), add_infinite_score, "llama" }, RIDGE_E_BAD_FILE, KEY("scores") },
        { { NULL, add_far_id, "gpt2" }, RIDGE_E_BAD_FILE, KEY("eos_token_id") },
        { { NULL, add_text_id, "gpt2" }, RIDGE_E_BAD_FILE, KEY("bos_token_id") },
        { { NULL, add_text_flag, "gpt2" }, RIDGE_E_BAD_FILE, KEY("add_bos_token") },
        { { NULL, add_number_pre, "gpt2" }, RIDGE_E_BAD_FILE, KEY("pre") },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf *g;
        tokenizer *t;
        error e = {0};
        const int rc = open_variant(cases[i].v, &g, &t, &e);
        if (rc != cases[i].code || !strstr(e.text, cases[i].sentence)) fail_msg("case %zu: %s: %s", i, ridge_error_name(rc), e.text);
        const char *wrong = told_place(e.text, gguf_part(g, 0)->path);
        if (wrong) fail_msg("case %zu: %s: %s", i, wrong, e.text);
        assert_null(t);
        gguf_close(g);
    }
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    event_redirect(drop_events, NULL);
    for (int kind = 0; kind < 2; kind++) {
        gguf *g;
        tokenizer *t;
        error e = {0};
        assert_int_equal(open_variant((variant){ .model = kind ? "llama" : "gpt2" }, &g, &t, &e), 0);
        tokenizer_free(t);
        for (size_t n = 1, more = 1; more; n++) {
            memory_fail_nth(n);
            const int rc = vocabulary_open(&t, g, &e);
            more = memory_requests() >= n;
            assert_int_equal(rc, more ? RIDGE_E_NO_MEMORY : 0);
            assert_int_equal(t == NULL, more);
            tokenizer_free(t);
        }
        memory_fail_nth(0);
        gguf_close(g);
    }
    event_redirect(NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_files_are_read),
        cmocka_unit_test(broken_files_are_refused_by_name),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
