/* Causes of lost time: see why.h. Every number is from the profile and its probes. */
#include "perf/why.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const double LITTLE = 0.001;         /* of the time */

double why_gain(double loss) { return loss > 0 && loss < 1 ? 1 / (1 - loss) - 1 : 0; }

double why_sum(const why_list *list) {
    double sum = list->limit;
    for (size_t i = 0; i < list->n; i++) sum += list->cause[i].loss;
    return sum;
}

/* A new cause; what comes behind the most that there is room for joins the last. */
static why_cause *add(why_list *l, double loss, double recoverable, const char *format, ...) __attribute__((format(printf, 4, 5)));
static why_cause *add(why_list *l, double loss, double recoverable, const char *format, ...) {
    if (l->n == WHY_CAUSES_MOST) {
        why_cause *last = &l->cause[l->n - 1];
        last->loss += loss;
        snprintf(last->cause, sizeof last->cause, "other steps");
        return last;
    }
    why_cause *c = &l->cause[l->n++];
    *c = (why_cause){ .loss = loss, .gain = why_gain(recoverable) };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->cause, sizeof c->cause, format, arguments);
    va_end(arguments);
    return c;
}

static void advise(why_cause *c, const char *text) { snprintf(c->advice, sizeof c->advice, "%s", text); }

/* What to try where a step's own work is above its limit. */
static void advise_step(why_cause *c, const why_setting *s, const profile_line *line, bool memory) {
    if (!strcmp(line->kind, "attention"))
        snprintf(c->advice, sizeof c->advice, "a shorter context: it grows with the position, here %.0f on average", s->position);
    else if (!s->packed) advise(c, "without --no-pack: weights are packed just before each use");
    else if (s->precise) advise(c, "without --precise: 8-bit activations for quantised weights, bf16 for dense ones");
    else if (memory && s->threads < s->cores) snprintf(c->advice, sizeof c->advice, "more threads: %d of %d cores read", s->threads, s->cores);
    else if (!s->tuned) advise(c, "ridge tune: it finds how many panels at once, how far ahead and which chunks are fastest on this machine");
    else if (memory) advise(c, "a kernel that reads further ahead, or more panels at once");
    else advise(c, "a larger tile of this format's kernel, or a format with a cheaper unpacking");
}

/* A step that moves or computes something: the work above its limit. Those that hardly matter are one cause, those below their limit another. */
static void add_steps(const profile_report *r, const why_setting *s, why_list *out) {
    double little = 0, faster = 0;
    int n_little = 0, n_faster = 0;
    for (size_t i = 0; i < r->n; i++) {
        const profile_line *line = &r->line[i];
        if (!(line->limit_ns > 0)) continue;
        const double loss = (line->work_ns - line->limit_ns) / r->totals.total_ns, share = 100 * line->limit_ns / line->work_ns;
        const bool memory = 2 * line->memory_ns > line->limit_ns;
        if (loss < 0) {
            faster += loss;
            n_faster++;
        } else if (loss < LITTLE) {
            little += loss;
            n_little++;
        } else if (memory) {
            const double rate = line->bytes / line->work_ns;
            advise_step(add(out, loss, loss, "%s: %.2f GB/s, %.0f %% of what memory allows", line->text, rate, share), s, line, memory);
        } else {
            const double rate = line->operations / line->work_ns;
            advise_step(add(out, loss, loss, "%s: %.0f Gop/s, %.0f %% of the %s peak", line->text, rate, share, line->arithmetic), s, line, memory);
        }
    }
    if (n_little) advise(add(out, little, little, "%d other kinds of step", n_little), "nothing: they hardly matter");
    if (n_faster)
        advise(add(out, faster, 0, "%d kinds of step are faster than their limit: caches hold what they read, or the limit was probed low", n_faster), "nothing");
}

/* Steps without weights, all together: the fewer there are, the better. */
static void add_small_steps(const profile_report *r, const why_setting *s, why_list *out) {
    double work = 0;
    uint64_t calls = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->line[i].limit_ns > 0) continue;
        work += r->line[i].work_ns;
        calls += r->line[i].calls;
    }
    if (!calls) return;
    const double loss = work / r->totals.total_ns;
    why_cause *c = add(out, loss, loss, "steps without matrices (norms, sums, gates): %.0f a run", (double)calls / (double)r->totals.runs);
    advise(c, s->fused ? "fewer of them: all that the plan can fuse is fused" : "--fuse all: they become part of the matrices beside them");
}

static void add_waits(const profile_report *r, const why_setting *s, why_list *out) {
    double imbalance = 0, barrier = 0, calls = 0;
    for (size_t i = 0; i < r->n; i++) {
        imbalance += r->line[i].imbalance_ns;
        barrier += r->line[i].barrier_ns;
        calls += (double)r->line[i].calls;
    }
    const double total = r->totals.total_ns, least = calls * r->limits.barrier_ns < barrier ? calls * r->limits.barrier_ns : barrier;
    why_cause *c = add(out, imbalance / total, imbalance / total, "threads wait for the slowest of %d: %.2f us a step", s->threads, imbalance / calls * 1e-3);
    if (s->threads > s->cores) advise(c, "fewer threads: there are more than cores");
    else if (s->threads == 1) advise(c, "nothing: one thread waits for nobody");
    else advise(c, "an idle machine: something else may have used a core; else steps that split more evenly");
    c = add(out, barrier / total, (barrier - least) / total, "barriers: %.0f a run, %.2f us each; nothing but barriers takes %.2f us",
            calls / (double)r->totals.runs, barrier / calls * 1e-3, r->limits.barrier_ns * 1e-3);
    advise(c, s->fused ? "fewer steps; the gain is that of barriers at the speed probed" : "--fuse all: fewer steps, fewer barriers");
}

static void add_between(const profile_report *r, const why_setting *s, why_list *out) {
    const ridge_profile_totals *t = &r->totals;
    const double runs = (double)t->runs, total = t->total_ns;
    double loss = t->launch_ns / total;
    advise(add(out, loss, loss, "threads on their way into a run and out of it: %.1f us", t->launch_ns / runs * 1e-3),
           s->decoding ? "an idle machine: threads that sleep must be woken" : "larger chunks (-b): fewer runs");
    loss = t->sampling_ns / total;
    advise(add(out, loss, loss, "sampling: %.1f us a run", t->sampling_ns / runs * 1e-3), "--temp 0, or fewer samplers and penalties (--repeat-penalty 1)");
    loss = t->host_ns / total;
    advise(add(out, loss, loss, "the rest between runs (text, output, the caller): %.1f us", t->host_ns / runs * 1e-3), "a receiver of text that takes less time");
}

static int dearest_first(const void *a, const void *b) {
    const double x = ((const why_cause *)a)->loss, y = ((const why_cause *)b)->loss;
    return (x < y) - (x > y);
}

void why_find(const profile_report *r, const why_setting *s, why_list *out) {
    *out = (why_list){0};
    if (!r->totals.runs || !(r->totals.total_ns > 0)) return;
    out->limit = profile_report_limit_ns(r) / r->totals.total_ns;
    add_small_steps(r, s, out);
    add_waits(r, s, out);
    add_between(r, s, out);
    add_steps(r, s, out);
    qsort(out->cause, out->n, sizeof *out->cause, dearest_first);
}
