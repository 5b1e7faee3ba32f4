/* base/cgroup: limits of groups, in trees of files as the kernel shows them. */
#define _GNU_SOURCE
#include "test.h"
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/cgroup.h"
#include "base/files.h"

static char root[] = "/tmp/ridge-cgroup-XXXXXX";

/* A file of a group; path begins at the root. */
static void put(const char *path, const char *text) {
    char full[300];
    error err;
    snprintf(full, sizeof full, "%s%s", root, path);
    char *slash = strrchr(full, '/');
    *slash = 0;
    if (make_directories(full, &err)) fail_msg("%s", err.text);
    *slash = '/';
    if (write_whole_file(full, text, strlen(text), &err)) fail_msg("%s", err.text);
}

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *at) { return remove(path); }

static int new_root(void **state) {
    strcpy(root + sizeof root - 7, "XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}
static int remove_root(void **state) { return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

static void expect(const char *groups, double quota) {
    const double got = cgroup_cpu_quota(root, groups);
    if (!(got == quota)) fail_msg("%g processors of\n%s\nnot %g", got, groups, quota);
}

static void no_files_are_no_limit(void **state) {
    (void)state;
    expect("", 0);
    expect("0::/a/b\n4:cpu,cpuacct:/c\n", 0);
}

static void v2_finds_its_own_group(void **state) {
    (void)state;
    put("/system.slice/run.service/cpu.max", "150000 100000\n");
    put("/system.slice/other.service/cpu.max", "50000 100000\n");
    expect("0::/system.slice/run.service\n", 1.5);
    expect("0::/system.slice/run.service", 1.5);                /* no end of line */
    expect("0::/system.slice/other.service\n", 0.5);
    expect("0::/system.slice\n", 0);
    expect("0::/\n", 0);
    expect("", 0);
}

static void the_least_of_all_levels_holds(void **state) {
    (void)state;
    put("/cpu.max", "800000 100000\n");
    put("/a/cpu.max", "200000 100000\n");
    put("/a/b/cpu.max", "max 100000\n");
    put("/a/b/c/cpu.max", "600000 100000\n");
    put("/a/b/d/cpu.max", "100000 200000\n");
    expect("0::/a/b/c\n", 2);
    expect("0::/a/b/d\n", 0.5);
    expect("0::/a/b\n", 2);
    expect("0::/e\n", 8);                                       /* a group that is not there: those above it hold */
    expect("0::/a/e/f (deleted)\n", 2);
    expect("0::/\n", 8);
    expect("", 8);
}

static void max_is_no_limit(void **state) {
    (void)state;
    put("/cpu.max", "max 100000\n");
    put("/a/cpu.max", "max\n");
    expect("0::/a\n", 0);
    put("/cpu.max", "300000 100000\n");
    expect("0::/a\n", 3);
}

static void v1_is_asked_for_its_cpu_controller(void **state) {
    (void)state;
    put("/cpu/cpu.cfs_quota_us", "-1\n");
    put("/cpu/cpu.cfs_period_us", "100000\n");
    put("/cpu/docker/cpu.cfs_quota_us", "400000\n");
    put("/cpu/docker/cpu.cfs_period_us", "100000\n");
    put("/cpu/docker/x/cpu.cfs_quota_us", "25000\n");
    put("/cpu/docker/x/cpu.cfs_period_us", "50000\n");
    put("/cpu/docker/y/cpu.cfs_quota_us", "-1\n");
    put("/cpu/docker/y/cpu.cfs_period_us", "100000\n");
    put("/cpu/docker/z/cpu.cfs_quota_us", "1000\n");            /* no period */
    expect("5:cpuset:/\n4:cpu,cpuacct:/docker/x\n0::/system.slice\n", 0.5);
    expect("4:cpuacct,cpu:/docker/y\n", 4);
    expect("4:cpu:/docker/z\n", 4);
    expect("4:cpu:/\n", 0);
    expect("5:cpuset:/docker/x\n3:cpuacct:/docker/x\n1:name=cpu:/docker/x\n0::/docker/x\n", 0);
}

static void v1_and_v2_hold_together(void **state) {
    (void)state;
    put("/a/cpu.max", "300000 100000\n");
    put("/cpu/b/cpu.cfs_quota_us", "200000\n");
    put("/cpu/b/cpu.cfs_period_us", "100000\n");
    expect("2:cpu:/b\n0::/a\n", 2);
    expect("2:cpu:/\n0::/a\n", 3);
    expect("2:cpu:/b\n0::/\n", 2);
}

/* Inside a container the mounted root is the process's own group, whatever its path is outside. */
static void a_root_may_be_the_group_itself(void **state) {
    (void)state;
    put("/cpu/cpu.cfs_quota_us", "150000\n");
    put("/cpu/cpu.cfs_period_us", "100000\n");
    expect("4:cpu:/docker/0123456789abcdef\n", 1.5);
    expect("", 1.5);
}

static void paths_that_lead_out_end_at_the_root(void **state) {
    (void)state;
    put("/mount/cpu.max", "400000 100000\n");
    put("/outside/cpu.max", "100000 100000\n");
    put("/mount/..a/cpu.max", "200000 100000\n");
    char mount[sizeof root + 8];
    snprintf(mount, sizeof mount, "%s/mount", root);
    assert_true(cgroup_cpu_quota(mount, "0::/../outside\n") == 4);
    assert_true(cgroup_cpu_quota(mount, "0::/x/../../outside\n") == 4);
    assert_true(cgroup_cpu_quota(mount, "0::/..\n") == 4);
    assert_true(cgroup_cpu_quota(mount, "0::/..a\n") == 2);     /* a name like any other */
    assert_true(cgroup_cpu_quota(mount, "0::\n") == 4);         /* no path */
    assert_true(cgroup_cpu_quota(mount, "0::outside\n") == 4);
}

static void what_cannot_be_read_is_no_limit(void **state) {
    (void)state;
    static const char *const garbage[] = {
        "", "\n", "many 100000\n", "100000\n", "100000 some\n", "100000 0\n", "-100000 100000\n", "0 100000\n", "1e5 100000\n", "nan nan\n"
    };
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        put("/a/cpu.max", garbage[i]);
        expect("0::/a\n", 0);
    }
    put("/a/cpu.max", "100000 100000\n");
    expect("\n\n:\n::\n0\n0:\nnothing\n7:\n0::/a\n", 1);         /* lines that are none, then one */
    put("/cpu.max", "500000 100000\n");
    char text[3 * PATH_MAX];
    static const size_t lengths[] = { PATH_MAX - 8, 2 * PATH_MAX };      /* no room for a path with root's before it, none for the line */
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memset(text, 'x', lengths[i]);
        memcpy(text, "0::/", 4);
        strcpy(text + lengths[i], "\n");
        expect(text, 5);
        strcpy(text + lengths[i], "\n0::/a\n");
        expect(text, 1);
    }
}

static void expect_bytes(const char *groups, double bytes) {
    const double got = cgroup_memory_limit(root, groups);
    if (!(got == bytes)) fail_msg("%g bytes of\n%s\nnot %g", got, groups, bytes);
}

static void memory_has_the_same_rules(void **state) {
    (void)state;
    expect_bytes("0::/a\n", 0);
    put("/a/memory.max", "8589934592\n");
    put("/a/b/memory.max", "max\n");
    put("/a/c/memory.max", "4294967296\n");
    expect_bytes("0::/a/b\n", 8589934592);
    expect_bytes("0::/a/c\n", 4294967296);
    expect_bytes("0::/\n", 0);
    put("/memory/memory.limit_in_bytes", "9223372036854771712\n");              /* v1's way to say that there is none */
    put("/memory/d/memory.limit_in_bytes", "2147483648\n");
    expect_bytes("8:memory:/d\n4:cpu,cpuacct:/a\n", 2147483648);
    expect_bytes("8:memory:/d\n0::/a\n", 2147483648);
    expect_bytes("8:memory:/e\n4:cpu:/d\n", 0);
    put("/a/memory.max", "much\n");
    expect_bytes("0::/a/b\n", 0);
    expect("0::/a/c\n", 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, new_root, remove_root)
    const struct CMUnitTest tests[] = {
        TEST(no_files_are_no_limit),
        TEST(v2_finds_its_own_group),
        TEST(the_least_of_all_levels_holds),
        TEST(max_is_no_limit),
        TEST(v1_is_asked_for_its_cpu_controller),
        TEST(v1_and_v2_hold_together),
        TEST(a_root_may_be_the_group_itself),
        TEST(paths_that_lead_out_end_at_the_root),
        TEST(what_cannot_be_read_is_no_limit),
        TEST(memory_has_the_same_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
