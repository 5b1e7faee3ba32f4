/* Pages of the KV cache and the sequences that hold them. */
#include "test.h"
#include <string.h>
#include "base/memory.h"
#include "kv/kv.h"

static void sequences_take_and_return_pages(void **state) {
    (void)state;
    kv_pool *pool;
    error err;
    assert_int_equal(kv_pool_new(&pool, 4, &err), 0);
    kv_sequence a = kv_sequence_new(pool), b = kv_sequence_new(pool);
    assert_int_equal(kv_sequence_reserve(&a, 0, &err), 0);
    assert_int_equal(a.n_pages, 0);
    assert_int_equal(kv_sequence_reserve(&a, 1, &err), 0);
    assert_int_equal(a.n_pages, 1);
    assert_int_equal(kv_sequence_reserve(&a, KV_PAGE_POSITIONS, &err), 0);
    assert_int_equal(a.n_pages, 1);
    assert_int_equal(kv_sequence_reserve(&b, KV_PAGE_POSITIONS + 1, &err), 0);
    assert_int_equal(b.n_pages, 2);
    assert_int_equal(kv_pool_free_pages(pool), 1);
    const int32_t taken[] = { a.pages[0], b.pages[0], b.pages[1] };
    for (int i = 0; i < 3; i++) {
        assert_in_range(taken[i], 0, 3);
        for (int j = 0; j < i; j++) assert_int_not_equal(taken[i], taken[j]);
    }
    a.n_positions = 100;
    b.n_positions = KV_PAGE_POSITIONS + 1;
    kv_sequence_truncate(&b, KV_PAGE_POSITIONS);
    assert_int_equal(b.n_positions, KV_PAGE_POSITIONS);
    assert_int_equal(b.n_pages, 1);
    assert_int_equal(b.pages[0], taken[1]);
    kv_sequence_truncate(&a, 200);                      /* longer than it is: only pages beyond 200 would go */
    assert_int_equal(a.n_positions, 100);
    assert_int_equal(kv_pool_free_pages(pool), 2);
    kv_sequence_free(&a);
    kv_sequence_free(&b);
    kv_sequence_free(&b);
    assert_int_equal(kv_pool_free_pages(pool), 4);
    kv_pool_free(pool);
}

static void a_full_cache_names_both_sizes_and_takes_nothing(void **state) {
    (void)state;
    kv_pool *pool;
    error err;
    assert_int_equal(kv_pool_new(&pool, 2, &err), 0);
    kv_sequence s = kv_sequence_new(pool);
    assert_int_equal(kv_sequence_reserve(&s, 10, &err), 0);
    assert_int_equal(kv_sequence_reserve(&s, 300, &err), RIDGE_E_CONTEXT_FULL);
    assert_non_null(strstr(err.text, "300"));
    assert_non_null(strstr(err.text, "256"));
    assert_int_equal(s.n_pages, 1);
    assert_int_equal(kv_pool_free_pages(pool), 1);
    assert_int_equal(kv_sequence_reserve(&s, UINT32_MAX, &err), RIDGE_E_CONTEXT_FULL);
    assert_int_equal(kv_sequence_reserve(&s, 256, &err), 0);
    kv_sequence_free(&s);
    kv_pool_free(pool);
    kv_pool_free(NULL);
    assert_int_equal(kv_pool_new(&pool, UINT32_MAX, &err), RIDGE_E_BAD_ARGUMENT);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    for (size_t n = 1, more = 1; more; n++) {
        kv_pool *pool;
        error err;
        memory_fail_nth(n);
        int code = kv_pool_new(&pool, 100, &err);
        if (!code) {
            kv_sequence s = kv_sequence_new(pool);
            for (uint32_t i = 1; !code && i < 100; i++) code = kv_sequence_reserve(&s, i * KV_PAGE_POSITIONS, &err);
            assert_int_equal(s.n_pages + kv_pool_free_pages(pool), 100);
            kv_sequence_free(&s);
            kv_pool_free(pool);
        }
        more = memory_requests() >= n;
        assert_int_equal(code, more ? RIDGE_E_NO_MEMORY : 0);
    }
    memory_fail_nth(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_take_and_return_pages),
        cmocka_unit_test(a_full_cache_names_both_sizes_and_takes_nothing),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
