/* Pre-tokenisers: where they cut, that they lose nothing, and that no text makes them slow. */
#include "test.h"
#include <string.h>
#include "base/buffer.h"
#include "base/memory.h"
#include "text/pre_tokenizer.h"

static int join(void *user, const char *word, size_t n, error *err) {
    (void)err;
    assert_true(n > 0);
    buffer *b = user;
    if (b->n) buffer_append_char(b, '|');
    buffer_append(b, word, n);
    return 0;
}

typedef struct { pre_tokenizer *p; pre_tokenizer_run *run; } splitter;

static splitter open_splitter(const pre_tokenizer_kind *kind) {
    splitter s;
    error e = {0};
    if (pre_tokenizer_new(&s.p, kind, &e) || pre_tokenizer_run_new(&s.run, s.p, &e)) fail_msg("%s", e.text);
    return s;
}

static void close_splitter(splitter s) {
    pre_tokenizer_run_free(s.run);
    pre_tokenizer_free(s.p);
}

static void words_are_cut_as_published(void **state) {
    (void)state;
    static const struct { const char *kind, *text, *words; } cases[] = {
        { "gpt-2",        "Hello world, it's 2024!  Two", "Hello| world|,| it|'s| 2024|!| | Two" },
        { "gpt-2",        "a\n\n b   ",                   "a|\n\n| b|   " },
        { "smollm",       "in 1234 ways",                 "in| |1|2|3|4| ways" },
        { "smollm",       "a  7",                         "a|  |7" },
        { "llama-bpe",    "I'LL say 12345 (ok)\n\n x",    "I|'LL| say| |123|45| (|ok|)\n\n| x" },
        { "llama-bpe",    "$abc \t\n  d",                 "$abc| \t\n| | d" },
        { "qwen2",        "don't 123",                    "don|'t| |1|2|3" },
        { "qwen35",       "a\xcc\x81 b",                  "a\xcc\x81| b" },
        { "deepseek-llm", "abc \xe4\xb8\xad\xe6\x96\x87 12,x\n", "abc| |\xe4\xb8\xad\xe6\x96\x87| |12|,|x|\n" },
        { "deepseek-llm", "end   ",                       "end|   " },
        { "deepseek-v3",  "12345 ab!c",                   "123|45| ab|!c" },
        { "deepseek-coder", "x+1",                        "x|+|1" },
        { "gpt-4o",       "camelCase HTMLParser it's",    "camel|Case| HTMLParser| it's" },
        { "tekken",       "camelCase 12",                 "camel|Case| |1|2" },
        { "falcon",       "ab,cd 1234",                   "ab|,|cd| |123|4" },
        { "default",      "ab,cd 1234",                   "ab|,|cd| |123|4" },
        { "bloom",        "One two, three",               "One| two|,| three" },
        /* U+180E is not white space; U+3000 is. */
        { "gpt-2",        "a\xe1\xa0\x8e" "b",            "a|\xe1\xa0\x8e|b" },
        { "gpt-2",        "a\xe3\x80\x80" "b",            "a|\xe3\x80\x80|b" },
        { "gpt-2",        "a \xe1\xa0\x8e",               "a| \xe1\xa0\x8e" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pre_tokenizer_kind *kind = pre_tokenizer_find(cases[i].kind);
        assert_non_null(kind);
        splitter s = open_splitter(kind);
        buffer words = {0};
        error e = {0};
        assert_int_equal(pre_tokenizer_split(s.run, cases[i].text, strlen(cases[i].text), join, &words, &e), 0);
        if (strcmp(buffer_text(&words), cases[i].words)) fail_msg("%s: \"%s\" became \"%s\"", cases[i].kind, cases[i].text, buffer_text(&words));
        buffer_free(&words);
        close_splitter(s);
    }
    assert_null(pre_tokenizer_find("no-such-model"));
    assert_null(pre_tokenizer_find(""));
}

/* A pattern that remembers every step needs more than the fixed stack of the machine code: the interpreter takes over. */
static void a_match_too_deep_for_machine_code_is_interpreted(void **state) {
    (void)state;
    static const char *const patterns[] = { "(?:(a)|(b)|(c))+", NULL };
    const pre_tokenizer_kind kind = { .name = "deep", .patterns = patterns };
    splitter s = open_splitter(&kind);
    buffer text = {0}, words = {0};
    error e = {0};
    for (int i = 0; i < 60000; i++) buffer_append_text(&text, "abc");
    buffer_append_text(&text, " abc");
    if (pre_tokenizer_split(s.run, text.data, text.n, join, &words, &e)) fail_msg("%s", e.text);
    assert_int_equal(words.n, text.n + 2);
    assert_string_equal(words.data + words.n - 7, "c| |abc");
    buffer_free(&text);
    buffer_free(&words);
    close_splitter(s);
}

typedef struct { const char *text; size_t at; } follower;
static int follow(void *user, const char *word, size_t n, error *err) {
    (void)err;
    follower *f = user;
    assert_ptr_equal(word, f->text + f->at);
    f->at += n;
    return 0;
}

/* Every kind, on texts that would be quadratic if a pattern were: all bytes come out, in order. */
static void nothing_is_lost_and_nothing_is_slow(void **state) {
    (void)state;
    static const char *const units[] = { "0", " ", "a", "A", "\xf0\x9f\x98\x80", "\n", "\t", "!", "'", " \n", "aB", "1a",
                                         "\xe4\xb8\xad", "a\xcc\x81", "\xcc\x81", "(", "\xe3\x80\x80" };
    enum { TEXT_BYTES = 200000 };
    for (size_t k = 0; k < pre_tokenizer_count(); k++) {
        const pre_tokenizer_kind *kind = pre_tokenizer_at(k);
        assert_ptr_equal(pre_tokenizer_find(kind->name), kind);
        if (k && kind->patterns == pre_tokenizer_at(k - 1)->patterns) continue;
        splitter s = open_splitter(kind);
        for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
            buffer text = {0};
            error e = {0};
            while (text.n < TEXT_BYTES) buffer_append_text(&text, units[u]);
            buffer_append_text(&text, u % 2 ? "x" : "\xe4\xb8\xad");        /* what follows decides whether a run may end here */
            follower f = { text.data, 0 };
            if (pre_tokenizer_split(s.run, text.data, text.n, follow, &f, &e)) fail_msg("%s, \"%s\": %s", kind->name, units[u], e.text);
            assert_int_equal(f.at, text.n);
            buffer_free(&text);
        }
        close_splitter(s);
    }
}

static int refuse(void *user, const char *word, size_t n, error *err) {
    (void)word;
    (void)n;
    return --*(int *)user ? 0 : fail(err, RIDGE_E_CANCELLED, "enough");
}

static void the_caller_may_stop(void **state) {
    (void)state;
    splitter s = open_splitter(pre_tokenizer_find("deepseek-llm"));
    error e = {0};
    int words = 3;
    assert_int_equal(pre_tokenizer_split(s.run, "a b c d", 7, refuse, &words, &e), RIDGE_E_CANCELLED);
    assert_int_equal(words, 0);
    close_splitter(s);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    for (size_t n = 1, more = 1; more; n++) {
        pre_tokenizer *p = NULL;
        pre_tokenizer_run *run = NULL;
        error e = {0};
        memory_fail_nth(n);
        int rc = pre_tokenizer_new(&p, pre_tokenizer_find("deepseek-llm"), &e);
        if (!rc) rc = pre_tokenizer_run_new(&run, p, &e);
        more = memory_requests() >= n;
        assert_int_equal(rc, more ? RIDGE_E_NO_MEMORY : 0);
        pre_tokenizer_run_free(run);
        pre_tokenizer_free(p);
    }
    memory_fail_nth(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_cut_as_published),
        cmocka_unit_test(a_match_too_deep_for_machine_code_is_interpreted),
        cmocka_unit_test(nothing_is_lost_and_nothing_is_slow),
        cmocka_unit_test(the_caller_may_stop),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
