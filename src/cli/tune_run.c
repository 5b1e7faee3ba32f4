/* Tuning one model: see tune_run.h. */
#include "cli/tune_run.h"
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/events.h"
#include "base/machine.h"
#include "cli/bench_subject.h"
#include "perf/crew.h"

/* ---- what is searched: the clock and the words are the same for threads and for knobs ---- */

typedef struct {
    double              started, phase_started;             /* each phase has a budget of its own */
    const tune_loading *how;
    const char         *shape;
    tune_model         *model;
    /* threads alone */
    tune_model          other;
    ridge_knob          threads;
    uint32_t            candidates[4], other_threads;       /* other_threads 0: none is open */
    bool                on_other;
} subject;

static const double THREADS_BUDGET = 0.25;      /* of all, where threads are searched */

static double spent(void *user) { return clock_seconds() - ((subject *)user)->phase_started; }

static void say(void *user, const tune_coordinate *c, const tune_trial *t) {
    const subject *s = user;
    char gain[64];
    fprintf(stderr, "%5.0f s  %s of %s: ", clock_seconds() - s->started, c->name, strcmp(c->of, s->shape) ? c->of : "the model");
    tune_gain_text(&t->speed, gain, sizeof gain);
    if (t->verdict == TUNE_UNTRIED) fputs("no time left\n", stderr);
    else fprintf(stderr, "%u beside %u: %s, %s\n", t->value, c->before, gain, t->verdict == TUNE_BEATEN ? "faster" : tune_verdict_name(t->verdict));
}

/* ---- knobs ---- */

static int set_knob(void *user, size_t knob, uint32_t value, error *err) {
    return ridge_model_set_knob(((subject *)user)->model->model, knob, value, err);
}

static int measure_knobs(void *user, ridge_knob_use use, double *seconds, error *err) {
    return tune_model_measure(((subject *)user)->model, use, seconds, err);
}

static int search_knobs(tune_run *r, subject *user, double budget_seconds, error *err) {
    if (r->outcome.threads) budget_seconds *= 1 - THREADS_BUDGET;
    tune_subject s = { .user = user, .budget_seconds = budget_seconds, .set = set_knob, .measure = measure_knobs, .spent_seconds = spent, .progress = say };
    user->model = &r->model;
    user->phase_started = clock_seconds();
    s.knob = ridge_model_knobs(r->model.model, &s.n_knobs);
    memcpy(s.sample_seconds, r->model.sample_seconds, sizeof s.sample_seconds);
    return tune_search(&s, &r->knobs, err);
}

/* ---- whether something else runs here ---- */

static const double LOOK_SECONDS = 0.2;

/* Keeps the smaller share of before and after. */
static int look_around(tune_run *r, error *err) {
    double share;
    const int threads = (int)ridge_model_get_info(r->model.model).threads, most = crew_most();
    const int code = crew_share(threads < most ? threads : most, LOOK_SECONDS, &share, err);
    if (code) return code;
    if (share < CREW_IDLE_SHARE)
        event(EVENT_machine_busy, "something else uses the processors, of which Ridge gets %.0f %%: what is found may be wrong on an idle machine",
              100 * share);
    if (share < r->outcome.processor_share) r->outcome.processor_share = share;
    return 0;
}

/* ---- threads: a model for each number, two at a time ---- */

enum { SETTLE_NS = 2000000, SAMPLES = 4 };      /* a team that was left spins before it sleeps; a sample is several, behind one that is not timed */

static int set_threads(void *user, size_t knob, uint32_t value, error *err) {
    subject *s = user;
    int code = 0;
    s->on_other = value != s->threads.default_value;
    if (s->on_other && value != s->other_threads) {
        tune_loading how = *s->how;
        tune_model_close(&s->other);
        s->other_threads = 0;
        how.threads = (int)value;
        code = tune_model_open(&s->other, &how, err);
        if (!code) s->other_threads = value;
    }
    s->threads.value = value;
    return code;
}

static int measure_threads(void *user, ridge_knob_use use, double *seconds, error *err) {
    subject *s = user;
    tune_model *m = s->on_other ? &s->other : s->model;
    const int samples = use == RIDGE_KNOB_PROMPT ? 1 : SAMPLES;
    double sum = 0, one;
    nanosleep(&(struct timespec){ .tv_nsec = SETTLE_NS }, NULL);
    int code = tune_model_measure(m, RIDGE_KNOB_DECODE, &one, err);
    for (int i = 0; i < samples && !code; i++) {
        code = tune_model_measure(m, use, &one, err);
        sum += one;
    }
    *seconds = sum;
    return code;
}

/* Fewer than the default, down to half: reading memory often needs fewer threads than there are cores. */
static size_t list_threads(uint32_t usual, uint32_t list[4]) {
    const uint32_t wanted[] = { (usual + 1) / 2, usual - usual / 4, usual - 1, usual };
    size_t n = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) if (wanted[i] && (!n || wanted[i] > list[n - 1])) list[n++] = wanted[i];
    return n;
}

static int search_threads(tune_run *r, subject *user, double budget_seconds, error *err) {
    const ridge_model_info info = ridge_model_get_info(r->model.model);
    tune_subject s = { .user = user, .knob = &user->threads, .n_knobs = 1, .prompts_count = true, .budget_seconds = THREADS_BUDGET * budget_seconds,
                       .set = set_threads, .measure = measure_threads, .spent_seconds = spent, .progress = say };
    user->model = &r->model;
    user->phase_started = clock_seconds();
    user->threads = (ridge_knob){ .name = "threads", .of = r->shape, .use = RIDGE_KNOB_DECODE, .bytes = (double)info.weight_bytes,
                                  .candidates = user->candidates, .value = info.threads, .default_value = info.threads };
    user->threads.n_candidates = list_threads(info.threads, user->candidates);
    s.sample_seconds[RIDGE_KNOB_DECODE] = (SAMPLES + 1) * r->model.sample_seconds[RIDGE_KNOB_DECODE];
    const int code = tune_search(&s, &r->threads, err);
    tune_model_close(&user->other);
    return code;
}

/* Where nobody says how many threads, a second model fits beside the first, and no other program competes with the threads: what is best then
 * is wrong on the same machine at rest. */
static int choose_threads(tune_run *r, subject *user, tune_loading *how, double budget_seconds, error *err) {
    const ridge_model_info info = ridge_model_get_info(r->model.model);
    if (how->threads || info.threads < 2) return 0;
    if (r->outcome.processor_share < CREW_IDLE_SHARE) {
        fputs("the number of threads stays as it is: something else uses the processors\n", stderr);
        return 0;
    }
    if ((double)machine_available_memory() < 1.2 * (double)info.weight_bytes) {
        fputs("the number of threads stays as it is: two of this model do not fit into memory\n", stderr);
        return 0;
    }
    int code = search_threads(r, user, budget_seconds, err);
    if (code) return code;
    r->outcome.threads = &r->threads;
    if (user->threads.value == info.threads) return 0;
    how->threads = (int)user->threads.value;
    tune_model_close(&r->model);
    return tune_model_open(&r->model, how, err);
}

/* ---- all of it ---- */

static void describe(tune_run *r, const tune_loading *how, double budget_seconds, double started) {
    const ridge_model_info info = ridge_model_get_info(r->model.model);
    tune_outcome *o = &r->outcome;
    const time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc)) strftime(o->date, sizeof o->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    bench_model_name(r->model.model, r->name, sizeof r->name);
    snprintf(r->backend, sizeof r->backend, "%s", info.backend);
    o->model = r->name;
    o->file = how->path;
    o->shape = r->shape;
    o->backend = r->backend;
    o->usual_backend = r->usual_backend;
    o->knobs = &r->knobs;
    o->knob = ridge_model_knobs(r->model.model, &o->n_knobs);
    o->decode_tokens = TUNE_DECODE_TOKENS;
    o->prompt_tokens = r->model.prompt_tokens;
    o->seconds = clock_seconds() - started;
    o->budget_seconds = budget_seconds;
}

int tune_run_search(tune_run *r, const tune_loading *how, double budget_seconds, error *err) {
    tune_loading with = *how;
    subject user = { .started = clock_seconds(), .how = how, .shape = r->shape };
    *r = (tune_run){ .outcome.processor_share = 1 };
    int code = tune_model_open(&r->model, &with, err);
    if (code) return code;
    const ridge_model_info info = ridge_model_get_info(r->model.model);
    snprintf(r->shape, sizeof r->shape, "%s", info.shape);
    snprintf(r->usual_backend, sizeof r->usual_backend, "%s", info.backend);
    fprintf(stderr, "%s, %s, for at most about %.0f s\n", how->path, r->usual_backend, budget_seconds);
    code = look_around(r, err);
    if (!code) code = choose_threads(r, &user, &with, budget_seconds, err);
    if (!code) code = search_knobs(r, &user, budget_seconds, err);
    if (!code) code = look_around(r, err);
    if (!code) code = tune_model_same_bits(&r->model, err);
    if (!code) describe(r, how, budget_seconds, user.started);
    return code;
}

void tune_run_free(tune_run *r) {
    tune_result_free(&r->threads);
    tune_result_free(&r->knobs);
    tune_model_close(&r->model);
}
