/* base: what every other part stands on. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/events.h"
#include "base/files.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/nearest.h"

static void errors_say_what_and_where(void **state) {
    (void)state;
    error e;
    assert_int_equal(fail(&e, RIDGE_E_BAD_FILE, "offset %d is wrong", 7), RIDGE_E_BAD_FILE);
    assert_int_equal(fail_within(&e, "model.gguf"), RIDGE_E_BAD_FILE);
    assert_string_equal(e.text, "model.gguf: offset 7 is wrong");
    assert_string_equal(ridge_error_name(RIDGE_E_BAD_FILE), "bad file");
    assert_string_equal(ridge_error_name(12345), "unknown error");
    assert_int_equal(fail(NULL, RIDGE_E_IO, "nobody listens"), RIDGE_E_IO);
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    fail(&e, RIDGE_E_IO, "%s", long_text);
    fail_within(&e, "%s", long_text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void checked_arithmetic_notices_overflow(void **state) {
    (void)state;
    uint64_t r = 5;
    assert_true(checked_add(UINT64_MAX - 1, 1, &r));
    assert_true(r == UINT64_MAX);
    assert_false(checked_add(UINT64_MAX, 1, &r));
    assert_false(checked_mul(1ull << 33, 1ull << 31, &r));
    assert_true(checked_mul(1ull << 32, 1ull << 31, &r));
    assert_true(checked_round_up(33, 32, &r));
    assert_true(r == 64);
    assert_false(checked_round_up(UINT64_MAX - 3, 32, &r));
}

/* The reference for f32_to_f16: the nearest of all 65536 halves, ties to the even one. */
static uint16_t nearest_half(float f) {
    uint16_t best = 0;
    double least = INFINITY;
    for (uint32_t h = 0; h < 0x8000; h++) {
        double v = h == 0x7c00 ? 65536.0 : (double)f16_to_f32((uint16_t)h);
        if (h > 0x7c00) break;
        const double d = fabs(v - fabs((double)f));
        if (d < least || (d == least && !(h & 1))) { least = d; best = (uint16_t)h; }
    }
    return (uint16_t)(best | (float_bits(f) >> 16 & 0x8000));
}

static void halves_round_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        if ((h & 0x7c00) == 0x7c00 && h & 0x3ff) continue;      /* NaN */
        assert_int_equal(f32_to_f16(f16_to_f32((uint16_t)h)), h);
    }
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 2000; i++) {
        seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
        const float f = float_from_bits((uint32_t)(seed & 0x80ffffff) | (uint32_t)(100 + (seed >> 40) % 45) << 23);
        assert_int_equal(f32_to_f16(f), nearest_half(f));
        /* and exactly between two halves */
        const uint16_t h = (uint16_t)(seed >> 20 & 0x7bff);
        const float middle = (f16_to_f32(h) + f16_to_f32((uint16_t)(h + 1))) / 2;
        if (isfinite(middle)) assert_int_equal(f32_to_f16(middle), h & 1 ? h + 1 : h);
    }
    assert_int_equal(f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(f32_to_f16(65520.0f), 0x7c00);
    assert_true(isnan(f16_to_f32(f32_to_f16(NAN))));
    assert_int_equal(f32_to_bf16(1.00390625f), 0x3f80);         /* tie: to even */
    assert_int_equal(f32_to_bf16(1.01171875f), 0x3f82);
    assert_true(isnan(bf16_to_f32(f32_to_bf16(float_from_bits(0x7f800001)))));
}

static void suggestions_are_near_or_none(void **state) {
    (void)state;
    static const char *const names[] = { "--threads", "--temp", "--top-k", "--model" };
    assert_string_equal(nearest("--thraeds", names, 4), "--threads");
    assert_string_equal(nearest("--topk", names, 4), "--top-k");
    assert_null(nearest("--completely-else", names, 4));
}

static void buffers_grow_and_remember_failure(void **state) {
    (void)state;
    buffer b = {0};
    assert_string_equal(buffer_text(&b), "");
    for (int i = 0; i < 1000; i++) buffer_printf(&b, "%d,", i);
    assert_int_equal(b.n, 10 * 2 + 90 * 3 + 900 * 4);
    assert_memory_equal(b.data + b.n - 8, "998,999,", 9);
    buffer_clear(&b);
    b.limit = 4;
    buffer_append_text(&b, "1234");
    assert_false(b.failed);
    buffer_append_char(&b, '5');
    assert_true(b.failed);
    buffer_free(&b);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    for (size_t n = 1, more = 1; more; n++) {
        memory_fail_nth(n);
        buffer b = {0};
        arena a = {0};
        buffer_append_text(&b, "some text");
        for (int i = 0; i < 200; i++) buffer_append_text(&b, "0123456789");
        char *p = arena_copy_text(&a, "kept", 4), *q = arena_new(&a, 100000, 1), *c = memory_copy_text("copy", 4);
        void *m = memory_map(1 << 16), *g = memory_new_aligned(100);
        const int missing = b.failed || !p || !q || !c || !m || !g;
        more = memory_requests() >= n;
        assert_int_equal(missing, more);
        assert_true(!p || !strcmp(p, "kept"));
        buffer_free(&b); arena_free(&a); memory_free(c); memory_unmap(m, 1 << 16); memory_free(g);
    }
    memory_fail_nth(0);
    assert_null(memory_new(SIZE_MAX, 2));
    assert_null(memory_grow(NULL, SIZE_MAX, 2));
}

static void files_are_written_whole(void **state) {
    (void)state;
    char directory[] = "/tmp/ridge-test-XXXXXX", path[200], deep[200];
    assert_non_null(mkdtemp(directory));
    snprintf(deep, sizeof deep, "%s/a/b/c", directory);
    error e;
    assert_int_equal(make_directories(deep, &e), 0);
    assert_int_equal(make_directories(deep, &e), 0);
    snprintf(path, sizeof path, "%s/file", deep);
    assert_int_equal(write_whole_file(path, "hello", 5, &e), 0);
    assert_int_equal(write_whole_file(path, "world!", 6, &e), 0);
    buffer b = {0};
    assert_int_equal(read_whole_file(path, 100, &b, &e), 0);
    assert_string_equal(buffer_text(&b), "world!");
    assert_int_equal(read_whole_file(path, 3, &b, &e), RIDGE_E_UNSUPPORTED);
    buffer_free(&b);
    mapped_file f;
    assert_int_equal(mapped_file_open(&f, path, &e), 0);
    assert_int_equal(f.size, 6);
    assert_memory_equal(f.data, "world!", 6);
    mapped_file_drop(&f, 0, f.size);
    assert_memory_equal(f.data, "world!", 6);
    mapped_file_close(&f);
    assert_int_equal(mapped_file_open(&f, "/nowhere/at/all", &e), RIDGE_E_NOT_FOUND);
    assert_non_null(strstr(e.text, "/nowhere/at/all"));
    assert_int_equal(mapped_file_open(&f, directory, &e), RIDGE_E_BAD_FILE);
    snprintf(path, sizeof path, "rm -r %s", directory);
    assert_int_equal(system(path), 0);
}

static void remember(void *user, event_kind kind, const char *text) {
    (void)kind;
    buffer_printf(user, "%s;", text);
}

static void events_are_told_once_and_counted_always(void **state) {
    (void)state;
    buffer told = {0};
    event_redirect(remember, &told);
    const size_t before = event_count(EVENT_not_packed);
    for (int i = 0; i < 3; i++) event(EVENT_not_packed, "the same");
    event(EVENT_not_packed, "another");
    assert_int_equal(event_count(EVENT_not_packed) - before, 4);
    assert_string_equal(buffer_text(&told), "the same;another;");
    assert_string_equal(event_name(EVENT_not_packed), "not_packed");
    event_redirect(NULL, NULL);
    buffer_free(&told);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_what_and_where),
        cmocka_unit_test(checked_arithmetic_notices_overflow),
        cmocka_unit_test(halves_round_to_nearest_even),
        cmocka_unit_test(suggestions_are_near_or_none),
        cmocka_unit_test(buffers_grow_and_remember_failure),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(files_are_written_whole),
        cmocka_unit_test(events_are_told_once_and_counted_always),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
