/* See answer.h. */
#include "cli/answer.h"
#include <errno.h>
#include <string.h>
#include "base/memory.h"
#include "cli/interrupt.h"

typedef struct {
    answer *answer;
    bool    stream;
    int     code;                   /* of the first failure */
    error   err;
} receiver;

static int keep_token(ridge_tokens *t, int32_t token, error *err) {
    if (t->n == t->room) {
        const size_t room = t->room ? 2 * t->room : 256;
        int32_t *ids = memory_grow(t->ids, room, sizeof *ids);
        if (!ids) return fail_memory(err, room * sizeof *ids, "the answer");
        t->ids = ids;
        t->room = room;
    }
    t->ids[t->n++] = token;
    return 0;
}

static bool receive(void *user, int32_t token, const char *text, size_t n) {
    receiver *r = user;
    buffer_append(&r->answer->text, text, n);
    if (r->answer->text.failed) r->code = fail_memory(&r->err, n, "the answer");
    if (!r->code && token >= 0) r->code = keep_token(&r->answer->tokens, token, &r->err);
    if (!r->code && r->stream && n && (fwrite(text, 1, n, stdout) != n || fflush(stdout)))
        r->code = fail(&r->err, RIDGE_E_IO, "standard output cannot be written: %s", strerror(errno));
    return !r->code;
}

int answer_ask(answer *a, ridge_session *s, ridge_sampler *sampler, const ridge_tokens *prompt, const answer_settings *settings, error *err) {
    receiver r = { .answer = a, .stream = settings->stream };
    const ridge_generate_options options = {
        .sampler = sampler, .max_tokens = settings->max_tokens > 0 ? (size_t)settings->max_tokens : 0, .stop = settings->stops.items,
        .n_stop = settings->stops.n, .ignore_end = settings->ignore_end, .show_special = settings->special, .on_token = receive, .user = &r,
    };
    interrupt_cancels(s, !settings->chat);
    const int code = ridge_generate(s, prompt->ids, prompt->n, &options, &a->g, err);
    interrupt_ends_program();
    if (code || !r.code) return code;
    *err = r.err;
    return r.code;
}

void answer_hint(error *err, const char *hint) {
    const error before = *err;
    fail(err, before.code, "%s; %s", before.text, hint);
}

void answer_free(answer *a) {
    buffer_free(&a->text);
    ridge_tokens_free(&a->tokens);
    *a = (answer){0};
}
