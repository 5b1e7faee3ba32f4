/* The search of `ridge tune`: see tune_search.h. */
#include "perf/tune_search.h"
#include <stdio.h>
#include <string.h>
#include "base/memory.h"

/* Pairs: in a round, at most until a candidate is decided, and to confirm it. At least 8 for anything to be significant; a prompt takes long. */
static const struct { int round, most, confirm; } efforts[] = {
    [RIDGE_KNOB_DECODE] = { 16, 64, 32 }, [RIDGE_KNOB_FEW] = { 12, 36, 24 }, [RIDGE_KNOB_PROMPT] = { 8, 24, 16 },
};
enum { PAIRS_MOST = 64 };

static const double LEAST_GAIN = 0.01;          /* of the time that a coordinate is about */
static const double LEAST_THRESHOLD = 0.0025;   /* of all time: less is no use, whatever it is about */
static const double LEAST_SHARE = 0.02;         /* of the bytes: a coordinate of fewer cannot be seen to win */
/* Shares of the budget after which no round is begun; the rest is for comparing all choices together with none. */
static const double DECODE_UNTIL = 0.55, PROMPT_UNTIL = 0.85;

typedef struct { double now[PAIRS_MOST], before[PAIRS_MOST]; int n; } pairs;

static const comparison no_difference = { .ratio = 1, .range = { 1, 1 }, .p = 1, .verdict = COMPARE_SAME };

const char *tune_verdict_name(tune_verdict v) {
    switch (v) {
        case TUNE_KEPT:        return "kept";
        case TUNE_SLOWER:      return "slower";
        case TUNE_UNCONFIRMED: return "not confirmed";
        case TUNE_HARMFUL:     return "slower elsewhere";
        case TUNE_BEATEN:      return "another is faster";
        case TUNE_UNTRIED:     return "no time left";
        case TUNE_SAME:        break;
    }
    return "no difference";
}

/* ---- pairs ---- */

static bool are_alike(const tune_subject *s, size_t a, size_t b) {
    return !strcmp(s->knob[a].name, s->knob[b].name) && s->knob[a].default_value == s->knob[b].default_value;
}

static bool concerns(const tune_subject *s, const tune_coordinate *c, size_t knob) {
    return knob == c->knob || (c->together && are_alike(s, knob, c->knob));
}

static int turn(const tune_subject *s, const tune_coordinate *c, uint32_t value, error *err) {
    int code = 0;
    for (size_t i = 0; i < s->n_knobs && !code; i++) if (concerns(s, c, i)) code = s->set(s->user, i, value, err);
    return code;
}

/* Takes n more pairs: in turn, and every other pair the other way round, so that a drift meets both alike. */
static int take_pairs(const tune_subject *s, const tune_coordinate *c, uint32_t value, ridge_knob_use use, int n, pairs *p, error *err) {
    int code = 0;
    for (const int until = p->n + n; p->n < until && !code; p->n++)
        for (int k = 0; k < 2 && !code; k++) {
            const bool candidate = (p->n + k) % 2;
            double seconds;
            code = turn(s, c, candidate ? value : c->before, err);
            if (!code) code = s->measure(s->user, use, &seconds, err);
            if (!code) (candidate ? p->now : p->before)[p->n] = 1 / seconds;
        }
    return code;
}

static int judge(comparison *out, const pairs *p, double threshold, error *err) {
    return compare_pairs(out, p->now, p->before, (size_t)p->n, threshold, err);
}

/* ---- one coordinate ---- */

static double threshold_of(const tune_coordinate *c) {
    const double threshold = LEAST_GAIN * c->share;
    return threshold > LEAST_THRESHOLD ? threshold : LEAST_THRESHOLD;
}

static bool time_is_left(const tune_subject *s, ridge_knob_use use) {
    const double round_seconds = 2 * efforts[use].round * s->sample_seconds[use];
    return s->spent_seconds(s->user) + round_seconds <= s->budget_seconds * (use == RIDGE_KNOB_PROMPT ? PROMPT_UNTIL : DECODE_UNTIL);
}

/* Whether the candidate may be faster: TUNE_BEATEN until it is known to be the fastest. */
static int screen(const tune_subject *s, const tune_coordinate *c, tune_trial *t, error *err) {
    pairs p = { .n = 0 };
    const double threshold = threshold_of(c), wanted = 1 / (1 - threshold);
    bool open = true;
    int code = 0;
    while (open && !code && time_is_left(s, c->use)) {
        code = take_pairs(s, c, t->value, c->use, efforts[c->use].round, &p, err);
        if (!code) code = judge(&t->speed, &p, threshold, err);
        open = p.n + efforts[c->use].round <= efforts[c->use].most && t->speed.verdict != COMPARE_FASTER && t->speed.range.high >= wanted;
    }
    t->pairs = p.n;
    if (!p.n) t->verdict = TUNE_UNTRIED;
    else if (t->speed.verdict == COMPARE_FASTER) t->verdict = TUNE_BEATEN;
    else t->verdict = t->speed.verdict == COMPARE_SLOWER ? TUNE_SLOWER : TUNE_SAME;
    return code;
}

/* What is faster here and slower there is no gain. The estimate decides, not a proof: a candidate lost to noise costs less than a loss kept. */
static int check_elsewhere(const tune_subject *s, const tune_coordinate *c, tune_trial *t, error *err) {
    if (c->use != RIDGE_KNOB_PROMPT && !s->prompts_count) return 0;
    const ridge_knob_use elsewhere = c->use == RIDGE_KNOB_PROMPT ? RIDGE_KNOB_DECODE : RIDGE_KNOB_PROMPT;
    pairs p = { .n = 0 };
    comparison speed;
    int code = take_pairs(s, c, t->value, elsewhere, efforts[elsewhere].confirm, &p, err);
    if (!code) code = judge(&speed, &p, LEAST_GAIN, err);
    if (!code && speed.ratio < 1 - LEAST_GAIN) t->verdict = TUNE_HARMFUL;
    return code;
}

/* Measures a candidate that won once more; TUNE_KEPT where it wins again. */
static int confirm(const tune_subject *s, const tune_coordinate *c, tune_trial *t, error *err) {
    pairs p = { .n = 0 };
    int code = take_pairs(s, c, t->value, c->use, efforts[c->use].confirm, &p, err);
    if (!code) code = judge(&t->speed, &p, threshold_of(c), err);
    if (code) return code;
    t->pairs = p.n;
    t->verdict = t->speed.verdict == COMPARE_FASTER ? TUNE_KEPT : TUNE_UNCONFIRMED;
    return t->verdict == TUNE_KEPT ? check_elsewhere(s, c, t, err) : 0;
}

/* The fastest of those that won and are not decided, or NULL. */
static tune_trial *fastest(tune_coordinate *c) {
    tune_trial *best = NULL;
    for (size_t i = 0; i < c->n_trials; i++)
        if (c->trial[i].verdict == TUNE_BEATEN && (!best || c->trial[i].speed.ratio > best->speed.ratio)) best = &c->trial[i];
    return best;
}

static void tell(const tune_subject *s, const tune_coordinate *c, const tune_trial *t) {
    if (s->progress) s->progress(s->user, c, t);
}

static int search_coordinate(const tune_subject *s, tune_coordinate *c, error *err) {
    const ridge_knob *k = &s->knob[c->knob];
    int code = 0;
    c->before = c->after = k->value;
    for (size_t i = 0; i < k->n_candidates && c->n_trials < TUNE_CANDIDATES_MOST && !code; i++) {
        if (k->candidates[i] == c->before) continue;
        tune_trial *t = &c->trial[c->n_trials++];
        *t = (tune_trial){ .value = k->candidates[i], .speed = no_difference };
        code = screen(s, c, t, err);
        if (!code && (t->verdict != TUNE_UNTRIED || c->n_trials == 1)) tell(s, c, t);
    }
    for (tune_trial *t; !code && c->after == c->before && (t = fastest(c)); ) {
        code = confirm(s, c, t, err);
        if (!code) tell(s, c, t);
        if (code || t->verdict != TUNE_KEPT) continue;
        c->after = t->value;
        c->gain = t->speed;
    }
    return code ? code : turn(s, c, c->after, err);
}

/* ---- all of them ---- */

static size_t knobs_called(const tune_subject *s, const char *name) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_knobs; i++) n += !strcmp(s->knob[i].name, name);
    return n;
}

static tune_coordinate *add(tune_result *r, const tune_subject *s, size_t knob, double share) {
    const ridge_knob *k = &s->knob[knob];
    tune_coordinate *c = &r->coordinate[r->n++];
    *c = (tune_coordinate){ .name = k->name, .use = k->use, .knob = knob, .share = share, .gain = no_difference };
    snprintf(c->of, sizeof c->of, "%s", k->of);
    return c;
}

/* The knob and those like it together, where it is the first of several. all_bytes: of all weights. */
static void add_together(const tune_subject *s, tune_result *r, size_t knob, double all_bytes) {
    const size_t of_name = knobs_called(s, s->knob[knob].name);
    size_t n = 0;
    double bytes = 0;
    for (size_t i = 0; i < s->n_knobs; i++) {
        if (!are_alike(s, i, knob)) continue;
        if (i < knob) return;
        bytes += s->knob[i].bytes;
        n++;
    }
    if (n < 2 || bytes < LEAST_SHARE * all_bytes) return;
    tune_coordinate *c = add(r, s, knob, bytes / all_bytes);
    c->together = true;
    if (n == of_name) snprintf(c->of, sizeof c->of, "all matrices");
    else snprintf(c->of, sizeof c->of, "all matrices with %u", s->knob[knob].default_value);
}

/* The knob that is not in `listed` yet and is about most bytes, the first of equals; n_knobs where all are. */
static size_t next_largest(const tune_subject *s, const bool *listed) {
    size_t best = s->n_knobs;
    for (size_t i = 0; i < s->n_knobs; i++)
        if (!listed[i] && (best == s->n_knobs || s->knob[i].bytes > s->knob[best].bytes)) best = i;
    return best;
}

static void add_model_knobs(const tune_subject *s, tune_result *r, ridge_knob_use use) {
    for (size_t i = 0; i < s->n_knobs; i++) if (s->knob[i].use == use && knobs_called(s, s->knob[i].name) == 1) add(r, s, i, 1);
}

/* The bytes of all weights: what a knob of the whole model is about, or all of one name together. */
static double all_bytes_of(const tune_subject *s) {
    double most = 0;
    for (size_t i = 0; i < s->n_knobs; i++) {
        double bytes = 0;
        for (size_t k = 0; k < s->n_knobs; k++) if (!strcmp(s->knob[k].name, s->knob[i].name)) bytes += s->knob[k].bytes;
        if (bytes > most) most = bytes;
    }
    return most;
}

/* The order of the search: the most bytes first, prompts behind all that is about decoding. Knobs that every group of matrices has are turned
 * together, then, when the model's own are through, each on its own. */
static void list_coordinates(const tune_subject *s, tune_result *r, bool *listed) {
    const double all = all_bytes_of(s);
    for (size_t i = 0; i < s->n_knobs; i++) {
        listed[i] = knobs_called(s, s->knob[i].name) == 1;
        if (!listed[i]) add_together(s, r, i, all);
    }
    add_model_knobs(s, r, RIDGE_KNOB_DECODE);
    add_model_knobs(s, r, RIDGE_KNOB_FEW);
    for (size_t i; (i = next_largest(s, listed)) < s->n_knobs; ) {
        listed[i] = true;
        if (s->knob[i].bytes >= LEAST_SHARE * all) add(r, s, i, s->knob[i].bytes / all);
    }
    add_model_knobs(s, r, RIDGE_KNOB_PROMPT);
}

static int set_all(const tune_subject *s, const uint32_t *values, error *err) {
    int code = 0;
    for (size_t i = 0; i < s->n_knobs && !code; i++) code = s->set(s->user, i, values[i], err);
    return code;
}

static int compare_sets(const tune_subject *s, const uint32_t *before, const uint32_t *after, ridge_knob_use use, comparison *out, error *err) {
    pairs p = { .n = 0 };
    int code = 0;
    for (; p.n < efforts[use].confirm && !code; p.n++)
        for (int k = 0; k < 2 && !code; k++) {
            const bool now = (p.n + k) % 2;
            double seconds;
            code = set_all(s, now ? after : before, err);
            if (!code) code = s->measure(s->user, use, &seconds, err);
            if (!code) (now ? p.now : p.before)[p.n] = 1 / seconds;
        }
    return code ? code : judge(out, &p, LEAST_GAIN, err);
}

static bool seems_slower(const comparison *c) { return c->ratio < 1 - LEAST_GAIN && c->range.high < 1; }

/* Where it seems slower, once more: only then everything would be lost. */
static int compare_all(const tune_subject *s, const uint32_t *before, const uint32_t *after, ridge_knob_use use, comparison *out, error *err) {
    const int code = compare_sets(s, before, after, use, out, err);
    return code || !seems_slower(out) ? code : compare_sets(s, before, after, use, out, err);
}

/* All choices together with none of them: the search changed one thing at a time. Where there is but one, that is known. */
static int verify(const tune_subject *s, const uint32_t *before, uint32_t *after, tune_result *r, error *err) {
    for (size_t i = 0; i < s->n_knobs; i++) {
        after[i] = s->knob[i].value;
        r->changed |= after[i] != before[i];
    }
    if (!r->changed || r->n == 1) return 0;
    int code = compare_all(s, before, after, RIDGE_KNOB_DECODE, &r->decode, err);
    if (!code) code = compare_all(s, before, after, RIDGE_KNOB_PROMPT, &r->prompt, err);
    if (code) return code;
    r->taken_back = seems_slower(&r->decode) || seems_slower(&r->prompt);
    return set_all(s, r->taken_back ? before : after, err);
}

int tune_search(const tune_subject *s, tune_result *r, error *err) {
    *r = (tune_result){ .decode = no_difference, .prompt = no_difference };
    uint32_t *before = memory_new(s->n_knobs, sizeof *before), *after = memory_new(s->n_knobs, sizeof *after);
    bool *listed = memory_new(s->n_knobs, sizeof *listed);
    r->coordinate = memory_new(2 * s->n_knobs, sizeof *r->coordinate);
    int code = before && after && listed && r->coordinate ? 0 : fail_memory(err, 2 * s->n_knobs * sizeof *r->coordinate, "a search");
    if (!code) {
        for (size_t i = 0; i < s->n_knobs; i++) before[i] = s->knob[i].value;
        list_coordinates(s, r, listed);
    }
    for (size_t i = 0; i < r->n && !code; i++) code = search_coordinate(s, &r->coordinate[i], err);
    if (!code) code = verify(s, before, after, r, err);
    memory_free(before);
    memory_free(after);
    memory_free(listed);
    return code;
}

void tune_result_free(tune_result *r) {
    memory_free(r->coordinate);
    r->coordinate = NULL;
    r->n = 0;
}
