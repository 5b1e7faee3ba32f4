/* What `ridge tune` found: see tune_report.h. Speeds are ratios of pairs measured in turn. */
#include "perf/tune_report.h"
#include <string.h>
#include "base/machine.h"
#include "perf/build.h"

static double percent(double ratio) { return 100 * (ratio - 1); }

void tune_gain_text(const comparison *c, char *text, size_t room) {
    snprintf(text, room, "%+.1f %% [%+.1f, %+.1f]", percent(c->ratio), percent(c->range.low), percent(c->range.high));
}

/* ---- the table ---- */

static void print_trials(const tune_coordinate *c, FILE *out) {
    const char *between = "";
    if (c->n_trials && c->trial[0].verdict == TUNE_UNTRIED) {
        fputs("no time left", out);
        return;
    }
    for (size_t i = 0; i < c->n_trials; i++) {
        const tune_trial *t = &c->trial[i];
        if (t->verdict == TUNE_KEPT) continue;
        fprintf(out, "%s%u: ", between, t->value);
        between = ", ";
        if (t->verdict == TUNE_UNTRIED) fputs("no time left", out);
        else fprintf(out, "%+.1f %%", percent(t->speed.ratio));
        if (t->verdict == TUNE_UNCONFIRMED || t->verdict == TUNE_HARMFUL) fprintf(out, " (%s)", tune_verdict_name(t->verdict));
    }
}

static void print_coordinate(const tune_outcome *o, const tune_coordinate *c, FILE *out) {
    char gain[64] = "";
    if (c->after != c->before) tune_gain_text(&c->gain, gain, sizeof gain);
    fprintf(out, "%-16s %-24s %8u %8u  %-24s ", c->name, strcmp(c->of, o->shape) ? c->of : "the model", c->before,
            c->after, gain);
    print_trials(c, out);
    fputc('\n', out);
}

static void print_result(const tune_outcome *o, const tune_result *r, FILE *out) {
    for (size_t i = 0; i < r->n; i++) print_coordinate(o, &r->coordinate[i], out);
}

static void print_together(const tune_outcome *o, FILE *out) {
    const tune_result *r = o->knobs;
    char decode[64], prompt[64];
    if (!r->changed) {
        fputs("\nnothing is faster than the defaults beyond noise\n", out);
        return;
    }
    tune_gain_text(&r->decode, decode, sizeof decode);
    tune_gain_text(&r->prompt, prompt, sizeof prompt);
    fprintf(out, "\nall choices together: decoding %d tokens %s, a prompt of %d tokens %s\n", o->decode_tokens, decode, o->prompt_tokens, prompt);
    if (r->taken_back) fputs("together they are slower: the defaults are kept\n", out);
}

void tune_outcome_print(const tune_outcome *o, FILE *out) {
    fprintf(out, "%s (%s), %s\n%s, %.0f s\n\n", o->model, o->shape, o->backend, machine_here()->cpu, o->seconds);
    fprintf(out, "%-16s %-24s %8s %8s  %-24s %s\n", "knob", "of", "before", "chosen", "faster by [95 %]", "rejected, beside what was before");
    if (o->threads) print_result(o, o->threads, out);
    print_result(o, o->knobs, out);
    print_together(o, out);
    fputs("logits: the same bits with the choices and without\n", out);
}

/* ---- JSON ---- */

static json_t *comparison_json(const comparison *c) {
    return json_pack("{s:f s:f s:f s:f}", "ratio", c->ratio, "low", c->range.low, "high", c->range.high, "p", c->p);
}

static json_t *trial_json(const tune_trial *t) {
    return json_pack("{s:I s:f s:f s:f s:i s:s}", "value", (json_int_t)t->value, "ratio", t->speed.ratio, "low", t->speed.range.low, "high",
                     t->speed.range.high, "pairs", t->pairs, "verdict", tune_verdict_name(t->verdict));
}

static const char *use_name(ridge_knob_use use) {
    return use == RIDGE_KNOB_DECODE ? "decode" : use == RIDGE_KNOB_FEW ? "1 to 8 tokens" : "prompt";
}

static json_t *coordinate_json(const tune_coordinate *c) {
    json_t *rejected = json_array();
    for (size_t i = 0; i < c->n_trials; i++) if (c->trial[i].verdict != TUNE_KEPT) json_array_append_new(rejected, trial_json(&c->trial[i]));
    return json_pack("{s:s s:s s:s s:I s:I s:o s:o}", "knob", c->name, "of", c->of, "test", use_name(c->use), "before", (json_int_t)c->before,
                     "after", (json_int_t)c->after, "gain", comparison_json(&c->gain), "rejected", rejected);
}

/* value, default_value, and every comparison that concerned the knob; of: as the record calls it. */
static json_t *choice_json(const tune_outcome *o, const tune_result *r, const char *name, const char *of, uint32_t value, uint32_t default_value) {
    json_t *found = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const tune_coordinate *c = &r->coordinate[i];
        if (!strcmp(c->name, name) && (c->together ? c->before == default_value : !strcmp(c->of, of))) json_array_append_new(found, coordinate_json(c));
    }
    return json_pack("{s:s s:s s:I s:I s:s s:s s:s s:o}", "of", of, "knob", name, "value", (json_int_t)value, "default", (json_int_t)default_value,
                     "model", o->model, "date", o->date, "commit", build_commit, "found", found);
}

json_t *tune_choice_json(const tune_outcome *o, size_t knob) {
    const ridge_knob *k = &o->knob[knob];
    return choice_json(o, o->knobs, k->name, k->of, k->value, k->default_value);
}

json_t *tune_threads_json(const tune_outcome *o) {
    const tune_coordinate *c = &o->threads->coordinate[0];
    return choice_json(o, o->threads, c->name, o->shape, o->threads->taken_back ? c->before : c->after, c->before);
}

json_t *tune_run_json(const tune_outcome *o) {
    const tune_result *r = o->knobs;
    return json_pack("{s:s s:s s:s s:s s:s s:f s:f s:f s:b s:b s:i s:o s:i s:o s:b}", "model", o->model, "file", o->file, "shape", o->shape, "date",
                     o->date, "commit", build_commit, "seconds", o->seconds, "budget_seconds", o->budget_seconds, "processor_share", o->processor_share,
                     "changed", r->changed, "taken_back", r->taken_back, "decode_tokens", o->decode_tokens, "decode", comparison_json(&r->decode),
                     "prompt_tokens", o->prompt_tokens, "prompt", comparison_json(&r->prompt), "same_bits", true);
}

json_t *tune_outcome_json(const tune_outcome *o) {
    json_t *all = tune_run_json(o), *choices = json_array();
    if (o->threads) json_array_append_new(choices, tune_threads_json(o));
    for (size_t i = 0; i < o->n_knobs; i++) json_array_append_new(choices, tune_choice_json(o, i));
    if (!all || json_object_set_new(all, "machine", json_string(machine_here()->fingerprint)) || json_object_set_new(all, "backend", json_string(o->backend)) ||
        json_object_set_new(all, "choices", choices)) {
        json_decref(all);
        return NULL;
    }
    return all;
}
