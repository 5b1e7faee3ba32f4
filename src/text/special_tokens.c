/* The trie of special tokens: see special_tokens.h. */
#include "text/special_tokens.h"
#include "base/memory.h"

static bool is_special(const vocabulary *v, size_t id) {
    const uint8_t type = v->type ? v->type[id] : TOKEN_NORMAL;
    return type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED || type == TOKEN_UNKNOWN;
}

/* The child of `at` for a byte, made if need be; 0 where memory ran out. */
static uint32_t child_for(special_tokens *s, uint32_t at, uint8_t byte) {
    uint32_t previous = 0, next = s->node[at].child;
    for (; next; previous = next, next = s->node[next].sibling) if (s->node[next].byte == byte) return next;
    if (s->n == s->room) {
        const size_t room = 2 * s->room;
        special_node *grown = room < UINT32_MAX ? memory_grow(s->node, room, sizeof *grown) : NULL;
        if (!grown) return 0;
        s->node = grown;
        s->room = room;
    }
    s->node[s->n] = (special_node){ .id = TOKEN_NONE, .byte = byte };
    next = (uint32_t)s->n++;
    if (previous) s->node[previous].sibling = next;
    else s->node[at].child = next;
    return next;
}

int special_tokens_new(special_tokens *s, const vocabulary *v, error *err) {
    *s = (special_tokens){ .room = 256, .n = 1 };
    s->node = memory_new(s->room, sizeof *s->node);
    if (!s->node) return fail_memory(err, s->room * sizeof *s->node, "the special tokens");
    s->node[0].id = TOKEN_NONE;
    for (size_t id = 0; id < v->n_tokens; id++) {
        const text_slice token = v->token[id];
        if (!token.n || !is_special(v, id)) continue;
        uint32_t at = 0;
        for (size_t i = 0; i < token.n; i++) {
            at = child_for(s, at, (uint8_t)token.text[i]);
            if (!at) return fail_memory(err, 2 * s->room * sizeof *s->node, "the special tokens");
        }
        if (s->node[at].id == TOKEN_NONE) s->node[at].id = (int32_t)id;
        s->begins[(uint8_t)token.text[0]] = true;
        if (v->type[id] == TOKEN_USER_DEFINED) s->begins_always[(uint8_t)token.text[0]] = true;
    }
    return 0;
}

void special_tokens_free(special_tokens *s) {
    memory_free(s->node);
    *s = (special_tokens){0};
}

/* The longest token that counts at the front of the text. */
static int32_t longest_at(const special_tokens *s, const vocabulary *v, bool parse, const char *text, size_t n, size_t *length) {
    int32_t id = TOKEN_NONE;
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t next = s->node[at].child;
        while (next && s->node[next].byte != (uint8_t)text[i]) next = s->node[next].sibling;
        if (!next) break;
        at = next;
        const int32_t here = s->node[at].id;
        if (here == TOKEN_NONE || (!parse && v->type[here] != TOKEN_USER_DEFINED)) continue;
        id = here;
        *length = i + 1;
    }
    return id;
}

int32_t special_tokens_find(const special_tokens *s, const vocabulary *v, bool parse, const char *text, size_t n, size_t from, size_t *start, size_t *end) {
    const bool *begins = parse ? s->begins : s->begins_always;
    for (size_t i = from; i < n; i++) {
        if (!begins[(uint8_t)text[i]]) continue;
        size_t length = 0;
        const int32_t id = longest_at(s, v, parse, text + i, n - i, &length);
        if (id == TOKEN_NONE) continue;
        *start = i;
        *end = i + length;
        return id;
    }
    return TOKEN_NONE;
}
