/* The searches behind the quantisers of q2_k to q6_k, and of all formats where the values differ in importance: the scale, and perhaps
 * the minimum, of a unit for which the rounded codes leave the least weighted squared error. Each tries some scales near the obvious
 * one, rounds the values with it, and solves for the best scale that these codes could have (a line through points). Sums run in f32 in
 * the order of the values, as in ggml's quantisers of the same formats (https://github.com/ggml-org/ggml), so that the same bytes come
 * out. Codes that a search found are counted from 0. Where units share their scale's scale, values are rounded again with what became
 * of theirs, and the search's codes stay only where that is 0: they mean nothing then, but are part of the bytes. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { SEARCH_MOST_VALUES = 32 };       /* of a unit */

/* To the nearest integer, ties to even, within least ... most; NaN counts as least. Adding 1.5 x 2^23 leaves no bits for a fraction. */
static inline int search_code(float x, int least, int most) {
    const float within = !(x > (float)least) ? (float)least : x > (float)most ? (float)most : x;
    return (int)(within + 0x1.8p23f - 0x1.8p23f);
}

/* Below this a unit counts as zero. */
static const float SEARCH_NOTHING = 1e-15f;

/* What a straight line through (code, value) without an intercept needs: sums of w x code and w code^2. */
typedef struct { float values, codes; } search_sums;

static inline search_sums search_sum(const float *x, const float *w, int n, float inverse, int half) {
    search_sums s = {0};
    for (int i = 0; i < n; i++) {
        const int code = search_code(inverse * x[i], -half, half - 1);
        s.values += w[i] * x[i] * (float)code;
        s.codes += w[i] * (float)code * (float)code;
    }
    return s;
}

static inline void search_squares(float *w, const float *x, int n) {
    for (int i = 0; i < n; i++) w[i] = x[i] * x[i];
}

/* The scale of a unit x [n] with weights w [n] whose codes are -half ... half - 1: 18 scales are tried beside the one that takes the
 * largest magnitude to -half. 0 where all is zero. */
static inline float search_scale(const float *x, const float *w, int n, int half, uint8_t *code) {
    const float largest = value_of_largest_magnitude(x, n);
    memset(code, 0, (size_t)n);
    if (fabsf(largest) < SEARCH_NOTHING) return 0;
    float inverse = (float)-half / largest;
    search_sums s = search_sum(x, w, n, inverse, half);
    float scale = s.codes != 0 ? s.values / s.codes : 0, best = scale * s.values;
    for (int step = -9; step <= 9; step++) {
        if (step == 0) continue;
        const float its_inverse = -((float)half + 0.1f * (float)step) / largest;
        s = search_sum(x, w, n, its_inverse, half);
        if (!(s.codes > 0) || !(s.values * s.values > best * s.codes)) continue;
        scale = s.values / s.codes;
        best = scale * s.values;
        inverse = its_inverse;
    }
    for (int i = 0; i < n; i++) code[i] = (uint8_t)(search_code(inverse * x[i], -half, half - 1) + half);
    return scale;
}

/* Each code in turn, `least` ... `most`, moves to where the others' best scale puts it, as long as that helps and at most five times
 * over. code [n] counts from `least`; s: the sums with these codes. Returns the sums with the codes as they are then. */
static inline search_sums search_moves(const float *x, const float *w, int n, int least, int most, uint8_t *code, search_sums s) {
    for (int round = 0, moved = 1; moved && round < 5; round++) {
        moved = 0;
        for (int i = 0; i < n; i++) {
            const float old = (float)(code[i] + least);
            search_sums others = { s.values - w[i] * x[i] * old, s.codes - w[i] * old * old };
            if (!(others.values > 0) || (least == 0 && !(others.codes > 0))) continue;
            const int now = search_code(x[i] * others.codes / others.values, least, most);
            if (now - least == code[i]) continue;
            others.values += w[i] * x[i] * (float)now;
            others.codes += w[i] * (float)now * (float)now;
            if (!(others.codes > 0) || !(others.values * others.values * s.codes > s.values * s.values * others.codes)) continue;
            code[i] = (uint8_t)(now - least);
            s = others;
            moved = 1;
        }
    }
    return s;
}

/* As search_scale with w = x^2, for few codes: from the obvious scale on, codes move. */
static inline float search_scale_by_moves(const float *x, int n, int half, uint8_t *code) {
    const float largest = value_of_largest_magnitude(x, n);
    memset(code, 0, (size_t)n);
    if (fabsf(largest) < SEARCH_NOTHING) return 0;
    const float inverse = (float)-half / largest;
    float w[SEARCH_MOST_VALUES];
    search_squares(w, x, n);
    for (int i = 0; i < n; i++) code[i] = (uint8_t)(search_code(inverse * x[i], -half, half - 1) + half);
    const search_sums s = search_moves(x, w, n, -half, half - 1, code, search_sum(x, w, n, inverse, half));
    return s.codes > 0 ? s.values / s.codes : 0;
}

/* Where the search for a scale and a minimum looks: codes 0 ... most, and `steps` + 1 scales that take the range of the values to
 * most + from, most + from + by and so on. absolute: errors count by size, not by square. */
typedef struct { int most; float from, by; int steps; int absolute; } search_range;
/* Where it looks when importance is given. */
static inline search_range search_range_finely(int most) { return (search_range){ .most = most, .from = -0.9f, .by = 0.05f, .steps = 36 }; }

static inline float search_error(const float *x, const float *w, const uint8_t *code, int n, float scale, float minimum, int absolute) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
        const float off = scale * (float)code[i] + minimum - x[i];
        sum += w[i] * (absolute ? fabsf(off) : off * off);
    }
    return sum;
}

/* The scale of a unit x [n] with weights w [n], and its minimum's distance below zero, which is never negative. Each step starts from
 * the best minimum so far. */
static inline float search_scale_and_minimum(const float *x, const float *w, int n, search_range range, float *below, uint8_t *found) {
    float least, most, sum_w = w[0], sum_x = w[0] * x[0];
    range_of(x, n, &least, &most);
    for (int i = 1; i < n; i++) { sum_w += w[i]; sum_x += w[i] * x[i]; }
    if (least > 0) least = 0;
    *below = -least;
    memset(found, 0, (size_t)n);
    if (most == least) return 0;
    uint8_t code[SEARCH_MOST_VALUES];
    const float start = (float)range.most / (most - least);
    float scale = 1 / start, minimum = least;
    for (int i = 0; i < n; i++) code[i] = (uint8_t)search_code(start * (x[i] - least), 0, range.most);
    memcpy(found, code, (size_t)n);
    float best = search_error(x, w, code, n, scale, minimum, range.absolute);
    for (int step = 0; step <= range.steps; step++) {
        const float inverse = (range.from + range.by * (float)step + (float)range.most) / (most - minimum);
        float sum_c = 0, sum_cc = 0, sum_xc = 0;
        for (int i = 0; i < n; i++) {
            code[i] = (uint8_t)search_code(inverse * (x[i] - minimum), 0, range.most);
            const float c = (float)code[i];
            sum_c += w[i] * c;
            sum_cc += w[i] * c * c;
            sum_xc += w[i] * c * x[i];
        }
        const float determinant = sum_w * sum_cc - sum_c * sum_c;
        if (!(determinant > 0)) continue;
        float its_scale = (sum_w * sum_xc - sum_x * sum_c) / determinant, its_minimum = (sum_cc * sum_x - sum_c * sum_xc) / determinant;
        if (its_minimum > 0) { its_minimum = 0; its_scale = sum_xc / sum_cc; }
        const float its_error = search_error(x, w, code, n, its_scale, its_minimum, range.absolute);
        if (!(its_error < best)) continue;
        best = its_error;
        scale = its_scale;
        minimum = its_minimum;
        memcpy(found, code, (size_t)n);
    }
    *below = -minimum;
    return scale;
}

/* The largest of n values that are not below zero. */
static inline float search_largest(const float *x, int n) {
    float largest = 0;
    for (int i = 0; i < n; i++) if (x[i] > largest) largest = x[i];
    return largest;
}

static inline float search_rounding_error(const float *x, const float *w, int n, float inverse, int most) {
    const float scale = 1 / inverse;
    float sum = 0;
    for (int i = 0; i < n; i++) {
        const float off = x[i] - scale * (float)search_code(inverse * x[i], 0, most);
        sum += w[i] * off * off;
    }
    return sum;
}

/* The scale of values that are not below zero, with codes 0 ... most: of nine scales that take the largest value near `most` the one
 * whose rounding errs least, then codes move. For the scales and minima of units, which weigh what their values do. A scale that came out
 * negative (it can, where large values are unimportant) counts as 0: in ggml its code wraps round and damages the next unit's. */
static inline float search_scale_of_scales(const float *x, const float *w, int n, int most, uint8_t *code) {
    const float largest = search_largest(x, n);
    memset(code, 0, (size_t)n);
    if (largest < SEARCH_NOTHING) return 0;
    float inverse = (float)most / largest, least_error = search_rounding_error(x, w, n, inverse, most);
    for (int step = -4; step <= 4; step++) {
        if (step == 0) continue;
        const float its_inverse = (0.1f * (float)step + (float)most) / largest, its_error = search_rounding_error(x, w, n, its_inverse, most);
        if (!(its_error < least_error)) continue;
        least_error = its_error;
        inverse = its_inverse;
    }
    search_sums s = {0};
    for (int i = 0; i < n; i++) {
        const float c = (float)(code[i] = (uint8_t)search_code(inverse * x[i], 0, most));
        s.values += w[i] * x[i] * c;
        s.codes += w[i] * c * c;
    }
    s = search_moves(x, w, n, 0, most, code, s);
    return s.codes > 0 ? s.values / s.codes : 0;
}

/* What an error of x [n] counts, where `importance` [n] is what one of its input counts: large values a little more, measured by the
 * mean square of the values around them. */
static inline void search_weights(float *w, const float *importance, const float *x, int n, float mean_square) {
    for (int i = 0; i < n; i++) w[i] = importance[i] * sqrtf(mean_square + x[i] * x[i]);
}

static inline float search_sum_of(const float *w, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += w[i];
    return sum;
}

/* Without importance, values of q4_k and q5_k weigh their magnitude and the root mean square of their unit. */
static inline void search_k_weights(float w[256], const float *x) {
    for (int u = 0; u < 8; u++, x += 32, w += 32) {
        float squares = 0;
        for (int i = 0; i < 32; i++) squares += x[i] * x[i];
        const float mean = sqrtf(squares / 32);
        for (int i = 0; i < 32; i++) w[i] = mean + fabsf(x[i]);
    }
}

/* The scales and minima of a block's units of n values. */
static inline void search_units(const float *x, const float *w, int n, search_range range, float *scale, float *below, uint8_t found[256]) {
    for (int u = 0; u < 256 / n; u++) scale[u] = search_scale_and_minimum(x + n * u, w + n * u, n, range, &below[u], found + n * u);
}
