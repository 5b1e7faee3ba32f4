/* See conversation.h. */
#include "cli/conversation.h"
#include "base/memory.h"

int conversation_add(conversation *c, const char *role, const char *content, size_t n, error *err) {
    if (c->n == c->room) {
        const size_t room = c->room ? 2 * c->room : 16;
        ridge_message *items = memory_grow(c->items, room, sizeof *items);
        if (!items) return fail_memory(err, room * sizeof *items, "the conversation");
        c->items = items;
        c->room = room;
    }
    char *copy = memory_copy_text(content, n);
    if (!copy) return fail_memory(err, n, "the conversation");
    c->items[c->n++] = (ridge_message){ role, copy };
    return 0;
}

void conversation_drop_last(conversation *c) {
    if (c->n) memory_free((void *)c->items[--c->n].content);
}

void conversation_clear(conversation *c) {
    while (c->n) conversation_drop_last(c);
    memory_free(c->items);
    *c = (conversation){0};
}
