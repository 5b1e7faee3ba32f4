/* See profile_answer.h. */
#include "cli/profile_answer.h"
#include "base/memory.h"
#include "cli/profile_measure.h"

enum { PROBES = 2 };

static int print_phase(const ridge_profile *p, ridge_profile_phase phase, const limits *l, error *err) {
    size_t n;
    ridge_profile_totals totals;
    const ridge_profile_row *rows = ridge_profile_rows(p, phase, &n, &totals);
    if (!totals.runs) return 0;
    profile_report report = {0};
    const int code = profile_report_add(&report, l, rows, n, &totals, false, err);
    profile_report_sort(&report);
    if (!code) {
        fprintf(stderr, "\n%s, profiled: %llu tokens in %llu run%s\n", phase == RIDGE_PROFILE_PROMPT ? "prompt" : "answer",
                (unsigned long long)totals.tokens, (unsigned long long)totals.runs, totals.runs == 1 ? "" : "s");
        profile_report_print(&report, stderr);
    }
    profile_report_free(&report);
    return code;
}

int profile_answer_print(const ridge_profile *p, const ridge_model *m, error *err) {
    limits_probe *probe = memory_new(1, sizeof *probe);
    if (!probe) return fail_memory(err, sizeof *probe, "probes");
    int code = profile_limits_open(probe, m, p, (int)ridge_model_get_info(m).threads, err);
    for (int i = 0; i < PROBES && !code; i++) code = limits_take(probe, err);
    const limits found = limits_found(probe);
    limits_close(probe);
    memory_free(probe);
    if (!code) code = print_phase(p, RIDGE_PROFILE_PROMPT, &found, err);
    return code ? code : print_phase(p, RIDGE_PROFILE_DECODE, &found, err);
}
