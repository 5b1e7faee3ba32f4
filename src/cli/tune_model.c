/* The model of `ridge tune`: see tune_model.h. */
#include "cli/tune_model.h"
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "perf/random.h"

enum {
    PROMPT_TOKENS = 512,
    DECODE_STEPS_MOST = 16,
    FEW_MOST = 8, FEW_TOKENS = 15,              /* 8 + 4 + 2 + 1 */
    PROOF_TOKENS = 3,                           /* one at a time, behind a prompt and 8 */
};
static const double DECODE_SECONDS = 0.004;     /* the least that a sample takes, where DECODE_STEPS_MOST allow it */

/* ---- samples ---- */

static size_t position(const tune_model *m) {
    size_t n;
    ridge_session_tokens(m->session, &n);
    return n;
}

static int append(tune_model *m, int n, error *err) {
    return ridge_session_append(m->session, m->ids + position(m), (size_t)n, err);
}

/* Starts again where `n` more tokens would be too far from an empty context. */
static void make_room(tune_model *m, int n, int most) {
    if (position(m) + (size_t)n > (size_t)most) ridge_session_truncate(m->session, 0);
}

static int run(tune_model *m, ridge_knob_use use, error *err) {
    int code = 0;
    if (use == RIDGE_KNOB_PROMPT) return append(m, m->prompt_tokens, err);
    if (use == RIDGE_KNOB_FEW) for (int n = FEW_MOST; n >= 1 && !code; n /= 2) code = append(m, n, err);
    else for (int i = 0; i < m->decode_steps && !code; i++) code = append(m, 1, err);
    return code;
}

int tune_model_measure(tune_model *m, ridge_knob_use use, double *seconds, error *err) {
    const int most = TUNE_DECODE_TOKENS < m->prompt_tokens ? TUNE_DECODE_TOKENS : m->prompt_tokens;
    if (use == RIDGE_KNOB_PROMPT) ridge_session_truncate(m->session, 0);
    else make_room(m, use == RIDGE_KNOB_FEW ? FEW_TOKENS : m->decode_steps, most);
    const uint64_t start = clock_ns();
    const int code = run(m, use, err);
    *seconds = (double)(clock_ns() - start) * 1e-9;
    return code;
}

/* Each test once, and how many steps a sample of decoding needs. */
static int warm_up(tune_model *m, error *err) {
    double *seconds = m->sample_seconds;
    int code = 0;
    m->decode_steps = 1;
    for (int use = RIDGE_KNOB_PROMPT; use >= RIDGE_KNOB_DECODE && !code; use--) code = tune_model_measure(m, (ridge_knob_use)use, &seconds[use], err);
    if (!code) code = tune_model_measure(m, RIDGE_KNOB_DECODE, &seconds[RIDGE_KNOB_DECODE], err);
    const double step = seconds[RIDGE_KNOB_DECODE];
    while (m->decode_steps < DECODE_STEPS_MOST && m->decode_steps * step < DECODE_SECONDS) m->decode_steps *= 2;
    seconds[RIDGE_KNOB_DECODE] = m->decode_steps * step;
    return code;
}

/* ---- the same bits ---- */

/* Logits [PROOF_TOKENS + 2][n_vocab]. */
static int proof(tune_model *m, float *logits, error *err) {
    const size_t n_vocab = ridge_model_get_info(m->model).n_vocab;
    int code = 0;
    ridge_session_truncate(m->session, 0);
    for (int i = 0; i < PROOF_TOKENS + 2 && !code; i++) {
        code = append(m, i == 0 ? m->prompt_tokens - FEW_MOST - PROOF_TOKENS : i == 1 ? FEW_MOST : 1, err);
        if (!code) memcpy(logits + (size_t)i * n_vocab, ridge_session_logits(m->session), n_vocab * sizeof *logits);
    }
    return code;
}

int tune_model_same_bits(tune_model *m, error *err) {
    size_t n;
    const ridge_knob *k = ridge_model_knobs(m->model, &n);
    const size_t floats = (PROOF_TOKENS + 2) * (size_t)ridge_model_get_info(m->model).n_vocab;
    float *chosen = memory_new(floats, sizeof *chosen), *usual = memory_new(floats, sizeof *usual);
    uint32_t *value = memory_new(n, sizeof *value);
    int code = chosen && usual && value ? proof(m, chosen, err) : fail_memory(err, 2 * floats * sizeof *chosen, "logits");
    for (size_t i = 0; i < n && !code; i++) {
        value[i] = k[i].value;
        code = ridge_model_set_knob(m->model, i, k[i].default_value, err);
    }
    if (!code) code = proof(m, usual, err);
    for (size_t i = 0; i < n && !code; i++) code = ridge_model_set_knob(m->model, i, value[i], err);
    if (!code && memcmp(chosen, usual, floats * sizeof *chosen))
        code = fail(err, RIDGE_E_INTERNAL, "the choices change the logits, which no choice may: nothing was recorded; please report it");
    memory_free(chosen);
    memory_free(usual);
    memory_free(value);
    return code;
}

/* ---- opening ---- */

static int open_model(tune_model *m, const tune_loading *how, uint32_t context, error *err) {
    ridge_model_options o = ridge_model_options_default();
    o.isa = how->isa;
    o.threads = (uint32_t)how->threads;
    o.precise = how->precise;
    o.tuned = false;
    o.context_tokens = context;
    return ridge_model_open(&m->model, how->path, &o, err);
}

/* How many tokens a prompt has: a model with a shorter context takes shorter ones. */
static int choose_prompt(tune_model *m, const tune_loading *how, error *err) {
    ridge_model *plan;
    ridge_model_options o = ridge_model_options_default();
    o.load = RIDGE_LOAD_PLAN;
    const int code = ridge_model_open(&plan, how->path, &o, err);
    if (code) return code;
    const uint32_t trained = ridge_model_get_info(plan).context_trained;
    ridge_model_close(plan);
    m->prompt_tokens = trained && trained < PROMPT_TOKENS ? (int)trained : PROMPT_TOKENS;
    if (m->prompt_tokens >= 2 * (FEW_TOKENS + DECODE_STEPS_MOST)) return 0;
    return fail(err, RIDGE_E_UNSUPPORTED, "%s has a context of %d tokens: too few to measure", how->path, m->prompt_tokens);
}

int tune_model_open(tune_model *m, const tune_loading *how, error *err) {
    *m = (tune_model){0};
    int code = choose_prompt(m, how, err);
    if (!code) code = open_model(m, how, (uint32_t)m->prompt_tokens, err);
    if (!code) code = ridge_session_open(&m->session, m->model, err);
    if (code) return code;
    m->ids = memory_new((size_t)m->prompt_tokens, sizeof *m->ids);
    if (!m->ids) return fail_memory(err, (size_t)m->prompt_tokens * sizeof *m->ids, "the tokens of a test");
    uint64_t seed = 1;
    for (int i = 0; i < m->prompt_tokens; i++) m->ids[i] = (int32_t)random_below(&seed, ridge_model_get_info(m->model).n_vocab);
    return warm_up(m, err);
}

void tune_model_close(tune_model *m) {
    ridge_session_close(m->session);
    ridge_model_close(m->model);
    memory_free(m->ids);
    *m = (tune_model){0};
}
