/* Running the patterns of a pre-tokeniser with PCRE2: see pre_tokenizer.h. */
#include "text/pre_tokenizer.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "base/events.h"
#include "base/memory.h"

enum {
    JIT_STACK_BYTES = 512 * 1024,       /* fixed, never growing; a match that needs more is done again by the interpreter */
    HEAP_LIMIT_KIB  = 256 * 1024,       /* for the interpreter's backtracking */
};

struct pre_tokenizer {
    const pre_tokenizer_kind *kind;
    pcre2_general_context *memory;
    pcre2_code *code[PRE_TOKENIZER_MAX_PATTERNS];
    size_t n;
    bool compiled;                      /* to machine code */
};

struct pre_tokenizer_run {
    const pre_tokenizer *p;
    pcre2_match_data    *match[PRE_TOKENIZER_MAX_PATTERNS];     /* one a level: the levels are nested */
    pcre2_match_context *context;
    pcre2_jit_stack     *stack;
};

static void *pcre_allocate(size_t n, void *user) { (void)user; return memory_new(n, 1); }
static void pcre_release(void *p, void *user) { (void)user; memory_free(p); }

int pre_tokenizer_new(pre_tokenizer **out, const pre_tokenizer_kind *kind, error *err) {
    *out = NULL;
    pre_tokenizer *p = memory_new(1, sizeof *p);
    if (!p) return fail_memory(err, sizeof *p, "a pre-tokeniser");
    p->kind = kind;
    p->compiled = true;
    p->memory = pcre2_general_context_create(pcre_allocate, pcre_release, NULL);
    pcre2_compile_context *context = p->memory ? pcre2_compile_context_create(p->memory) : NULL;
    int rc = context ? 0 : fail_memory(err, 0, "a pre-tokeniser");
    for (; !rc && kind->patterns[p->n]; p->n++) {
        int code = 0;
        size_t at = 0;
        p->code[p->n] = pcre2_compile((PCRE2_SPTR)kind->patterns[p->n], PCRE2_ZERO_TERMINATED,
                                      PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &code, &at, context);
        if (!p->code[p->n]) {
            rc = code == PCRE2_ERROR_HEAP_FAILED ? fail_memory(err, 0, "a pre-tokeniser")
               : fail(err, RIDGE_E_INTERNAL, "Pattern %zu of pre-tokeniser %s does not compile: PCRE2 error %d at %zu.", p->n, kind->name, code, at);
            break;
        }
        const int jit = pcre2_jit_compile(p->code[p->n], PCRE2_JIT_COMPLETE);
        if (jit == PCRE2_ERROR_NOMEMORY) rc = fail_memory(err, 0, "a pre-tokeniser");
        else if (jit) p->compiled = false;
    }
    pcre2_compile_context_free(context);
    if (rc) {
        pre_tokenizer_free(p);
        return rc;
    }
    if (!p->compiled) event(EVENT_patterns_interpreted, "PCRE2 has no machine code for %s here; text is split about 4 times slower", kind->name);
    *out = p;
    return 0;
}

void pre_tokenizer_free(pre_tokenizer *p) {
    if (!p) return;
    for (size_t i = 0; i < PRE_TOKENIZER_MAX_PATTERNS; i++) pcre2_code_free(p->code[i]);
    pcre2_general_context_free(p->memory);
    memory_free(p);
}

int pre_tokenizer_run_new(pre_tokenizer_run **out, const pre_tokenizer *p, error *err) {
    *out = NULL;
    pre_tokenizer_run *r = memory_new(1, sizeof *r);
    if (!r) return fail_memory(err, sizeof *r, "a pre-tokeniser");
    r->p = p;
    bool ok = (r->context = pcre2_match_context_create(p->memory)) != NULL;
    for (size_t i = 0; i < p->n && ok; i++) ok = (r->match[i] = pcre2_match_data_create(1, p->memory)) != NULL;
    if (ok && p->compiled) ok = (r->stack = pcre2_jit_stack_create(JIT_STACK_BYTES, JIT_STACK_BYTES, p->memory)) != NULL;
    if (!ok) {
        pre_tokenizer_run_free(r);
        return fail_memory(err, JIT_STACK_BYTES, "a pre-tokeniser");
    }
    pcre2_jit_stack_assign(r->context, NULL, r->stack);
    pcre2_set_heap_limit(r->context, HEAP_LIMIT_KIB);
    pcre2_set_match_limit(r->context, UINT32_MAX);      /* patterns are linear, so a long text is the only reason for a long match */
    *out = r;
    return 0;
}

void pre_tokenizer_run_free(pre_tokenizer_run *r) {
    if (!r) return;
    for (size_t i = 0; i < PRE_TOKENIZER_MAX_PATTERNS; i++) pcre2_match_data_free(r->match[i]);
    pcre2_match_context_free(r->context);
    pcre2_jit_stack_free(r->stack);
    memory_free(r);
}

/* The first match of pattern `level` from `from` on: 1 and its range, 0 for none, or negative. */
static int find(pre_tokenizer_run *r, size_t level, const char *text, size_t n, size_t from, size_t *start, size_t *end, error *err) {
    const pre_tokenizer *p = r->p;
    PCRE2_SPTR subject = (PCRE2_SPTR)text;
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;
    if (p->compiled) rc = pcre2_jit_match(p->code[level], subject, n, from, 0, r->match[level], r->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
        rc = pcre2_match(p->code[level], subject, n, from, PCRE2_NO_JIT | PCRE2_NO_UTF_CHECK, r->match[level], r->context);
    }
    if (rc == PCRE2_ERROR_NOMATCH) return 0;
    if (rc == PCRE2_ERROR_NOMEMORY) return fail_memory(err, 0, "splitting text into words");
    if (rc < 0) return fail(err, RIDGE_E_UNSUPPORTED, "Pre-tokeniser %s cannot split this text: PCRE2 error %d.", p->kind->name, rc);
    const size_t *range = pcre2_get_ovector_pointer(r->match[level]);
    *start = range[0];
    *end = range[1];
    return 1;
}

static int split(pre_tokenizer_run *r, size_t level, const char *text, size_t n, pre_tokenizer_word *word, void *user, error *err) {
    const bool last = level + 1 == r->p->n;
    for (size_t at = 0; at < n;) {
        size_t start = n, end = n;
        int rc = find(r, level, text, n, at, &start, &end, err);
        if (rc < 0) return rc;
        if (start > at) {
            rc = last ? word(user, text + at, start - at, err) : split(r, level + 1, text + at, start - at, word, user, err);
            if (rc) return rc;
        }
        if (end > start) {
            rc = last ? word(user, text + start, end - start, err) : split(r, level + 1, text + start, end - start, word, user, err);
            if (rc) return rc;
        }
        if (end == at) return fail(err, RIDGE_E_INTERNAL, "Pattern %zu of pre-tokeniser %s matches nothing.", level, r->p->kind->name);
        at = end;
    }
    return 0;
}

int pre_tokenizer_split(pre_tokenizer_run *r, const char *text, size_t n, pre_tokenizer_word *word, void *user, error *err) {
    return split(r, 0, text, n, word, user, err);
}
