/* Profiles: the backend times each step on each thread, this file makes sums of it and keeps the last runs for a trace.
 *
 * All time between begin and end is in one sum or another: a mark moves along the clock, and whatever it passes is accounted for. The time
 * that the accounting itself takes is left out of the sums. */
#include "engine/profile.h"
#include "base/clock.h"
#include "base/memory.h"
#include "engine/handle.h"
#include "model/arithmetic.h"
#include "plan/cost.h"

enum { PHASES = 2, TEXT_BYTES = 160, SPANS_BEFORE_STEPS = 2 };      /* of a run in the trace: the run, the sampling */

typedef struct {
    ridge_profile_totals totals;
    ridge_profile_row   *row;           /* [n_steps] */
} phase_sums;

/* A run that is kept for the trace. */
typedef struct {
    uint64_t   start, end, sampling_start, sampling_end;
    uint32_t   tokens;
    step_time *times;                   /* [n_threads][n_steps] */
    double    *bytes, *operations;      /* [n_steps] */
} kept_run;

/* Time that no phase has yet: before the first run nobody knows whose it is. */
typedef struct { double sampling_ns, host_ns; uint64_t total_ns; } lead_time;

struct ridge_profile {
    ridge_model *model;
    uint32_t   n_threads;
    size_t     n_steps;
    step_time *times;                   /* of the run in progress */
    phase_sums phase[PHASES];
    kept_run  *kept;                    /* a ring of n_kept_most; the next goes to n_runs % n_kept_most */
    size_t     n_kept_most, n_runs;
    uint64_t   mark;                    /* the time up to here is accounted for */
    uint64_t   run_start, sampling_start, sampling_ns;      /* sampling_ns: since the mark */
    lead_time  lead;
    int        last;                    /* the phase of the last run, or NONE since begin */
    bool       collects;
    arena      memory;
};

/* ---- arithmetic ---- */

static double signed_ns(uint64_t from, uint64_t to) { return (double)(int64_t)(to - from); }

double profile_add_run(ridge_profile_row *rows, const step_time *times, uint32_t n_threads, size_t n_steps, uint64_t start, uint64_t end) {
    double inside = 0;
    for (size_t s = 0; s < n_steps; s++) {
        uint64_t latest = 0;
        double work = 0, imbalance = 0, barrier = 0;
        for (uint32_t t = 0; t < n_threads; t++)
            if (times[t * n_steps + s].done > latest) latest = times[t * n_steps + s].done;
        for (uint32_t t = 0; t < n_threads; t++) {
            const step_time *now = &times[t * n_steps + s];
            const uint64_t before = s ? now[-1].left : now->start;
            work += signed_ns(now->start, now->done);
            imbalance += signed_ns(now->done, latest);
            barrier += signed_ns(latest, now->left) + signed_ns(before, now->start);
        }
        rows[s].calls++;
        rows[s].work_ns += work / n_threads;
        rows[s].imbalance_ns += imbalance / n_threads;
        rows[s].barrier_ns += barrier / n_threads;
    }
    for (uint32_t t = 0; t < n_threads && n_steps; t++) inside += signed_ns(times[t * n_steps].start, times[(t + 1) * n_steps - 1].left);
    return signed_ns(start, end) - inside / n_threads;
}

/* ---- a profile's life ---- */

/* The arithmetic of most of a step's operations. */
static const char *step_arithmetic(const ridge_model *m, const step *s) {
    const kv_shape *kv = &m->model->plan->kv;
    if (s->kind == STEP_attention) return kv->k_type == FORMAT_bf16 && kv->v_type == FORMAT_bf16 ? "bf16" : "f32";
    if (s->kind != STEP_linear) return "";
    const weight *most = &m->model->weights.weight[s->weight[0]];
    for (int i = 1; i < s->n_weights; i++) {
        const weight *w = &m->model->weights.weight[s->weight[i]];
        if ((double)w->rows * w->n > (double)most->rows * most->n) most = w;
    }
    return arithmetic_name(arithmetic_of(most), m->precise);
}

static const char *kind_name(step_kind kind) {
    static const char *const names[] = {
#define STEP_NAME(name, ...) #name,
        STEPS(STEP_NAME)
#undef STEP_NAME
    };
    return names[kind];
}

static bool new_rows(ridge_profile *p) {
    const plan *of = p->model->model->plan;
    for (int i = 0; i < PHASES; i++)
        if (!(p->phase[i].row = arena_new(&p->memory, p->n_steps, sizeof *p->phase[i].row))) return false;
    for (size_t s = 0; s < p->n_steps; s++) {
        char *text = arena_new(&p->memory, TEXT_BYTES, 1);
        if (!text) return false;
        plan_step_text(of, &of->step[s], text, TEXT_BYTES);
        for (int i = 0; i < PHASES; i++)
            p->phase[i].row[s] = (ridge_profile_row){
                .text = text, .kind = kind_name(of->step[s].kind), .layer = of->step[s].layer, .arithmetic = step_arithmetic(p->model, &of->step[s]),
            };
    }
    return true;
}

static bool new_kept(ridge_profile *p) {
    const size_t n = p->n_threads * p->n_steps;
    if (!(p->kept = arena_new(&p->memory, p->n_kept_most, sizeof *p->kept))) return false;
    for (size_t i = 0; i < p->n_kept_most; i++) {
        kept_run *k = &p->kept[i];
        if (!(k->times = arena_new(&p->memory, n, sizeof *k->times)) || !(k->bytes = arena_new(&p->memory, p->n_steps, sizeof *k->bytes)) ||
            !(k->operations = arena_new(&p->memory, p->n_steps, sizeof *k->operations))) return false;
    }
    return true;
}

int ridge_profile_new(ridge_profile **out, ridge_model *m, size_t trace_runs, error *err) {
    *out = NULL;
    if (m->load < RIDGE_LOAD_ALL) return fail(err, RIDGE_E_BAD_ARGUMENT, "a profile needs a model that was opened with RIDGE_LOAD_ALL");
    if (!m->api->time_steps) return fail(err, RIDGE_E_UNSUPPORTED, "the %s backend cannot be timed step by step", m->api->name);
    ridge_profile *p = memory_new(1, sizeof *p);
    if (!p) return fail_memory(err, sizeof *p, "a profile");
    p->model = m;
    p->n_threads = m->api->n_threads(m->backend);
    p->n_steps = m->model->plan->n_steps;
    p->n_kept_most = trace_runs;
    p->times = arena_new(&p->memory, p->n_threads * p->n_steps, sizeof *p->times);
    if (!p->times || !new_rows(p) || !new_kept(p)) {
        const size_t bytes = (trace_runs + 1) * p->n_threads * p->n_steps * sizeof *p->times;
        ridge_profile_free(p);
        return fail_memory(err, bytes, "a profile");
    }
    *out = p;
    return 0;
}

void ridge_profile_free(ridge_profile *p) {
    if (!p) return;
    ridge_profile_end(p);
    arena_free(&p->memory);
    memory_free(p);
}

/* ---- collecting ---- */

/* The time from the mark until now lies between runs: to the phase of the last run, or to the first run's when there is one. */
static void account_between(ridge_profile *p, uint64_t now) {
    const double between = signed_ns(p->mark, now), sampling = (double)p->sampling_ns;
    if (p->last == NONE) {
        p->lead.total_ns += now - p->mark;
        p->lead.sampling_ns += sampling;
        p->lead.host_ns += between - sampling;
    } else {
        ridge_profile_totals *t = &p->phase[p->last].totals;
        t->total_ns += between;
        t->sampling_ns += sampling;
        t->host_ns += between - sampling;
    }
    p->mark = now;
    p->sampling_ns = 0;
}

int ridge_profile_begin(ridge_profile *p, error *err) {
    if (p->model->profile) return fail(err, RIDGE_E_BAD_ARGUMENT, "a profile of this model collects already");
    p->model->profile = p;
    p->collects = true;
    p->model->api->time_steps(p->model->backend, p->times);
    p->last = NONE;
    p->lead = (lead_time){0};
    p->sampling_ns = 0;
    p->mark = clock_ns();
    return 0;
}

void ridge_profile_end(ridge_profile *p) {
    if (!p->collects) return;
    account_between(p, clock_ns());
    p->model->api->time_steps(p->model->backend, NULL);
    p->model->profile = NULL;
    p->collects = false;
}

void profile_run_begins(ridge_profile *p) {
    if (p) p->run_start = clock_ns();
}

static void keep_run(ridge_profile *p, uint32_t tokens, uint64_t end) {
    kept_run *k = &p->kept[p->n_runs % p->n_kept_most];
    k->start = p->run_start;
    k->end = k->sampling_start = k->sampling_end = end;
    k->tokens = tokens;
    for (size_t i = 0; i < p->n_threads * p->n_steps; i++) k->times[i] = p->times[i];
}

void profile_run_ends(ridge_profile *p, const batch *in) {
    if (!p) return;
    const uint64_t end = clock_ns();
    const uint32_t tokens = (uint32_t)batch_tokens(in);
    const int now = tokens == 1 ? RIDGE_PROFILE_DECODE : RIDGE_PROFILE_PROMPT;
    phase_sums *sums = &p->phase[now];
    ridge_profile_totals *t = &sums->totals;
    account_between(p, p->run_start);
    t->total_ns += (double)p->lead.total_ns + signed_ns(p->run_start, end);
    t->sampling_ns += p->lead.sampling_ns;
    t->host_ns += p->lead.host_ns;
    p->lead = (lead_time){0};
    p->last = now;
    t->runs++;
    t->tokens += tokens;
    t->launch_ns += profile_add_run(sums->row, p->times, p->n_threads, p->n_steps, p->run_start, end);
    if (p->n_kept_most) keep_run(p, tokens, end);
    for (size_t s = 0; s < p->n_steps; s++) {
        const step_cost c = plan_step_cost(p->model->model->plan, &p->model->model->weights, &p->model->model->plan->step[s], in);
        sums->row[s].bytes += c.weight_bytes + c.kv_bytes;
        sums->row[s].operations += c.operations;
        if (!p->n_kept_most) continue;
        kept_run *k = &p->kept[p->n_runs % p->n_kept_most];
        k->bytes[s] = c.weight_bytes + c.kv_bytes;
        k->operations[s] = c.operations;
    }
    p->n_runs++;
    p->mark = clock_ns();
}

void profile_sampling_begins(ridge_profile *p) {
    if (p) p->sampling_start = clock_ns();
}

void profile_sampling_ends(ridge_profile *p) {
    if (!p) return;
    const uint64_t end = clock_ns();
    p->sampling_ns += end - p->sampling_start;
    if (p->last == NONE || !p->n_kept_most) return;
    kept_run *k = &p->kept[(p->n_runs - 1) % p->n_kept_most];
    k->sampling_start = p->sampling_start;
    k->sampling_end = end;
}

/* ---- results ---- */

const ridge_profile_row *ridge_profile_rows(const ridge_profile *p, ridge_profile_phase phase, size_t *n, ridge_profile_totals *totals) {
    *n = p->n_steps;
    if (totals) *totals = p->phase[phase].totals;
    return p->phase[phase].row;
}

/* The run itself. */
static void describe_run(const ridge_profile *p, const kept_run *k, ridge_profile_span *out) {
    out->kind = RIDGE_SPAN_RUN;
    out->text = k->tokens == 1 ? "decode" : "prompt";
    out->start_ns = k->start;
    out->end_ns = k->end;
    for (size_t s = 0; s < p->n_steps; s++) {
        out->bytes += k->bytes[s];
        out->operations += k->operations[s];
    }
}

/* One thread's work on one step, or its wait behind it. */
static void describe_step(const ridge_profile *p, const kept_run *k, size_t thread, size_t s, bool waits, ridge_profile_span *out) {
    const step_time *time = &k->times[thread * p->n_steps + s];
    out->kind = waits ? RIDGE_SPAN_WAIT : RIDGE_SPAN_STEP;
    out->thread = (uint32_t)thread;
    out->text = p->phase[0].row[s].text;
    out->layer = p->phase[0].row[s].layer;
    out->start_ns = waits ? time->done : time->start;
    out->end_ns = waits ? time->left : time->done;
    out->bytes = waits ? 0 : k->bytes[s];
    out->operations = waits ? 0 : k->operations[s];
}

bool ridge_profile_get_span(const ridge_profile *p, size_t i, ridge_profile_span *out) {
    const size_t n_kept = p->n_runs < p->n_kept_most ? p->n_runs : p->n_kept_most;
    const size_t spans = SPANS_BEFORE_STEPS + 2 * p->n_threads * p->n_steps, run = i / spans, at = i % spans;
    if (run >= n_kept) return false;
    const kept_run *k = &p->kept[(p->n_runs - n_kept + run) % p->n_kept_most];
    *out = (ridge_profile_span){ .layer = NONE, .tokens = k->tokens };
    if (at == 0) describe_run(p, k, out);
    else if (at == 1) {
        out->kind = RIDGE_SPAN_SAMPLING;
        out->text = "sampling";
        out->start_ns = k->sampling_start;
        out->end_ns = k->sampling_end;
    } else {
        const size_t pair = (at - SPANS_BEFORE_STEPS) / 2;
        describe_step(p, k, pair / p->n_steps, pair % p->n_steps, at % 2, out);
    }
    return true;
}
