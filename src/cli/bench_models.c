/* The models of benchmarks: see bench_models.h. */
#include "cli/bench_models.h"
#include <string.h>
#include "cli/hub.h"
#include "cli/pull.h"
#include "perf/synth.h"

int word_list_parse(void *list, const char *text, error *err) {
    word_list *l = list;
    l->n = 0;
    for (;;) {
        const size_t n = strcspn(text, ",");
        if (!n || n >= WORD_ROOM || l->n == WORD_LIST_MOST)
            return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" is no list of up to %d words, separated by commas", text, WORD_LIST_MOST);
        snprintf(l->word[l->n++], WORD_ROOM, "%.*s", (int)n, text);
        if (!text[n]) return 0;
        text += n + 1;
    }
}

static int add_shape(const char *shape_name, const char *type, buffer *path, error *err) {
    const synth_shape *shape;
    bool made = false;
    int code = synth_shape_find(&shape, shape_name, err);
    if (!code) code = synth_cached(path, shape, type, &made, err);
    if (!code && made) fprintf(stderr, "wrote %s, random weights in the shape of %s\n", buffer_text(path), shape->name);
    return code;
}

int bench_models_find(bench_models *m, error *err) {
    const size_t n_files = m->models.n + m->repos.n, n = n_files + m->shapes.n * m->types.n;
    int code = 0;
    if (!n && m->otherwise) return hub_resolve(m->otherwise, &m->path[m->n++], err);
    if (!n) return fail(err, RIDGE_E_BAD_ARGUMENT, "give a model: -m FILE, or --shape qwen2.5-0.5b for one with random weights");
    if (n > BENCH_MODELS_MOST) return fail(err, RIDGE_E_BAD_ARGUMENT, "%zu models are more than %d", n, BENCH_MODELS_MOST);
    for (; m->n < n && !code; m->n++) {
        buffer *path = &m->path[m->n];
        const size_t shaped = m->n - n_files;               /* the index among those, once the files are through */
        if (m->n < m->models.n) code = hub_resolve(m->models.items[m->n], path, err);
        else if (m->n < n_files) code = pull_missing(m->repos.items[m->n - m->models.n], path, err);
        else code = add_shape(m->shapes.word[shaped / m->types.n], m->types.word[shaped % m->types.n], path, err);
        if (!code && path->failed) code = fail_memory(err, path->n, "a path");
    }
    return code;
}

void bench_models_free(bench_models *m) {
    for (size_t i = 0; i < BENCH_MODELS_MOST; i++) buffer_free(&m->path[i]);
    text_list_free(&m->models);
    text_list_free(&m->repos);
}
