/* ridge_generate: a prompt in, tokens and their text out, until something ends it. */
#include <string.h>
#include "base/clock.h"
#include "base/events.h"
#include "engine/sampling.h"
#include "engine/session.h"
#include "engine/stop.h"

/* The text of a generation on its way out. */
typedef struct {
    const ridge_generate_options *options;
    detokenizer decoder;
    stop_filter stop;
    buffer      decoded, final;     /* of one token; kept to reuse their memory */
} outlet;

const char *ridge_end_name(ridge_end end) {
    static const char *const names[] = { "end", "stop", "length", "context", "cancelled" };
    return end >= RIDGE_ENDED && end <= RIDGE_CANCELLED ? names[end] : "unknown";
}

/* How many tokens the session and the prompt share from the start. The last of the prompt is always processed: its logits are wanted. */
static size_t shared_prefix(const ridge_session *s, const int32_t *prompt, size_t n) {
    size_t shared = 0;
    while (shared < n - 1 && shared < s->n_tokens && s->tokens[shared] == prompt[shared]) shared++;
    return shared;
}

static int outlet_check(const outlet *o, error *err) {
    return o->decoded.failed || o->final.failed || o->stop.held.failed ? fail_memory(err, o->final.n, "generated text") : 0;
}

/* Hands out what is final. False where the receiver wants no more. */
static bool outlet_tell(outlet *o, int32_t token) {
    return !o->options->on_token || o->options->on_token(o->options->user, token, buffer_text(&o->final), o->final.n);
}

/* Passes a token on. *ends: a stop text was found, or the receiver wants no more. */
static int outlet_push(outlet *o, int32_t token, ridge_generation *out, bool *ends, error *err) {
    buffer_clear(&o->decoded);
    buffer_clear(&o->final);
    detokenizer_push(&o->decoder, token, &o->decoded);
    *ends = stop_push(&o->stop, buffer_text(&o->decoded), o->decoded.n, &o->final);
    const int code = outlet_check(o, err);
    if (code) return code;
    out->tokens++;
    if (*ends) out->end = RIDGE_STOPPED;
    if (!outlet_tell(o, token) && !*ends) {
        out->end = RIDGE_CANCELLED;
        *ends = true;
    }
    return 0;
}

/* The end: what was held back goes out, unless a stop text took it. */
static int outlet_flush(outlet *o, bool stopped, error *err) {
    buffer_clear(&o->decoded);
    buffer_clear(&o->final);
    if (!stopped) {
        detokenizer_flush(&o->decoder, &o->decoded);
        if (!stop_push(&o->stop, buffer_text(&o->decoded), o->decoded.n, &o->final)) stop_flush(&o->stop, &o->final);
    }
    const int code = outlet_check(o, err);
    if (!code && o->final.n) outlet_tell(o, -1);
    return code;
}

static void context_is_full(const ridge_session *s) {
    const ridge_model *m = s->model;
    if (m->context_tokens < m->info.context_trained)
        event(EVENT_context_shortened, "the context of %u tokens is full; the model was trained for %u: a larger context is possible",
              m->context_tokens, m->info.context_trained);
}

static void count_speed(ridge_generation *out) {
    const size_t chosen = out->tokens + (out->end == RIDGE_ENDED);
    if (out->prompt_seconds > 0) out->prompt_tokens_per_second = (double)out->processed_tokens / out->prompt_seconds;
    if (out->decode_seconds > 0 && chosen > 1) out->tokens_per_second = (double)(chosen - 1) / out->decode_seconds;
}

/* Samples and decodes until out->end is known. The prompt has been processed. */
static int generate_tokens(ridge_session *s, outlet *o, ridge_generation *out, double started, error *err) {
    const ridge_generate_options *options = o->options;
    double first = 0;
    for (;;) {
        if (session_obeys_cancel(s)) {
            out->end = RIDGE_CANCELLED;
            return 0;
        }
        int32_t token;
        bool ends;
        int code = ridge_sampler_next(options->sampler, s, &token, err);
        if (code) return code;
        const double now = clock_seconds();
        if (!first) {
            first = now;
            out->first_token_seconds = now - started;
        }
        out->decode_seconds = now - first;
        if (!options->ignore_end && tokenizer_is_end_of_generation(s->model->tokenizer, token)) {
            out->end = RIDGE_ENDED;
            return 0;
        }
        code = outlet_push(o, token, out, &ends, err);
        if (code || ends) return code;
        if (options->max_tokens && out->tokens >= options->max_tokens) {
            out->end = RIDGE_LENGTH;
            return 0;
        }
        if (s->n_tokens == s->model->context_tokens) {
            out->end = RIDGE_CONTEXT;
            context_is_full(s);
            return 0;
        }
        code = ridge_session_append(s, &token, 1, err);
        if (code == RIDGE_E_CANCELLED) {
            out->end = RIDGE_CANCELLED;
            return 0;
        }
        if (code) return code;
    }
}

static int generate(ridge_session *s, const int32_t *prompt, size_t n, outlet *o, ridge_generation *out, error *err) {
    const double started = clock_seconds();
    out->prompt_tokens = n;
    out->reused_tokens = shared_prefix(s, prompt, n);
    int code = session_fits(s, n, err);
    if (code) return code;
    ridge_session_truncate(s, out->reused_tokens);
    code = ridge_session_append(s, prompt + out->reused_tokens, n - out->reused_tokens, err);
    out->prompt_seconds = clock_seconds() - started;
    out->processed_tokens = s->n_tokens - out->reused_tokens;
    if (code == RIDGE_E_CANCELLED) {
        out->end = RIDGE_CANCELLED;
        return 0;
    }
    if (!code) code = generate_tokens(s, o, out, started, err);
    const int flushed = code ? 0 : outlet_flush(o, out->end == RIDGE_STOPPED, err);
    return code ? code : flushed;
}

int ridge_generate(ridge_session *s, const int32_t *prompt, size_t n, const ridge_generate_options *options, ridge_generation *out, error *err) {
    *out = (ridge_generation){0};
    if (!n) return fail(err, RIDGE_E_BAD_ARGUMENT, "the prompt is empty: there is nothing to continue");
    if (!options || !options->sampler) return fail(err, RIDGE_E_BAD_ARGUMENT, "ridge_generate needs a sampler");
    outlet o = {
        .options = options,
        .decoder = { .t = s->model->tokenizer, .unparse_special = options->show_special },
        .stop = { .texts = options->stop, .n = options->n_stop },
    };
    const int code = generate(s, prompt, n, &o, out, err);
    count_speed(out);
    stop_free(&o.stop);
    buffer_free(&o.decoded);
    buffer_free(&o.final);
    return code;
}
