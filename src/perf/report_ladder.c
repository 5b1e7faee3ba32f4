/* The report's ladder: see report_parts.h. */
#include <stdio.h>
#include <string.h>
#include "perf/report_parts.h"
#include "perf/svg.h"

enum { RUNGS_MOST = 64, MODELS_MOST = 8 };

/* One test's ladder; decoding and prompts have their own. */
typedef struct {
    const char          *name[RUNGS_MOST], *model[MODELS_MOST];
    const history_entry *entry[RUNGS_MOST][MODELS_MOST], *longest;      /* longest: of most tokens, slow rungs measure fewer */
    size_t               n_rungs, n_models;
    double               fastest;
} ladder_part;

static size_t find_name(const char **names, size_t *n, size_t most, const char *name) {
    size_t i = 0;
    while (i < *n && strcmp(names[i], name)) i++;
    if (i == *n && *n < most) names[(*n)++] = name;
    return i;
}

static bool same_ladder(const history_entry *a, const history_entry *b) {
    return !strcmp(a->commit, b->commit) && !strcmp(a->machine, b->machine) && a->threads == b->threads && a->n_depth == b->n_depth;
}

/* Rungs and models in the order in which they were recorded; of several results the latest. */
static void collect(ladder_part *l, const history *h, const history_entry *latest, bool prompts) {
    *l = (ladder_part){0};
    for (size_t i = 0; i < h->n; i++) {
        const history_entry *e = &h->entry[i];
        if (!*e->rung || !same_ladder(e, latest) || (e->n_prompt > 0) != prompts) continue;
        const size_t rung = find_name(l->name, &l->n_rungs, RUNGS_MOST, e->rung), model = find_name(l->model, &l->n_models, MODELS_MOST, e->model);
        if (rung == RUNGS_MOST || model == MODELS_MOST) continue;
        l->entry[rung][model] = e;
        if (!l->longest || e->n_prompt + e->n_gen > l->longest->n_prompt + l->longest->n_gen) l->longest = e;
    }
    for (size_t rung = 0; rung < l->n_rungs; rung++)
        for (size_t model = 0; model < l->n_models; model++)
            if (l->entry[rung][model] && l->entry[rung][model]->speed > l->fastest) l->fastest = l->entry[rung][model]->speed;
}

/* The speed of the lowest rung of this model. */
static double lowest(const ladder_part *l, size_t model) {
    for (size_t rung = 0; rung < l->n_rungs; rung++) if (l->entry[rung][model]) return l->entry[rung][model]->speed;
    return 0;
}

static const char *flags_of(const ladder_part *l, size_t rung) {
    for (size_t model = 0; model < l->n_models; model++) if (l->entry[rung][model]) return l->entry[rung][model]->rung_flags;
    return "";
}

/* Each flag with its value may go to another line. */
static void put_flags(buffer *b, const char *flags) {
    for (const char *next; *flags; flags = next) {
        char one[100];
        next = strstr(flags + 1, " --");
        next = next ? next + 1 : flags + strlen(flags);
        snprintf(one, sizeof one, "%.*s", (int)(next - flags), flags);
        buffer_append_text(b, " <code>");
        html_text(b, one);
        buffer_append_text(b, "</code>");
    }
}

static void put_rung(buffer *b, const ladder_part *l, size_t rung) {
    buffer_append_text(b, "<div class=\"rung\"><h3>");
    html_text(b, l->name[rung]);
    put_flags(b, flags_of(l, rung));
    buffer_append_text(b, "</h3>\n");
    for (size_t model = 0; model < l->n_models; model++) {
        const history_entry *e = l->entry[rung][model];
        if (!e) continue;
        buffer_append_text(b, "<div class=\"row\"><span>");
        html_text(b, e->model);
        buffer_printf(b, "</span><span class=\"bar\"><i style=\"width:%.1f%%\"></i></span><span class=\"r\"><b>%.1f</b> tok/s, ×%.3g",
                      100 * e->speed / l->fastest, e->speed, e->speed / lowest(l, model));
        if (e->share > 0) buffer_printf(b, ", %.*f %%", e->share < 0.1, 100 * e->share);
        buffer_append_text(b, "</span></div>\n");
    }
    buffer_append_text(b, "</div>\n");
}

static void put_ladder(buffer *b, const ladder_part *l) {
    char test[64];
    history_test_name(l->longest, test, sizeof test);
    buffer_printf(b, "<article class=\"card ladder\"><h3><span class=\"test\">%s</span></h3>\n", test);
    for (size_t rung = 0; rung < l->n_rungs; rung++) put_rung(b, l, rung);
    buffer_append_text(b, "</article>\n");
}

void report_ladder(buffer *b, const history *h) {
    static ladder_part l;
    size_t i = h->n;
    while (i > 0 && !*h->entry[i - 1].rung) i--;
    if (!i) return;
    buffer_append_text(b, "<h2>Ladder</h2>\n<p class=\"note\">Each rung adds one thing to those above it. Commit <code>");
    html_text(b, h->entry[i - 1].commit);
    buffer_append_text(b, "</code>; the factor is over the first rung, the percentage is of the ceiling.</p>\n");
    for (int prompts = 0; prompts < 2; prompts++) {
        collect(&l, h, &h->entry[i - 1], prompts);
        if (l.n_rungs) put_ladder(b, &l);
    }
}
