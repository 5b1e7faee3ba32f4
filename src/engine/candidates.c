/* See candidates.h. Selections run on a heap of the k best so far, never on a sorted vocabulary. */
#include "engine/candidates.h"
#include <float.h>
#include <math.h>
#include "engine/portable_math.h"
#include "plan/batch.h"

/* By what a selection orders: candidates' logits, or the key that a step left in p. */
typedef enum { BY_LOGIT, BY_KEY } order;

static bool better(const candidate *a, const candidate *b, order by) {
    const double x = by == BY_LOGIT ? a->logit : a->p, y = by == BY_LOGIT ? b->logit : b->p;
    return x > y || (x == y && a->id < b->id);
}

static void swap(candidate *a, candidate *b) {
    const candidate t = *a;
    *a = *b;
    *b = t;
}

/* Restores the heap (the worst on top) below item[at]. */
static void sink(candidate *item, size_t n, size_t at, order by) {
    for (;;) {
        size_t worst = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
            if (better(&item[worst], &item[child], by)) worst = child;
        if (worst == at) return;
        swap(&item[at], &item[worst]);
        at = worst;
    }
}

static void make_heap(candidate *item, size_t n, order by) {
    for (size_t i = n / 2; i-- > 0;) sink(item, n, i, by);
}

/* A heap becomes a list, best first. */
static void unheap(candidate *item, size_t n, order by) {
    for (; n > 1; n--) {
        swap(&item[0], &item[n - 1]);
        sink(item, n - 1, 0, by);
    }
}

/* Moves the k best of item [n] to the front, best first. */
static void select_best(candidate *item, size_t n, size_t k, order by) {
    if (k > n) k = n;
    if (!k) return;
    make_heap(item, k, by);
    for (size_t i = k; i < n; i++) {
        if (!better(&item[i], &item[0], by)) continue;
        swap(&item[i], &item[0]);
        sink(item, k, 0, by);
    }
    unheap(item, k, by);
}

/* NaN is no preference; plus infinity (a bias that forces a token) must leave sums finite. */
static double number(float logit) { return isnan(logit) ? -INFINITY : logit > FLT_MAX ? (double)FLT_MAX : (double)logit; }

/* The k best where the largest of each block is known: the k-th largest of those is a bound that only a few blocks reach. False: no such bound. */
static bool fill_from_blocks(candidates *c, const float *logits, const float *largest, size_t n, size_t k) {
    const size_t blocks = logit_blocks(n);
    if (!largest || k > blocks) return false;
    for (size_t i = 0; i < blocks; i++) c->item[i] = (candidate){ .id = (int32_t)i, .logit = number(largest[i]) };
    select_best(c->item, blocks, k, BY_LOGIT);
    const float bound = largest[c->item[k - 1].id];
    if (bound == -INFINITY) return false;
    c->n = 0;
    for (size_t i = 0; i < blocks; i++) {
        if (largest[i] < bound) continue;
        const size_t end = (i + 1) * LOGIT_BLOCK < n ? (i + 1) * LOGIT_BLOCK : n;
        for (size_t at = i * LOGIT_BLOCK; at < end; at++)
            if (logits[at] >= bound) c->item[c->n++] = (candidate){ .id = (int32_t)at, .logit = number(logits[at]) };
    }
    select_best(c->item, c->n, k, BY_LOGIT);
    c->n = k;
    return c->sorted = true;
}

void candidates_fill(candidates *c, const float *logits, const float *largest, size_t n, int64_t k) {
    const bool all = k <= 0 || (uint64_t)k >= n;
    if (!all && fill_from_blocks(c, logits, largest, n, (size_t)k)) return;
    c->n = all ? n : (size_t)k;
    for (size_t i = 0; i < c->n; i++) c->item[i] = (candidate){ .id = (int32_t)i, .logit = number(logits[i]) };
    c->sorted = !all;
    if (all) return;
    make_heap(c->item, c->n, BY_LOGIT);
    float least = (float)c->item[0].logit;
    for (size_t i = c->n; i < n; i++) {
        if (!(logits[i] > least)) continue;         /* an equal one has a higher id: not better */
        c->item[0] = (candidate){ .id = (int32_t)i, .logit = number(logits[i]) };
        sink(c->item, c->n, 0, BY_LOGIT);
        least = (float)c->item[0].logit;
    }
    unheap(c->item, c->n, BY_LOGIT);
}

void candidates_sort(candidates *c) {
    if (!c->sorted) select_best(c->item, c->n, c->n, BY_LOGIT);
    c->sorted = true;
}

static const candidate *best(const candidates *c) {
    const candidate *b = &c->item[0];
    for (size_t i = 1; i < c->n && !c->sorted; i++)
        if (better(&c->item[i], b, BY_LOGIT)) b = &c->item[i];
    return b;
}

static void keep_best(candidates *c) {
    c->item[0] = *best(c);
    c->n = 1;
    c->sorted = true;
}

void candidates_top_k(candidates *c, int64_t k) {
    if (k <= 0 || (uint64_t)k >= c->n) return;
    if (!c->sorted) select_best(c->item, c->n, (size_t)k, BY_LOGIT);
    c->n = (size_t)k;
    c->sorted = true;
}

void candidates_probabilities(candidates *c) {
    const double most = best(c)->logit;
    if (most == -INFINITY) {                        /* everything is forbidden: no preference */
        for (size_t i = 0; i < c->n; i++) c->item[i].p = 1 / (double)c->n;
        return;
    }
    double sum = 0;
    for (size_t i = 0; i < c->n; i++) sum += c->item[i].p = portable_exp(c->item[i].logit - most);
    for (size_t i = 0; i < c->n; i++) c->item[i].p /= sum;
}

/* Sorts as many of the best as their probabilities need to sum to p, and keeps those. In steps, because p is usually reached early. */
void candidates_top_p(candidates *c, double p) {
    if (p >= 1) return;
    candidates_probabilities(c);
    double sum = 0;
    size_t kept = 0;
    for (size_t room = 64; kept < c->n; room *= 8) {
        if (room > c->n) room = c->n;
        if (!c->sorted) select_best(c->item + kept, c->n - kept, room - kept, BY_LOGIT);
        while (kept < room) {
            sum += c->item[kept++].p;
            if (sum >= p) goto done;
        }
    }
done:
    c->n = kept;
    c->sorted = true;
}

/* Keeps the candidates whose logit is at least `least`. */
static void keep_from(candidates *c, double least) {
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->item[i].logit >= least) c->item[kept++] = c->item[i];
    c->n = kept;
}

void candidates_min_p(candidates *c, double p) {
    if (p <= 0) return;
    if (p >= 1) p = 1;
    keep_from(c, best(c)->logit + portable_log(p));
}

void candidates_top_n_sigma(candidates *c, double n) {
    if (n <= 0 || c->n < 2) return;
    double sum = 0, squares = 0;
    size_t finite = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->item[i].logit == -INFINITY) continue;        /* forbidden tokens say nothing about the spread */
        sum += c->item[i].logit;
        finite++;
    }
    if (!finite) return;
    const double mean = sum / (double)finite;
    for (size_t i = 0; i < c->n; i++) {
        const double distance = c->item[i].logit - mean;
        if (c->item[i].logit != -INFINITY) squares += distance * distance;
    }
    keep_from(c, best(c)->logit - n * sqrt(squares / (double)finite));
}

/* -sum p log p, for probabilities that are filled in. */
static double entropy(const candidates *c) {
    double sum = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->item[i].p > 0) sum -= c->item[i].p * portable_log(c->item[i].p);
    return sum;
}

void candidates_typical_p(candidates *c, double p) {
    if (p >= 1) return;
    candidates_probabilities(c);
    const double expected = entropy(c);
    for (size_t i = 0; i < c->n; i++) {             /* the key is minus the distance: the nearest is the best */
        const double q = c->item[i].p;
        c->item[i].p = q > 0 ? -fabs(-portable_log(q) - expected) : -INFINITY;
    }
    /* The probability comes back from logit - log sum, which the best candidate's gives. */
    const double most = best(c)->logit;
    double total = 0, sum = 0;
    for (size_t i = 0; i < c->n; i++) total += portable_exp(c->item[i].logit - most);
    size_t kept = 0;
    for (size_t room = 64; kept < c->n; room *= 8) {
        if (room > c->n) room = c->n;
        select_best(c->item + kept, c->n - kept, room - kept, BY_KEY);
        while (kept < room) {
            sum += portable_exp(c->item[kept++].logit - most) / total;
            if (sum >= p) goto done;
        }
    }
done:
    c->n = kept;
    c->sorted = false;
}

void candidates_temperature(candidates *c, double t) {
    if (t <= 0) {
        keep_best(c);
        return;
    }
    for (size_t i = 0; i < c->n; i++) c->item[i].logit /= t;
}

void candidates_dynamic_temperature(candidates *c, double t, double range, double exponent) {
    if (range > 0 && c->n > 1) {
        const double low = t > range ? t - range : 0, high = t + range;
        candidates_probabilities(c);
        double share = entropy(c) / portable_log((double)c->n);
        if (share < 0) share = 0;
        if (share > 1) share = 1;
        t = low + (high - low) * (share > 0 ? portable_exp(exponent * portable_log(share)) : exponent == 0);
    }
    candidates_temperature(c, t);
}

int32_t candidates_draw(candidates *c, double uniform) {
    candidates_probabilities(c);
    double sum = 0;
    for (size_t i = 0; i < c->n; i++) {
        sum += c->item[i].p;
        if (uniform < sum) return c->item[i].id;
    }
    return best(c)->id;                             /* rounding left the sum below `uniform` */
}

void penalize(float *logits, size_t n_vocab, const int32_t *history, size_t n, penalty amount, uint16_t *count) {
    for (size_t i = 0; i < n; i++)
        if (history[i] >= 0 && (size_t)history[i] < n_vocab && count[history[i]] < UINT16_MAX) count[history[i]]++;
    for (size_t i = 0; i < n; i++) {
        const int32_t id = history[i];
        if (id < 0 || (size_t)id >= n_vocab || !count[id]) continue;
        double l = (double)logits[id];
        l = l > 0 ? l / amount.repeat : l * amount.repeat;
        logits[id] = (float)(l - (double)count[id] * amount.frequency - amount.presence);
        count[id] = 0;
    }
}

/* The largest of n floats, in lanes that the compiler can vectorise. */
static float largest_of(const float *x, size_t n) {
    enum { LANES = 16 };
    float most[LANES];
    for (size_t l = 0; l < LANES; l++) most[l] = -INFINITY;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) most[l] = x[i + l] > most[l] ? x[i + l] : most[l];
    for (; i < n; i++) most[0] = x[i] > most[0] ? x[i] : most[0];
    for (size_t l = 1; l < LANES; l++) most[0] = most[l] > most[0] ? most[l] : most[0];
    return most[0];
}

void logits_find_largest(float *largest, const float *logits, size_t n) {
    for (size_t i = 0; i < logit_blocks(n); i++) {
        const size_t left = n - i * LOGIT_BLOCK;
        largest[i] = largest_of(logits + i * LOGIT_BLOCK, left < LOGIT_BLOCK ? left : LOGIT_BLOCK);
    }
}

int32_t greedy_choice(const float *logits, const float *largest, size_t n) {
    float most = -INFINITY;
    size_t at = 0;
    for (size_t start = 0; start < n; start += LOGIT_BLOCK) {
        const float here = largest ? largest[start / LOGIT_BLOCK] : largest_of(logits + start, n - start < LOGIT_BLOCK ? n - start : LOGIT_BLOCK);
        if (!(here > most)) continue;
        most = here;
        for (at = start; logits[at] != here; at++) {}
    }
    return (int32_t)at;                                /* 0 where there is nothing but NaN */
}
