/* A team of threads: barriers that hold until all have come, and what happens where threads or memory are refused. */
#define _GNU_SOURCE
#include "test.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "base/memory.h"
#include "cpu/team.h"

enum { ROUNDS = 400 };

typedef struct {
    team       *team;
    atomic_uint arrived[ROUNDS];
    atomic_uint wrong;
} call;

static void pass_barriers(void *user, uint32_t thread) {
    call *c = user;
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&c->arrived[i], 1);
        team_barrier(c->team);
        if (atomic_load(&c->arrived[i]) != team_size(c->team)) atomic_fetch_add(&c->wrong, 1);
    }
}

static void a_barrier_holds_until_all_have_come(void **state) {
    static const uint32_t sizes[] = { 1, 2, 3, 5 };
    static call c;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        error err;
        memset(&c, 0, sizeof c);
        assert_int_equal(team_new(&c.team, sizes[i], &err), 0);
        assert_int_equal(team_size(c.team), sizes[i]);
        team_run(c.team, pass_barriers, &c);
        assert_int_equal(c.wrong, 0);
        team_free(c.team);
    }
}

static void a_team_that_cannot_start_says_so(void **state) {
    error err;
    team *t;
    assert_int_equal(team_new(&t, 1000000, &err), RIDGE_E_BAD_ARGUMENT);
    assert_null(t);
    assert_non_null(strstr(err.text, "1000000 threads were asked for"));

    pthread_attr_t before, huge;                    /* stacks that do not fit the address space */
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    assert_int_equal(pthread_attr_init(&huge), 0);
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 48), 0);
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    assert_int_equal(team_new(&t, 3, &err), RIDGE_E_IO);
    assert_null(t);
    assert_non_null(strstr(err.text, "cannot start thread 2 of 3"));
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&before);

    for (size_t n = 1, more = 1; more; n++) {
        memory_fail_nth(n);
        const int code = team_new(&t, 2, &err);
        more = memory_requests() >= n;
        assert_int_equal(code, more ? RIDGE_E_NO_MEMORY : 0);
        team_free(t);
    }
    memory_fail_nth(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_barrier_holds_until_all_have_come),
        cmocka_unit_test(a_team_that_cannot_start_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
