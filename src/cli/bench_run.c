/* One configuration of a benchmark: see bench_run.h. */
#include "cli/bench_run.h"
#include "base/memory.h"

typedef struct {
    const bench_setting *setting;
    bench_subject *subject;
    pairing        probes;
    char           peak[48];
    bench_result   result;
} bench;

static int run_test(bench *b, const bench_test *t, error *err) {
    const bench_setting *s = b->setting;
    bench_result *r = &b->result;
    double ignored;
    pairing_probe probe;
    int code = s->warm_up ? bench_subject_run(b->subject, &(bench_test){ t->prompt, t->gen > 0, t->depth }, &ignored, err) : 0;
    if (!code) code = bench_subject_prepare(b->subject, t, err);
    if (!code) code = pairing_take(&b->probes, &probe, err);
    while (r->n < s->repetitions && !code) {
        code = bench_subject_sample(b->subject, t, &b->probes, &probe, r, err);
        if (!code && s->progress)
            fprintf(stderr, "  repetition %d of %d: %.2f tokens/s\n", r->n, s->repetitions, (t->prompt + t->gen) / r->seconds[r->n - 1]);
    }
    return code;
}

static int run_tests(bench *b, const bench_test *tests, size_t n_tests, bench_receive *receive, void *user, error *err) {
    int code = 0;
    for (size_t i = 0; i < n_tests && !code; i++) {
        bench_result *r = &b->result;
        ridge_profile *profile = NULL;
        char name[64];
        code = bench_subject_describe(b->subject, &tests[i], r, err);
        if (code) return code;
        r->peak = b->peak;
        bench_test_name(r, name, sizeof name);
        if (b->setting->progress) fprintf(stderr, "%s, %s: %s (%zu of %zu)\n", r->model_type, r->backend, name, i + 1, n_tests);
        code = run_test(b, &tests[i], err);
        if (!code && b->setting->profile) code = bench_subject_profile(b->subject, &tests[i], &profile, r, err);
        if (!code) receive(user, r);
        ridge_profile_free(profile);
    }
    return code;
}

int bench_setting_run(const bench_setting *setting, const bench_test *tests, size_t n_tests, bench_receive *receive, void *user, error *err) {
    bench *b = memory_new(1, sizeof *b);
    if (!b) return fail_memory(err, sizeof *b, "a benchmark");
    b->setting = setting;
    int positions = 0;
    for (size_t i = 0; i < n_tests; i++) if (bench_test_positions(&tests[i]) > positions) positions = bench_test_positions(&tests[i]);
    int code = bench_subject_open(&b->subject, &setting->how, positions, err);
    if (!code) code = bench_subject_probes(b->subject, 0, &b->probes, err);
    if (!code) {
        pairing_peak_name(&b->probes, b->peak, sizeof b->peak);
        code = run_tests(b, tests, n_tests, receive, user, err);
    }
    pairing_close(&b->probes);
    bench_subject_close(b->subject);
    memory_free(b);
    return code;
}
