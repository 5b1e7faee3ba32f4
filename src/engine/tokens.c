/* Text and tokens of a model, and conversations by its chat template. */
#include <string.h>
#include "base/events.h"
#include "base/memory.h"
#include "engine/handle.h"

void ridge_tokens_free(ridge_tokens *t) {
    memory_free(t->ids);
    *t = (ridge_tokens){0};
}

static int need_vocabulary(const ridge_model *m, error *err) {
    return m->tokenizer ? 0 : fail(err, RIDGE_E_BAD_ARGUMENT, "tokens need a model that was opened with RIDGE_LOAD_VOCABULARY or more");
}

int ridge_tokenize(const ridge_model *m, const char *text, size_t n_bytes, int flags, ridge_tokens *out, error *err) {
    int code = need_vocabulary(m, err);
    if (code) return code;
    token_list list = { out->ids, out->n, out->room };
    const unsigned encode = (flags & RIDGE_ADD_SPECIAL ? ENCODE_ADD_SPECIAL : 0u) | (flags & RIDGE_PARSE_SPECIAL ? ENCODE_PARSE_SPECIAL : 0u);
    code = tokenizer_encode(m->tokenizer, text, n_bytes, encode, &list, err);
    *out = (ridge_tokens){ list.id, list.n, list.room };
    return code;
}

/* Hands a buffer's text to a caller, who frees it with ridge_free. */
static int give_text(buffer *b, char **text, size_t *n_bytes, error *err) {
    const size_t n = b->n;
    *text = b->failed ? NULL : memory_copy_text(buffer_text(b), n);
    if (n_bytes) *n_bytes = *text ? n : 0;
    buffer_free(b);
    return *text ? 0 : fail_memory(err, n, "text");
}

int ridge_detokenize(const ridge_model *m, const int32_t *ids, size_t n, int flags, char **text, size_t *n_bytes, error *err) {
    *text = NULL;
    *n_bytes = 0;
    const int code = need_vocabulary(m, err);
    if (code) return code;
    const size_t n_tokens = tokenizer_n_tokens(m->tokenizer);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= n_tokens)
            return fail(err, RIDGE_E_BAD_ARGUMENT, "token %d is not in the vocabulary, which has ids from 0 to %zu", ids[i], n_tokens - 1);
    buffer out = {0};
    const unsigned decode = (flags & RIDGE_ADD_SPECIAL ? DECODE_REMOVE_SPECIAL : 0u) | (flags & RIDGE_PARSE_SPECIAL ? DECODE_UNPARSE_SPECIAL : 0u);
    tokenizer_decode(m->tokenizer, ids, n, decode, &out);
    return give_text(&out, text, n_bytes, err);
}

const char *ridge_token_text(const ridge_model *m, int32_t id, size_t *n_bytes) {
    const text_slice piece = m->tokenizer ? tokenizer_piece(m->tokenizer, id) : (text_slice){ "", 0 };
    *n_bytes = piece.n;
    return piece.text;
}

bool ridge_token_is_end(const ridge_model *m, int32_t id) { return m->tokenizer && tokenizer_is_end_of_generation(m->tokenizer, id); }

/* The template's text of a conversation, appended to *out. */
static int render(const ridge_model *m, const ridge_message *messages, size_t n, bool for_answer, buffer *out, error *err) {
    int code = need_vocabulary(m, err);
    if (code) return code;
    if (!m->template) {                             /* it could not be parsed: only now does that matter */
        if (err) *err = m->template_error;
        return m->template_error.code;
    }
    if (!m->info.has_chat_template)
        event(EVENT_missing_chat_template, "%s has no chat template: messages are marked as in ChatML, which the model may not know", m->info.path);
    chat_message *list = memory_new(n, sizeof *list);
    if (!list) return fail_memory(err, n * sizeof *list, "the messages");
    for (size_t i = 0; i < n; i++) list[i] = (chat_message){ .role = messages[i].role, .content = messages[i].content };
    const chat_template_options options = { .add_generation_prompt = for_answer, .bos_token = m->bos_text, .eos_token = m->eos_text };
    code = chat_template_render(m->template, list, n, &options, out, err);
    if (code) template_failed(m, err);
    memory_free(list);
    return code;
}

int ridge_chat_text(const ridge_model *m, const ridge_message *messages, size_t n, bool for_answer, char **text, error *err) {
    *text = NULL;
    buffer out = {0};
    const int code = render(m, messages, n, for_answer, &out, err);
    if (!code) return give_text(&out, text, NULL, err);
    buffer_free(&out);
    return code;
}

int ridge_chat_tokens(const ridge_model *m, const ridge_message *messages, size_t n, bool for_answer, ridge_tokens *out, error *err) {
    buffer text = {0};
    int code = render(m, messages, n, for_answer, &text, err);
    /* Many templates begin with BOS themselves. */
    const bool has_bos = m->bos_text && *m->bos_text && !strncmp(buffer_text(&text), m->bos_text, strlen(m->bos_text));
    if (!code) code = ridge_tokenize(m, buffer_text(&text), text.n, RIDGE_PARSE_SPECIAL | (has_bos ? 0 : RIDGE_ADD_SPECIAL), out, err);
    buffer_free(&text);
    return code;
}
