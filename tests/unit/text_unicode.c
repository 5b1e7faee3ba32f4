/* UTF-8 and normalisation: what tokenisers stand on. */
#include "test.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "base/clock.h"
#include "base/memory.h"
#include "text/normalise.h"
#include "text/utf8.h"

static void every_character_is_written_and_read(void **state) {
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char bytes[4];
        const size_t n = utf8_write(bytes, c);
        const utf8_character got = utf8_next(bytes, n);
        const bool surrogate = c >= 0xd800 && c <= 0xdfff;
        assert_int_equal(got.valid, !surrogate);
        if (surrogate) continue;
        assert_true(got.bytes == n && got.code_point == c);
        for (size_t cut = 1; cut < n; cut++) {
            const utf8_character part = utf8_next(bytes, cut);
            assert_true(!part.valid && part.incomplete && part.bytes == cut);
        }
    }
}

static void bad_sequences_become_one_character_each(void **state) {
    (void)state;
    static const struct { const char *bad; size_t n; const char *expected; size_t replaced; } cases[] = {
        { "\x80", 1, "?", 1 },                  { "a\xc0\x80z", 4, "a??z", 2 },         { "\xc3", 1, "?", 1 },
        { "\xe2\x82", 2, "?", 1 },              { "\xe2\x82(", 3, "?(", 1 },            { "\xed\xa0\x80", 3, "???", 3 },
        { "\xf0\x9f\x98", 3, "?", 1 },          { "\xf4\x90\x80\x80", 4, "????", 4 },   { "\xf8\x88\x80\x80\x80", 5, "?????", 5 },
        { "\xf0\x9f\xf0\x9f\x98\x80", 6, "?\xf0\x9f\x98\x80", 1 },                      { "\xe0\x80\xaf", 3, "???", 3 },
        { "\xc3\xa9\xff\xc3\xa9", 5, "\xc3\xa9?\xc3\xa9", 1 },                          { "plain", 5, "plain", 0 },
        { "\xf1\x80\x80\xe1\x80\xc2", 6, "???", 3 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer got = {0}, expected = {0};
        for (const char *c = cases[i].expected; *c; c++) {
            if (*c == '?') buffer_append_text(&expected, "\xef\xbf\xbd");
            else buffer_append_char(&expected, *c);
        }
        assert_int_equal(utf8_repair(&got, cases[i].bad, cases[i].n), cases[i].replaced);
        assert_string_equal(buffer_text(&got), buffer_text(&expected));
        assert_int_equal(utf8_valid_prefix(got.data, got.n), got.n);
        buffer_free(&got);
        buffer_free(&expected);
    }
}

static void compare_with_utf8proc(normaliser *s, const char *text, size_t n) {
    buffer got = {0};
    error e = {0};
    utf8proc_uint8_t *expected = NULL;
    const utf8proc_ssize_t m = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, &expected, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    assert_true(m >= 0);
    assert_int_equal(normalise_nfc(s, text, n, &got, &e), 0);
    assert_int_equal(got.n, m);
    assert_memory_equal(buffer_text(&got), expected, m);
    if (!normalise_may_change(text, n)) assert_true(got.n == n && !memcmp(buffer_text(&got), text, n));
    buffer_free(&got);
    free(expected);
}

static void normalisation_equals_utf8proc(void **state) {
    (void)state;
    normaliser s = {0};
    static const char *const texts[] = {
        "", "plain", "e\xcc\x81", "A\xcc\x8a\xe2\x84\xab", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "q\xcc\xa3\xcc\x87 q\xcc\x87\xcc\xa3",
        "\xf0\xaf\xa0\x80",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) compare_with_utf8proc(&s, texts[i], strlen(texts[i]));
    /* Random texts, rich in what decomposes and combines, long and short runs of marks among it. */
    static const uint32_t ranges[][2] = { { 'a', 'f' }, { 0xc0, 0x17f }, { 0x300, 0x362 }, { 0x591, 0x5af }, { 0x900, 0x970 },
                                          { 0x1100, 0x1112 }, { 0x1161, 0x1175 }, { 0x11a8, 0x11c2 }, { 0xac00, 0xac80 }, { 0x1e00, 0x1fff }, { 0xf900, 0xfa80 }, { 0x1d15e, 0x1d164 } };
    uint64_t seed = 1;
    for (int round = 0; round < 300; round++) {
        buffer text = {0};
        const int length = round % 10 ? 40 : 9000;
        for (int i = 0; i < length; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            const uint32_t *range = ranges[(seed >> 33) % (sizeof ranges / sizeof ranges[0])];
            const int repeat = (seed >> 50) % 40 ? 1 : 30;
            for (int k = 0; k < repeat; k++) {
                char bytes[4];
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                buffer_append(&text, bytes, utf8_write(bytes, range[0] + (uint32_t)((seed >> 33) % (range[1] - range[0] + 1))));
            }
        }
        compare_with_utf8proc(&s, text.data, text.n);
        buffer_free(&text);
    }
    normaliser_free(&s);
}

/* Marks in the wrong order, again and again: sorting by exchanging neighbours would take hours. */
static void a_megabyte_of_marks_is_ordered_at_once(void **state) {
    (void)state;
    buffer text = {0}, got = {0};
    buffer_append_char(&text, 'x');
    for (int i = 0; i < 1 << 18; i++) buffer_append_text(&text, "\xcc\x81\xcc\xa3");       /* class 230, class 220 */
    normaliser s = {0};
    error e = {0};
    assert_int_equal(normalise_nfc(&s, text.data, text.n, &got, &e), 0);
    assert_int_equal(got.n, text.n);                    /* nothing composes with x here */
    size_t dots = 0;
    for (size_t i = 1; i + 1 < got.n && !memcmp(got.data + i, "\xcc\xa3", 2); i += 2) dots++;
    assert_int_equal(dots, 1 << 18);
    normaliser_free(&s);
    buffer_free(&text);
    buffer_free(&got);
}

static void normalisation_survives_missing_memory(void **state) {
    (void)state;
    buffer text = {0};
    for (int i = 0; i < 3000; i++) buffer_append_text(&text, "e\xcc\x81");
    for (size_t n = 1, more = 1; more; n++) {
        normaliser s = {0};
        buffer out = {0};
        error e = {0};
        memory_fail_nth(n);
        const int rc = normalise_nfc(&s, text.data, text.n, &out, &e);
        more = memory_requests() >= n;
        assert_int_equal(rc, more ? RIDGE_E_NO_MEMORY : 0);
        normaliser_free(&s);
        buffer_free(&out);
    }
    memory_fail_nth(0);
    buffer_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_written_and_read),
        cmocka_unit_test(bad_sequences_become_one_character_each),
        cmocka_unit_test(normalisation_equals_utf8proc),
        cmocka_unit_test(a_megabyte_of_marks_is_ordered_at_once),
        cmocka_unit_test(normalisation_survives_missing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
