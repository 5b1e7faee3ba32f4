/* The messages of a chat, as ridge_chat_tokens wants them. */
#pragma once
#include "base/error.h"

typedef struct {
    ridge_message *items;           /* role: a literal; content: owned */
    size_t n, room;
} conversation;

/* role is borrowed, content [n] copied. */
int  conversation_add(conversation *c, const char *role, const char *content, size_t n, error *err);
void conversation_drop_last(conversation *c);
void conversation_clear(conversation *c);       /* no messages, no memory */
