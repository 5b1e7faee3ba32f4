/* Scopes: see jinja_scope.h. */
#include "text/jinja_scope.h"
#include <string.h>

jinja_scope *jinja_scope_new(jinja *j, jinja_scope *parent) {
    jinja_scope *s = jinja_allocate(j, 1, sizeof *s);
    if (s) s->parent = parent;
    return s;
}

static size_t find(const jinja_scope *s, jinja_text name) {
    for (size_t i = 0; i < s->n; i++)
        if (s->names[i].name.n == name.n && !memcmp(s->names[i].name.data, name.data, name.n)) return i;
    return SIZE_MAX;
}

void jinja_scope_set(jinja *j, jinja_scope *s, jinja_text name, jinja_value value) {
    if (j->code || !jinja_step(j, s->n / 16)) return;
    const size_t at = find(s, name);
    if (at != SIZE_MAX) { s->names[at].value = value; return; }
    if (s->n == s->room) {
        const size_t room = s->room ? 2 * s->room : 4;
        void *names = jinja_allocate(j, room, sizeof *s->names);
        if (!names) return;
        if (s->n) memcpy(names, s->names, s->n * sizeof *s->names);
        s->names = names;
        s->room = room;
    }
    s->names[s->n].name = name;
    s->names[s->n++].value = value;
}

const jinja_value *jinja_scope_find(const jinja_scope *s, jinja_text name) {
    for (; s; s = s->parent) {
        const size_t at = find(s, name);
        if (at != SIZE_MAX) return &s->names[at].value;
    }
    return NULL;
}
