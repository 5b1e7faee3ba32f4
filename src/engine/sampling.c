/* See sampling.h. */
#include "engine/sampling.h"
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/memory.h"
#include "engine/profile.h"
#include "engine/session.h"

struct ridge_sampler {
    ridge_sampler_options options;      /* .biases is our own copy */
    uint64_t   seed, random;
    size_t     n_vocab;
    float     *logits;                  /* [n_vocab]: the caller's, changed by biases and penalties */
    uint16_t  *count;                   /* [n_vocab] zeros: penalize's scratch */
    candidates left;
};

/* O'Neill's PCG32: a linear congruential state, of which the high bits are mixed. */
static uint32_t next_random(ridge_sampler *s) {
    const uint64_t old = s->random;
    s->random = old * 6364136223846793005u + (54u << 1 | 1);
    const uint32_t mixed = (uint32_t)((old >> 18 ^ old) >> 27), turn = (uint32_t)(old >> 59);
    return mixed >> turn | mixed << (-turn & 31);
}

static double next_uniform(ridge_sampler *s) {
    const uint64_t high = next_random(s);
    return (double)((high << 32 | next_random(s)) >> 11) * 0x1p-53;
}

/* A seed that differs from run to run. */
static uint64_t fresh_seed(void) {
    const uint64_t t = clock_ns() ^ (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid() << 40;
    return (t ^ t >> 29) * 0xbf58476d1ce4e5b9u >> 32;       /* short enough to be typed again */
}

void ridge_sampler_reset(ridge_sampler *s) {
    s->random = 0;
    next_random(s);
    s->random += s->seed;
    next_random(s);
}

uint64_t ridge_sampler_seed(const ridge_sampler *s) { return s->seed; }

ridge_sampler_options ridge_sampler_options_default(void) {
    return (ridge_sampler_options){
        .seed = -1, .temperature = 0.8f, .dynamic_exponent = 1, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .typical_p = 1,
        .penalty_tokens = 64, .repeat_penalty = 1,
    };
}

static int check_options(const ridge_sampler_options *o, size_t n_vocab, error *err) {
    const struct { const char *name; float value; float least; } ranges[] = {
        { "temperature", o->temperature, -INFINITY }, { "dynamic_range", o->dynamic_range, 0 }, { "dynamic_exponent", o->dynamic_exponent, 0 },
        { "top_p", o->top_p, 0 }, { "min_p", o->min_p, 0 }, { "typical_p", o->typical_p, 0 }, { "top_n_sigma", o->top_n_sigma, -INFINITY },
        { "frequency_penalty", o->frequency_penalty, -INFINITY }, { "presence_penalty", o->presence_penalty, -INFINITY },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (!isfinite(ranges[i].value) || ranges[i].value < ranges[i].least)
            return fail(err, RIDGE_E_BAD_ARGUMENT, "sampling: %s is %g, and must be a finite number%s", ranges[i].name,
                        (double)ranges[i].value, ranges[i].least == 0 ? " of 0 or more" : "");
    if (!(o->repeat_penalty > 0) || !isfinite(o->repeat_penalty))
        return fail(err, RIDGE_E_BAD_ARGUMENT, "sampling: repeat_penalty is %g, and must be above 0 (1: no penalty)", (double)o->repeat_penalty);
    if (o->penalty_tokens < -1)
        return fail(err, RIDGE_E_BAD_ARGUMENT, "sampling: penalty_tokens is %d, and must be -1 (all), 0 (off) or more", o->penalty_tokens);
    for (size_t i = 0; i < o->n_biases; i++) {
        if (o->biases[i].token < 0 || (size_t)o->biases[i].token >= n_vocab)
            return fail(err, RIDGE_E_BAD_ARGUMENT, "sampling: a bias is for token %d, and the vocabulary has %zu", o->biases[i].token, n_vocab);
        if (isnan(o->biases[i].bias)) return fail(err, RIDGE_E_BAD_ARGUMENT, "sampling: the bias of token %d is not a number", o->biases[i].token);
    }
    return 0;
}

int sampler_new(ridge_sampler **out, const ridge_sampler_options *o, size_t n_vocab, error *err) {
    *out = NULL;
    const int code = check_options(o, n_vocab, err);
    if (code) return code;
    ridge_sampler *s = memory_new(1, sizeof *s);
    if (!s) return fail_memory(err, sizeof *s, "a sampler");
    s->options = *o;
    s->n_vocab = n_vocab;
    s->seed = o->seed < 0 ? fresh_seed() : (uint64_t)o->seed;
    ridge_token_bias *biases = memory_new(o->n_biases, sizeof *biases);
    s->options.biases = biases;
    s->logits = memory_new(n_vocab, sizeof *s->logits);
    s->count = memory_new(n_vocab, sizeof *s->count);
    s->left.item = memory_new(n_vocab, sizeof *s->left.item);
    if (!biases || !s->logits || !s->count || !s->left.item) {
        ridge_sampler_free(s);
        return fail_memory(err, n_vocab * (sizeof *s->logits + sizeof *s->count + sizeof *s->left.item), "a sampler");
    }
    if (o->n_biases) memcpy(biases, o->biases, o->n_biases * sizeof *biases);
    ridge_sampler_reset(s);
    *out = s;
    return 0;
}

void ridge_sampler_free(ridge_sampler *s) {
    if (!s) return;
    memory_free((void *)s->options.biases);
    memory_free(s->logits);
    memory_free(s->count);
    memory_free(s->left.item);
    memory_free(s);
}

/* Biases and penalties; returns the logits to choose from: the caller's where nothing changes. */
static const float *adjusted(ridge_sampler *s, const float *logits, const int32_t *history, size_t n) {
    const ridge_sampler_options *o = &s->options;
    const bool penalized = n && o->penalty_tokens && (o->repeat_penalty != 1 || o->frequency_penalty != 0 || o->presence_penalty != 0);
    if (!penalized && !o->n_biases) return logits;
    memcpy(s->logits, logits, s->n_vocab * sizeof *logits);
    for (size_t i = 0; i < o->n_biases; i++) s->logits[o->biases[i].token] += o->biases[i].bias;
    if (penalized) {
        const size_t seen = o->penalty_tokens < 0 || (size_t)o->penalty_tokens > n ? n : (size_t)o->penalty_tokens;
        const penalty amount = { (double)o->repeat_penalty, (double)o->frequency_penalty, (double)o->presence_penalty };
        penalize(s->logits, s->n_vocab, history + n - seen, seen, amount, s->count);
    }
    return s->logits;
}

int32_t sampler_next(ridge_sampler *s, const float *logits, const float *largest, const int32_t *history, size_t n) {
    const ridge_sampler_options *o = &s->options;
    const float *given = logits;
    logits = adjusted(s, logits, history, n);
    if (logits != given) largest = NULL;
    /* Of the filters only typical_p may drop the best one. */
    if (o->temperature <= 0 && !(o->dynamic_range > 0) && o->typical_p >= 1) return greedy_choice(logits, largest, s->n_vocab);
    const bool sigma = o->top_n_sigma > 0;
    candidates_fill(&s->left, logits, largest, s->n_vocab, sigma ? 0 : o->top_k);
    if (sigma) {
        candidates_top_n_sigma(&s->left, (double)o->top_n_sigma);
        candidates_top_k(&s->left, o->top_k);
    }
    candidates_typical_p(&s->left, (double)o->typical_p);
    candidates_top_p(&s->left, (double)o->top_p);
    candidates_min_p(&s->left, (double)o->min_p);
    candidates_dynamic_temperature(&s->left, (double)o->temperature, (double)o->dynamic_range, (double)o->dynamic_exponent);
    return candidates_draw(&s->left, next_uniform(s));
}

int ridge_sampler_new(ridge_sampler **out, const ridge_model *m, const ridge_sampler_options *options, error *err) {
    const ridge_sampler_options o = options ? *options : ridge_sampler_options_default();
    return sampler_new(out, &o, m->info.n_vocab, err);
}

int ridge_sampler_next(ridge_sampler *s, const ridge_session *session, int32_t *token, error *err) {
    if (!session->has_logits) return fail(err, RIDGE_E_BAD_ARGUMENT, "there are no logits to choose from: no token was processed yet");
    if (session->model->info.n_vocab != s->n_vocab) return fail(err, RIDGE_E_BAD_ARGUMENT, "the sampler was made for another model");
    profile_sampling_begins(session->model->profile);
    *token = sampler_next(s, session->logits, session->largest, session->tokens, session->n_tokens);
    profile_sampling_ends(session->model->profile);
    return 0;
}
