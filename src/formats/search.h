/* The searches behind the quantisers of q2_k to q6_k: the scale, and perhaps the minimum, of a unit for which the rounded codes leave
 * the least weighted squared error. Each tries some scales near the obvious one, rounds the values with it, and solves for the best
 * scale that these codes could have (a line through points). Sums run in f32 in the order of the values, as in ggml's quantisers of
 * the same formats (https://github.com/ggml-org/ggml, without an importance matrix), so that the same bytes come out. The codes that a
 * search found, counted from 0, are wanted only where the rounded scale is 0: they mean nothing then, but are part of the bytes. */
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

/* w = x^2 */
static inline search_sums search_sum(const float *x, int n, float inverse, int half) {
    search_sums s = {0};
    for (int i = 0; i < n; i++) {
        const int code = search_code(inverse * x[i], -half, half - 1);
        const float w = x[i] * x[i];
        s.values += w * x[i] * (float)code;
        s.codes += w * (float)code * (float)code;
    }
    return s;
}

/* The scale of a unit whose codes are -half ... half - 1, weighted by x^2: 18 scales are tried beside the one that takes the largest
 * magnitude to -half. 0 where all is zero. */
static inline float search_scale(const float *x, int n, int half, uint8_t *code) {
    const float largest = value_of_largest_magnitude(x, n);
    memset(code, 0, (size_t)n);
    if (fabsf(largest) < SEARCH_NOTHING) return 0;
    float inverse = (float)-half / largest;
    search_sums s = search_sum(x, n, inverse, half);
    float scale = s.codes != 0 ? s.values / s.codes : 0, best = scale * s.values;
    for (int step = -9; step <= 9; step++) {
        if (step == 0) continue;
        const float its_inverse = -((float)half + 0.1f * (float)step) / largest;
        s = search_sum(x, n, its_inverse, half);
        if (!(s.codes > 0) || !(s.values * s.values > best * s.codes)) continue;
        scale = s.values / s.codes;
        best = scale * s.values;
        inverse = its_inverse;
    }
    for (int i = 0; i < n; i++) code[i] = (uint8_t)(search_code(inverse * x[i], -half, half - 1) + half);
    return scale;
}

/* The same for few codes: starting from the obvious scale, each code in turn moves to where the others' best scale puts it, as long
 * as that helps and at most five times over. */
static inline float search_scale_by_moves(const float *x, int n, int half, uint8_t *code) {
    const float largest = value_of_largest_magnitude(x, n);
    memset(code, 0, (size_t)n);
    if (fabsf(largest) < SEARCH_NOTHING) return 0;
    const float inverse = (float)-half / largest;
    search_sums s = search_sum(x, n, inverse, half);
    for (int i = 0; i < n; i++) code[i] = (uint8_t)(search_code(inverse * x[i], -half, half - 1) + half);
    for (int round = 0, moved = 1; moved && round < 5; round++) {
        moved = 0;
        for (int i = 0; i < n; i++) {
            const float w = x[i] * x[i], old = (float)(code[i] - half);
            search_sums others = { s.values - w * x[i] * old, s.codes - w * old * old };
            if (!(others.values > 0)) continue;
            const int now = search_code(x[i] * others.codes / others.values, -half, half - 1);
            if (now + half == code[i]) continue;
            others.values += w * x[i] * (float)now;
            others.codes += w * (float)now * (float)now;
            if (!(others.codes > 0) || !(others.values * others.values * s.codes > s.values * s.values * others.codes)) continue;
            code[i] = (uint8_t)(now + half);
            s = others;
            moved = 1;
        }
    }
    return s.codes > 0 ? s.values / s.codes : 0;
}

/* Where the search for a scale and a minimum looks: codes 0 ... most, and `steps` + 1 scales that take the range of the values to
 * most + from, most + from + 0.1 and so on. absolute: errors count by size, not by square. */
typedef struct { int most; float from; int steps; int absolute; } search_range;

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
        const float inverse = (range.from + 0.1f * (float)step + (float)range.most) / (most - minimum);
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

/* The eight scales and minima of a block of q4_k or q5_k: values weigh their magnitude and the unit's root mean square. */
static inline void search_k_block(const float *x, search_range range, float scale[8], float below[8], uint8_t found[256]) {
    for (int u = 0; u < 8; u++, x += 32) {
        float squares = 0, w[32];
        for (int i = 0; i < 32; i++) squares += x[i] * x[i];
        const float mean = sqrtf(squares / 32);
        for (int i = 0; i < 32; i++) w[i] = mean + fabsf(x[i]);
        scale[u] = search_scale_and_minimum(x, w, 32, range, &below[u], found + 32 * u);
    }
}
