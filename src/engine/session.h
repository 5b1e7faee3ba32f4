/* A ridge_session: a sequence of tokens, their place in the KV cache, and the logits behind the last of them. */
#pragma once
#include <stdatomic.h>
#include "engine/handle.h"

struct ridge_session {
    ridge_model *model;
    kv_sequence  kv;
    int32_t     *tokens;            /* [n_tokens]: processed; room for the whole context */
    size_t       n_tokens;
    float       *logits;            /* [n_vocab] */
    float       *largest;           /* [logit_blocks(n_vocab)] of them, as the backend told */
    bool         has_logits;        /* behind tokens[n_tokens - 1] */
    atomic_bool  cancelled;         /* set by ridge_session_cancel, cleared by whoever obeys */
};

/* True once after ridge_session_cancel. */
bool session_obeys_cancel(ridge_session *s);

/* 0, or RIDGE_E_CONTEXT_FULL naming both sizes where n tokens are more than a session holds. */
int session_fits(const ridge_session *s, size_t n, error *err);
