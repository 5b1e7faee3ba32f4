/* perf: the machine, the probes and the file of ceilings. Rates are checked for sense only: any machine may be busy. */
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buffer.h"
#include "base/events.h"
#include "base/files.h"
#include "perf/ceilings.h"

static char directory[] = "/tmp/ridge-test-XXXXXX", path[100];

static int make_cache(void **state) {
    (void)state;
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/ridge/ceilings.json", directory);
    return setenv("XDG_CACHE_HOME", directory, 1);
}

static int remove_cache(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

static void features_are_whole_words(void **state) {
    (void)state;
    const machine m = { .features = "sse2 avx512_vnni avx2 last" };
    assert_true(machine_has(&m, "sse2"));
    assert_true(machine_has(&m, "avx2"));
    assert_true(machine_has(&m, "last"));
    assert_false(machine_has(&m, "vnni"));
    assert_false(machine_has(&m, "avx512"));
    assert_false(machine_has(&m, "sse"));
    const machine *here = machine_here();
    assert_int_equal(strlen(here->fingerprint), 16);
    assert_true(here->n_cpus >= 1 && here->memory_bytes > 1u << 20);
    assert_ptr_equal(machine_here(), here);
}

/* Loops are chosen by features alone, so the choice for any machine can be asked for on this one. */
static void limits_follow_the_isa(void **state) {
    (void)state;
#ifdef __x86_64__
    const machine zen5 = { .features = "avx2 fma avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx_vnni" }, haswell = { .features = "avx2 fma" }, old = { .features = "sse2" };
    assert_string_equal(peaks_limit(&zen5, PEAK_int8, NULL)->isa, "avx512");
    assert_string_equal(peaks_limit(&zen5, PEAK_int8, "avxvnni")->isa, "avxvnni");
    assert_string_equal(peaks_limit(&zen5, PEAK_int8, "avx2")->isa, "avx2");
    assert_string_equal(peaks_limit(&zen5, PEAK_f32, "avxvnni")->isa, "avx2");
    assert_string_equal(peaks_limit(&zen5, PEAK_bf16, "avx512bf16")->isa, "avx512bf16");
    assert_null(peaks_limit(&zen5, PEAK_bf16, "avx512"));
    assert_string_equal(peaks_limit(&zen5, PEAK_f32, "scalar")->isa, "avx512");
    assert_null(peaks_limit(&haswell, PEAK_bf16, NULL));
    assert_string_equal(peaks_limit(&haswell, PEAK_int8, NULL)->isa, "avx2");
    assert_null(peaks_limit(&old, PEAK_f32, NULL));
#endif
    size_t n;
    const machine nothing = { .features = "" };
    assert_string_equal(peaks_of(&nothing, &n)[0]->isa, "scalar");
    assert_int_equal(n, 1);
}

/* However busy the machine is: a share. */
static void processors_are_shared(void **state) {
    (void)state;
    double share;
    error err;
    if (crew_share(1, 0.02, &share, &err)) fail_msg("%s", err.text);
    assert_true(share > 0 && share < 1.1);
    assert_int_equal(crew_share(0, 0.02, &share, &err), RIDGE_E_BAD_ARGUMENT);
    assert_true(share == 0);
}

/* Every loop of this machine reads, copies and counts. */
static void loops_do_what_they_say(void **state) {
    (void)state;
    size_t n;
    const peak_loops *const *all = peaks_of(machine_here(), &n);
    static _Alignas(64) unsigned char from[8 * READ_GRAIN], to[8 * READ_GRAIN];
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof from; k++) { from[k] = (unsigned char)(k * 7 + i); to[k] = 0; }
        for (int r = 0; r < READ_COUNT; r++) {
            if (!all[i]->read[r]) continue;
            const uint64_t sum = all[i]->read[r](from, sizeof from);
            assert_true(all[i]->read[r](from, sizeof from) == sum);
            for (size_t k = 0; k < sizeof from; k += 64) {                          /* each line counts */
                from[k + k / 64 % 64] ^= 0x40;
                assert_true(all[i]->read[r](from, sizeof from) != sum);
                from[k + k / 64 % 64] ^= 0x40;
            }
        }
        if (all[i]->copy) {
            all[i]->copy(to, from, sizeof from);
            assert_memory_equal(to, from, sizeof from);
        }
        for (int kind = 0; kind < PEAK_COUNT; kind++) if (all[i]->peak[kind]) assert_true(all[i]->peak[kind](10) == 2 * all[i]->peak[kind](5));
    }
}

static void probes_give_samples(void **state) {
    (void)state;
    error e;
    probe_memory m;
    probe_samples s;
    assert_int_equal(probe_memory_open(&m, 1, 8 << 20, 0, &e), 0);
    assert_int_equal(m.part_bytes, 8 << 20);
    assert_in_range(m.pattern, 0, READ_COUNT - 1);
    assert_int_equal(probe_read(&m, 0.002, 3, &s, &e), 0);
    assert_int_equal(s.n, 3);
    assert_true(probe_median(&s) > 0.01 && probe_median(&s) < 1e5);
    assert_int_equal(probe_copy(&m, 0.002, 1, &s, &e), 0);
    assert_true(probe_median(&s) > 0.01 && probe_median(&s) < 1e5);
    probe_memory_close(&m);
    assert_int_equal(probe_cache(1, 8192, 0.002, 2, &s, &e), 0);
    assert_true(probe_median(&s) > 0.01);
    assert_int_equal(probe_barrier(crew_cores() > 1 ? 2 : 1, 2, &s, &e), 0);
    assert_true(probe_median(&s) > 1 && probe_median(&s) < 1e8);
    assert_int_equal(probe_memory_open(&m, crew_most() + 1, 8 << 20, 0, &e), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(e.text, "threads"));
}

static size_t events_of_bandwidth(void) { return event_count(EVENT_bandwidth_unmeasured) + event_count(EVENT_ceilings_not_saved); }

static void bandwidth_is_measured_once(void **state) {
    (void)state;
    error e;
    ceilings c;
    assert_int_equal(ceilings_load(&c, &e), RIDGE_E_NOT_FOUND);
    assert_non_null(strstr(e.text, path));
    double first = 0;
    assert_int_equal(ceilings_read_bandwidth(1, &first, &e), 0);
    assert_true(first > 0.01 && first < 1e5);

    /* What is stored is believed. */
    c = (ceilings){ .n = 1, .measured = "2026-01-01T00:00:00Z" };
    c.row[0] = (ceiling){ .kind = CEILING_read, .threads = 1, .bytes = 123, .samples = { .sample = { 5.8, 6.4, 6 }, .n = 3 } };
    assert_int_equal(ceilings_store(&c, &e), 0);
    double gb = 0;
    assert_int_equal(ceilings_read_bandwidth(1, &gb, &e), 0);
    assert_true(gb == 6);
    ceilings d;
    assert_int_equal(ceilings_load(&d, &e), 0);
    assert_int_equal(d.n, 1);
    assert_false(d.complete);
    assert_string_equal(d.measured, c.measured);
    assert_int_equal(d.row[0].bytes, 123);
    assert_null(ceilings_find(&d, CEILING_read, "", 2));
    assert_null(ceilings_find(&d, CEILING_copy, "", 1));

    /* Unless it was unsteady. */
    c.row[0].samples = (probe_samples){ .sample = { 2e6, 3e6, 2e6 }, .n = 3 };
    assert_int_equal(ceilings_store(&c, &e), 0);
    assert_int_equal(ceilings_read_bandwidth(1, &gb, &e), 0);
    assert_true(gb < 1e5);
    assert_int_equal(events_of_bandwidth(), 0);
}

/* Anything may stand in the file: it is measured again. */
static void broken_files_count_as_absent(void **state) {
    (void)state;
    error e;
    ceilings c;
    char text[600];
    static const char *const contents[] = {
        "", "{", "[]", "{\"version\":2}", "{\"version\":3,\"machines\":{\"%s\":{\"ceilings\":[{\"kind\":\"read\",\"what\":\"\",\"threads\":1,\"samples\":[1]}]}}}",
        "{\"version\":2,\"machines\":{\"%s\":{\"ceilings\":[{\"kind\":\"reed\",\"what\":\"\",\"threads\":1,\"samples\":[1]}]}}}",
        "{\"version\":2,\"machines\":{\"%s\":{\"ceilings\":[{\"kind\":\"read\",\"what\":\"\",\"threads\":1,\"samples\":[0]}]}}}",
        "{\"version\":2,\"machines\":{\"%s\":{\"ceilings\":[{\"kind\":\"read\",\"what\":\"\",\"threads\":1,\"samples\":[1,1,1,1,1,1,1,1,1,1]}]}}}",
        "{\"version\":2,\"machines\":{\"%s\":{\"ceilings\":[{\"kind\":\"read\",\"what\":5,\"threads\":1,\"samples\":[1]}, 7]}}}",
    };
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        const char *hole = strstr(contents[i], "%s");
        if (hole) snprintf(text, sizeof text, "%.*s%s%s", (int)(hole - contents[i]), contents[i], machine_here()->fingerprint, hole + 2);
        else      snprintf(text, sizeof text, "%s", contents[i]);
        assert_int_equal(write_whole_file(path, text, strlen(text), &e), 0);
        assert_int_equal(ceilings_load(&c, &e), RIDGE_E_NOT_FOUND);
    }
    /* Another machine's entry survives. */
    const char *other = "{\"version\":2,\"machines\":{\"0123456789abcdef\":{\"ceilings\":[]}}}";
    assert_int_equal(write_whole_file(path, other, strlen(other), &e), 0);
    c = (ceilings){ .n = 1 };
    c.row[0] = (ceiling){ .kind = CEILING_barrier, .threads = 2, .samples = { .sample = { 200 }, .n = 1 } };
    assert_int_equal(ceilings_store(&c, &e), 0);
    buffer b = {0};
    assert_int_equal(read_whole_file(path, 1 << 20, &b, &e), 0);
    assert_non_null(strstr(buffer_text(&b), "0123456789abcdef"));
    assert_non_null(strstr(buffer_text(&b), machine_here()->fingerprint));
    buffer_free(&b);
}

static void tables_have_every_row(void **state) {
    (void)state;
    ceilings c = { .n = 2, .complete = true };
    c.row[0] = (ceiling){ .kind = CEILING_read, .threads = 2, .bytes = 1u << 30, .samples = { .sample = { 40, 42, 41 }, .n = 3 } };
    c.row[1] = (ceiling){ .kind = CEILING_peak, .what = "avx512 int8", .threads = 1, .samples = { .sample = { 900, 500 }, .n = 2 } };
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    ceilings_print(&c, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "read                            2   1024 MB       41.0       40.0       42.0 GB/s\n"));
    assert_non_null(strstr(text, "peak     avx512 int8            1                700.0      500.0      900.0 Gop/s ~\n\n~ "));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_are_whole_words),
        cmocka_unit_test(limits_follow_the_isa),
        cmocka_unit_test(processors_are_shared),
        cmocka_unit_test(loops_do_what_they_say),
        cmocka_unit_test(probes_give_samples),
        cmocka_unit_test(bandwidth_is_measured_once),
        cmocka_unit_test(broken_files_count_as_absent),
        cmocka_unit_test(tables_have_every_row),
    };
    return cmocka_run_group_tests(tests, make_cache, remove_cache);
}
