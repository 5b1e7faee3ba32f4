/* See session.h and ridge.h. */
#include "engine/session.h"
#include <string.h>
#include "base/memory.h"
#include "engine/candidates.h"
#include "engine/profile.h"

int ridge_session_open(ridge_session **out, ridge_model *m, error *err) {
    *out = NULL;
    if (m->load < RIDGE_LOAD_ALL) return fail(err, RIDGE_E_BAD_ARGUMENT, "a session needs a model that was opened with RIDGE_LOAD_ALL");
    if (m->n_sessions == m->max_sessions)
        return fail(err, RIDGE_E_BAD_ARGUMENT, "the model was opened for %u session%s at once", m->max_sessions, m->max_sessions == 1 ? "" : "s");
    ridge_session *s = memory_new(1, sizeof *s);
    if (!s) return fail_memory(err, sizeof *s, "a session");
    s->model = m;
    s->kv = kv_sequence_new(m->pool);
    m->n_sessions++;
    s->tokens = memory_new(m->context_tokens, sizeof *s->tokens);
    s->logits = memory_new_aligned((size_t)m->info.n_vocab * sizeof *s->logits);
    s->largest = memory_new(logit_blocks(m->info.n_vocab), sizeof *s->largest);
    if (!s->tokens || !s->logits || !s->largest) {
        ridge_session_close(s);
        return fail_memory(err, m->context_tokens * sizeof *s->tokens + m->info.n_vocab * sizeof *s->logits, "a session");
    }
    *out = s;
    return 0;
}

void ridge_session_close(ridge_session *s) {
    if (!s) return;
    kv_sequence_free(&s->kv);
    s->model->n_sessions--;
    memory_free(s->tokens);
    memory_free(s->logits);
    memory_free(s->largest);
    memory_free(s);
}

const int32_t *ridge_session_tokens(const ridge_session *s, size_t *n) {
    *n = s->n_tokens;
    return s->tokens;
}

const float *ridge_session_logits(const ridge_session *s) { return s->has_logits ? s->logits : NULL; }

void ridge_session_truncate(ridge_session *s, size_t n) {
    if (n >= s->n_tokens) return;
    kv_sequence_truncate(&s->kv, (uint32_t)n);
    s->n_tokens = n;
    s->has_logits = false;
}

void ridge_session_cancel(ridge_session *s) { atomic_store(&s->cancelled, true); }

bool session_obeys_cancel(ridge_session *s) { return atomic_exchange(&s->cancelled, false); }

int session_fits(const ridge_session *s, size_t n, error *err) {
    const ridge_model *m = s->model;
    if (n <= m->context_tokens) return 0;
    if (m->context_tokens < m->info.context_trained)
        return fail(err, RIDGE_E_CONTEXT_FULL, "%zu tokens do not fit into the context of %u (the model was trained for %u)", n, m->context_tokens,
                    m->info.context_trained);
    return fail(err, RIDGE_E_CONTEXT_FULL, "%zu tokens do not fit into the context of %u", n, m->context_tokens);
}

static int check_tokens(const ridge_session *s, const int32_t *ids, size_t n, error *err) {
    const uint32_t n_vocab = s->model->info.n_vocab;
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= n_vocab)
            return fail(err, RIDGE_E_BAD_ARGUMENT, "token %d is not in the vocabulary, which has ids from 0 to %u", ids[i], n_vocab - 1);
    return session_fits(s, n > SIZE_MAX - s->n_tokens ? n : s->n_tokens + n, err);
}

/* One run of the plan over ids [n], n <= chunk_tokens. logits: a row for each of the last n_outputs tokens; largest: as a backend's run. */
static int run_chunk(ridge_session *s, const int32_t *ids, size_t n, float *logits, float *largest, size_t n_outputs, error *err) {
    const batch_part part = {
        .tokens = ids, .n_tokens = (uint32_t)n, .first_position = (uint32_t)s->n_tokens,
        .pages = s->kv.pages, .first_output = (uint32_t)(n - n_outputs),
    };
    const batch in = { &part, 1 };
    profile_run_begins(s->model->profile);
    const int code = s->model->api->run(s->model->backend, &in, logits, largest, err);
    if (code) return code;
    profile_run_ends(s->model->profile, &in);
    memcpy(s->tokens + s->n_tokens, ids, n * sizeof *ids);
    s->n_tokens += n;
    s->kv.n_positions = (uint32_t)s->n_tokens;
    return 0;
}

/* all: [n][n_vocab], or NULL: the last row alone, into s->logits. */
static int append(ridge_session *s, const int32_t *ids, size_t n, float *all, error *err) {
    int code = check_tokens(s, ids, n, err);
    if (!code && n) code = kv_sequence_reserve(&s->kv, (uint32_t)(s->n_tokens + n), err);
    if (code || !n) return code;
    const size_t n_vocab = s->model->info.n_vocab;
    s->has_logits = false;
    for (size_t done = 0, now; done < n; done += now) {
        if (session_obeys_cancel(s)) return fail(err, RIDGE_E_CANCELLED, "cancelled after %zu of %zu tokens", done, n);
        now = n - done < s->model->chunk_tokens ? n - done : s->model->chunk_tokens;
        const bool last = done + now == n;
        code = all ? run_chunk(s, ids + done, now, all + done * n_vocab, NULL, now, err) : run_chunk(s, ids + done, now, s->logits, s->largest, last, err);
        if (code) return code;
    }
    if (all) {
        memcpy(s->logits, all + (n - 1) * n_vocab, n_vocab * sizeof *all);
        logits_find_largest(s->largest, s->logits, n_vocab);
    }
    s->has_logits = true;
    return 0;
}

int ridge_session_append(ridge_session *s, const int32_t *ids, size_t n, error *err) { return append(s, ids, n, NULL, err); }

int ridge_session_append_all(ridge_session *s, const int32_t *ids, size_t n, float *logits, error *err) {
    if (!s->model->all_logits) return fail(err, RIDGE_E_BAD_ARGUMENT, "logits of all tokens need a model that was opened with all_logits");
    return append(s, ids, n, logits, err);
}
