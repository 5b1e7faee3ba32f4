/* perf/compare: known answers, and a study on simulated machines: how often two equal programs are called different, and how often a
 * planted loss is found. */
#include "test.h"
#include <math.h>
#include "perf/compare.h"
#include "perf/random.h"

static const double THRESHOLD = 0.02;

static void known_answers_of_runs(void **state) {
    const double before[] = { 10, 11, 12, 13, 14 }, slower[] = { 5, 6, 5.5, 6.5, 7 };
    comparison c;
    assert_int_equal(compare_runs(&c, slower, 5, before, 5, THRESHOLD, NULL), 0);
    assert_float_equal(c.p, 2.0 / 252, 0.002);          /* the clearest of 252 ways to choose 5 of 10, and its mirror image */
    assert_float_equal(c.ratio, 0.5, 0.01);
    assert_true(c.range.low < c.ratio && c.ratio < c.range.high && c.range.high < 0.8 && c.range.low > 0.35);
    assert_int_equal(c.verdict, COMPARE_SLOWER);
    assert_int_equal(compare_runs(&c, before, 5, slower, 5, THRESHOLD, NULL), 0);
    assert_int_equal(c.verdict, COMPARE_FASTER);
    assert_float_equal(c.ratio, 2, 0.04);
    assert_int_equal(compare_runs(&c, slower, 5, before, 4, THRESHOLD, NULL), 0);
    assert_int_equal(c.verdict, COMPARE_TOO_FEW);
    assert_int_equal(compare_runs(&c, before, 5, before, 5, THRESHOLD, NULL), 0);
    assert_true(c.p > 0.99 && c.ratio == 1);
    assert_int_equal(c.verdict, COMPARE_SAME);
    const double one[] = { 3 }, equal[] = { 1, 1, 1, 1, 1, 1 };
    assert_int_equal(compare_runs(&c, one, 1, before, 5, THRESHOLD, NULL), 0);
    assert_int_equal(c.verdict, COMPARE_TOO_FEW);
    assert_int_equal(compare_runs(&c, equal, 6, equal, 6, THRESHOLD, NULL), 0);      /* nothing but ties */
    assert_true(c.p == 1 && c.ratio == 1 && c.range.low == 1 && c.range.high == 1);
}

static void known_answers_of_pairs(void **state) {
    double now[16], before[16];
    comparison c;
    for (int i = 0; i < 16; i++) { before[i] = 10 + 5 * (i % 4); now[i] = before[i] * (0.9 + 0.001 * i); }
    assert_int_equal(compare_pairs(&c, now, before, 8, THRESHOLD, NULL), 0);
    assert_float_equal(c.p, 2.0 / 256, 1e-9);
    assert_float_equal(c.ratio, 0.9035, 1e-3);
    assert_int_equal(c.verdict, COMPARE_SLOWER);
    assert_int_equal(compare_pairs(&c, now, before, 7, THRESHOLD, NULL), 0);
    assert_int_equal(c.verdict, COMPARE_TOO_FEW);
    now[3] = 1000;                                                              /* one disturbed sample does not hide the loss */
    assert_int_equal(compare_pairs(&c, now, before, 16, THRESHOLD, NULL), 0);
    assert_true(c.p < 0.01 && fabs(c.ratio - 0.91) < 0.01);
    assert_int_equal(c.verdict, COMPARE_SLOWER);
    assert_int_equal(compare_pairs(&c, before, before, 16, THRESHOLD, NULL), 0);
    assert_true(c.p == 1 && c.ratio == 1);
    assert_int_equal(compare_pairs(&c, now, before, 1, THRESHOLD, NULL), 0);
    assert_int_equal(c.verdict, COMPARE_TOO_FEW);
}

/* A loss that is certain but does not matter is none. */
static void trifles_are_let_pass(void **state) {
    double now[20], before[20];
    comparison c;
    for (int i = 0; i < 20; i++) { before[i] = 1 + 1e-4 * i; now[i] = before[i] * 0.99; }
    assert_int_equal(compare_runs(&c, now, 20, before, 20, THRESHOLD, NULL), 0);
    assert_true(c.p < 0.01);
    assert_int_equal(c.verdict, COMPARE_SAME);
    assert_int_equal(compare_runs(&c, now, 20, before, 20, 0.005, NULL), 0);
    assert_int_equal(c.verdict, COMPARE_SLOWER);
    assert_int_equal(compare_pairs(&c, now, before, 20, THRESHOLD, NULL), 0);
    assert_int_equal(c.verdict, COMPARE_SAME);
    assert_int_equal(compare_pairs(&c, now, before, 20, 0.005, NULL), 0);
    assert_int_equal(c.verdict, COMPARE_SLOWER);
}

/* ---- simulated machines ---- */

static double uniform(uint64_t *seed) { return (double)(random_next(seed) >> 11) * 0x1p-53; }
static double normal(uint64_t *seed) { return sqrt(-2 * log(1 - uniform(seed))) * cos(6.283185307179586 * uniform(seed)); }

/* A machine whose bandwidth wanders, that other work visits, and whose single measurements are noisy. */
typedef struct {
    const char *name;
    double wander;              /* per step, relative */
    double visits, visit_cost;  /* probability that a visit begins at a step (it lasts about ten); what is left of the bandwidth then */
    double noise;               /* of one run or probe, relative */
    double outliers;            /* probability that one run alone is slowed, by 5 to 40 % */
} noise_model;

typedef struct { const noise_model *model; uint64_t seed; double level; int visit; } simulated;

static double bandwidth(simulated *s) {
    s->level += s->model->wander * normal(&s->seed) - 0.02 * s->level;
    if (s->visit) s->visit--;
    else if (uniform(&s->seed) < s->model->visits) s->visit = 1 + (int)(20 * uniform(&s->seed));
    return exp(s->level) * (s->visit ? s->model->visit_cost : 1);
}

static double measured(simulated *s, double true_rate) {
    return true_rate * exp(s->model->noise * normal(&s->seed));
}

static double run_rate(simulated *s, double true_rate) {
    const double rate = measured(s, true_rate);
    return uniform(&s->seed) < s->model->outliers ? rate * (0.6 + 0.35 * uniform(&s->seed)) : rate;
}

/* As bench does it: a probe, a run, a probe, a run, ...; each run's share is of the mean of the probes around it. */
static void simulate_shares(simulated *s, double speed, double *share, int n) {
    double before = measured(s, bandwidth(s));
    for (int i = 0; i < n; i++) {
        const double rate = run_rate(s, speed * bandwidth(s)), after = measured(s, bandwidth(s));
        share[i] = rate / ((before + after) / 2);
        before = after;
    }
}

static const noise_model models[] = {
    { "quiet",              0.002, 0,    1,   0.005, 0    },
    { "drifting",           0.01,  0,    1,   0.01,  0    },
    { "outliers",           0.002, 0,    1,   0.01,  0.10 },
    { "drift and outliers", 0.01,  0.02, 0.8, 0.01,  0.05 },
    { "a busy neighbour",   0.015, 0.05, 0.7, 0.015, 0.10 },
};
enum { N_MODELS = sizeof models / sizeof *models, STUDIES = 50, REPETITIONS = 20 };

/* Of 50 comparisons of separate runs: how many are called slower, or different at all, where the second is `speed` times as fast. */
static void study_runs(const noise_model *m, double speed, int *slower, int *different) {
    simulated s = { .model = m, .seed = 2026 };
    *slower = *different = 0;
    for (int k = 0; k < STUDIES; k++) {
        double before[REPETITIONS], now[REPETITIONS];
        comparison c;
        simulate_shares(&s, 0.9, before, REPETITIONS);
        for (int hours = 0; hours < 1000; hours++) bandwidth(&s);
        simulate_shares(&s, 0.9 * speed, now, REPETITIONS);
        assert_int_equal(compare_runs(&c, now, REPETITIONS, before, REPETITIONS, THRESHOLD, NULL), 0);
        *slower += c.verdict == COMPARE_SLOWER;
        *different += c.verdict != COMPARE_SAME;
    }
}

/* The same for runs in turn, as --compare-binary makes them: the first of a pair alternates. */
static void study_pairs(const noise_model *m, double speed, int *slower, int *different) {
    simulated s = { .model = m, .seed = 77 };
    *slower = *different = 0;
    for (int k = 0; k < STUDIES; k++) {
        double before[REPETITIONS], now[REPETITIONS];
        comparison c;
        for (int i = 0; i < REPETITIONS; i++)
            for (int turn = 0; turn < 2; turn++) {
                if ((turn + i) % 2) now[i] = run_rate(&s, speed * bandwidth(&s));
                else before[i] = run_rate(&s, bandwidth(&s));
            }
        assert_int_equal(compare_pairs(&c, now, before, REPETITIONS, THRESHOLD, NULL), 0);
        *slower += c.verdict == COMPARE_SLOWER;
        *different += c.verdict != COMPARE_SAME;
    }
}

typedef void study(const noise_model *m, double speed, int *slower, int *different);

static void judge(const char *what, study *run) {
    for (int i = 0; i < N_MODELS; i++) {
        int alarms, different, found, ignored;
        run(&models[i], 1, &alarms, &different);
        run(&models[i], 0.97, &found, &ignored);
        print_message("%s, %s: %d of %d equal ones called slower, %d different; a loss of 3 %% found %d times\n", what, models[i].name, alarms,
                      STUDIES, different, found);
        assert_true(alarms <= 1);
        assert_true(different <= 1);
        if (models[i].noise <= 0.01) assert_true(found >= STUDIES * 8 / 10);
    }
}

static void separate_runs_on_simulated_machines(void **state) { judge("separate runs", study_runs); }
static void pairs_on_simulated_machines(void **state) { judge("pairs", study_pairs); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_of_runs),
        cmocka_unit_test(known_answers_of_pairs),
        cmocka_unit_test(trifles_are_let_pass),
        cmocka_unit_test(separate_runs_on_simulated_machines),
        cmocka_unit_test(pairs_on_simulated_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
