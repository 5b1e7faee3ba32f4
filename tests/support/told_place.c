/* Where a sentence says that a file is broken: see told_place.h. */
#include "support/told_place.h"
#include <stdio.h>
#include <string.h>
#include "model/gguf.h"

enum { NAME_ROOM = 100 };

/* The text behind `prefix`, or NULL. */
static const char *behind(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) ? NULL : text + strlen(prefix); }

/* Whether the file has what is called so, and where: a value, or the length in front of a tensor's name. */
static bool find(const gguf *g, bool is_key, const char *name, size_t *offset) {
    const gguf_value *v = is_key ? gguf_find(g, name) : NULL;
    const gguf_tensor *t = is_key ? NULL : gguf_find_tensor(g, name);
    if (v) *offset = (size_t)(v->data - gguf_part(g, 0)->data);
    if (t) *offset = (size_t)((const unsigned char *)t->name.text - gguf_part(g, t->part)->data) - 8;
    return v || t;
}

static const char *check(const gguf *g, const char *text) {
    const char *absent = behind(text, "the file has no "), *subject = absent ? absent : text;
    const char *key = behind(subject, "key '"), *tensor = behind(subject, "tensor '");
    char name[NAME_ROOM];
    size_t told, offset = 0;
    int n = 0;
    if (!key && !tensor) return "no key and no tensor is named";
    if (sscanf(key ? key : tensor, "%99[^']'%n", name, &n) != 1 || !n) return "the name has no end";
    const bool has = find(g, key != NULL, name, &offset);
    if (absent) return has ? "the file has it" : NULL;
    if (!has) return "the file does not have it";
    if (sscanf((key ? key : tensor) + n, ", offset %zu: ", &told) != 1) return "there is no offset";
    return told == offset ? NULL : "it lies elsewhere";
}

const char *told_place(const char *sentence, const char *path) {
    const char *text = behind(sentence, path);
    if (!text || !(text = behind(text, ": "))) return "it does not begin with the path";
    if (strstr(text, path)) return "the path is there twice";
    gguf *g;
    error err;
    if (gguf_open(&g, path, &err)) return "the file cannot be opened";
    const char *wrong = check(g, text);
    gguf_close(g);
    return wrong;
}
