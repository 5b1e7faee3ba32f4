/* See quality.h. */
#include "perf/quality.h"
#include <math.h>
#include <stdlib.h>
#include "base/memory.h"

static size_t best_of(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

quality_token quality_of(const float *logits, const float *reference, size_t n_vocab, int32_t next) {
    quality_token t = {0};
    const size_t best = best_of(logits, n_vocab), reference_best = reference ? best_of(reference, n_vocab) : 0;
    const double top = logits[best], reference_top = reference ? reference[reference_best] : 0;
    double sum = 0, reference_sum = 0, apart = 0;       /* apart: p_ref (log p_ref - log p), but for the sums */
    for (size_t i = 0; i < n_vocab; i++) {
        sum += exp(logits[i] - top);
        if (!reference) continue;
        const double p = exp(reference[i] - reference_top);
        reference_sum += p;
        if (p > 0) apart += p * ((reference[i] - reference_top) - (logits[i] - top));
    }
    t.nll = log(sum) - (logits[next] - top);
    if (!reference) return t;
    t.reference_nll = log(reference_sum) - (reference[next] - reference_top);
    t.kl = fmax(0, apart / reference_sum - log(reference_sum) + log(sum));
    t.same_top = best == reference_best;
    return t;
}

int quality_add(quality *q, const quality_token *t, error *err) {
    if (q->n == q->room) {
        const size_t room = q->room ? 2 * q->room : 1024;
        double *kl = memory_grow(q->kl, room, sizeof *kl);
        if (!kl) return fail_memory(err, room * sizeof *kl, "divergences");
        q->kl = kl;
        q->room = room;
    }
    q->kl[q->n++] = t->kl;
    q->nll += t->nll;
    q->nll_squared += t->nll * t->nll;
    q->reference_nll += t->reference_nll;
    q->n_same_top += t->same_top;
    return 0;
}

void quality_free(quality *q) {
    memory_free(q->kl);
    *q = (quality){0};
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

quality_summary quality_summarize(quality *q) {
    const double n = (double)q->n, mean = q->nll / n, variance = q->nll_squared / n - mean * mean;
    double kl = 0;
    qsort(q->kl, q->n, sizeof *q->kl, ascending);
    for (size_t i = 0; i < q->n; i++) kl += q->kl[i];
    return (quality_summary){
        .perplexity = exp(mean), .perplexity_error = q->n > 1 && variance > 0 ? exp(mean) * sqrt(variance / (n - 1)) : 0,
        .reference_perplexity = exp(q->reference_nll / n),
        .kl_mean = kl / n, .kl_median = q->kl[(q->n - 1) / 2], .kl_99 = q->kl[(q->n * 99 + 99) / 100 - 1], .kl_most = q->kl[q->n - 1],
        .same_top = (double)q->n_same_top / n,
    };
}
