/* What a ridge_model is made of: a file, its plan, tokeniser, chat template, and a backend that holds the weights and the KV cache. */
#pragma once
#include "backend.h"
#include "kv/kv.h"
#include "model/model.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

struct ridge_model {
    ridge_load         load;
    gguf              *file;            /* model's, where there is a model; else our own */
    model             *model;           /* from RIDGE_LOAD_PLAN on */
    tokenizer         *tokenizer;       /* from RIDGE_LOAD_VOCABULARY on */
    chat_template     *template;        /* the file's, or a plain one; NULL: template_error says why */
    error              template_error;
    const char        *bos_text, *eos_text;     /* as templates spell them; NULL where there is none */
    const backend_api *api;
    backend           *backend;         /* RIDGE_LOAD_ALL */
    ridge_knob        *knob;            /* [n_knobs]: the backend's, of the model's shape where they are of the whole model */
    size_t             n_knobs;
    kv_pool           *pool;
    uint32_t           context_tokens, chunk_tokens, max_sessions, n_sessions;
    bool               all_logits, precise;
    ridge_profile     *profile;         /* the one that collects now, or NULL */
    ridge_model_info   info;
    char               backend_text[120];
    arena              memory;          /* of info's texts */
};

#define TEMPLATE_KEY "tokenizer.chat_template"

/* Where err tells what is wrong with the file's chat template, puts in front where that lies. */
void template_failed(const ridge_model *m, error *err);

enum {
    CONTEXT_DEFAULT = 4096,             /* most of a context that was not asked for: the KV cache of 128k tokens surprises people */
    CONTEXT_MAX     = 1 << 24,          /* rotation angles are exact up to here */
    CHUNK_DEFAULT   = 512,
};
