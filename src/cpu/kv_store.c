/* Writing K and V of new tokens into the pages of their sequences; attend.h draws a page. */
#include "cpu/state.h"
#include <string.h>

typedef struct { int32_t page; uint32_t at; } kv_place;

static kv_place place_of(const backend *b, uint32_t row) {
    const uint32_t position = b->position[row];
    return (kv_place){ b->batch->part[b->part_of[row]].pages[position / KV_PAGE_POSITIONS], position % KV_PAGE_POSITIONS };
}

/* Whether the batch also has the position behind row's. */
static bool goes_on(const backend *b, uint32_t row) { return row + 1 < b->n_tokens && b->part_of[row + 1] == b->part_of[row]; }

enum { MAX_HEAD_SIZE = 1024 };      /* cpu.c refuses larger ones */

/* A vector of n values in a page: value i is value first + i / 2 * pairs_apart + i % 2 * apart of the page's array. The q8_0 scale of
 * block i is number first_scale + i * scales_apart of those behind the page's `codes` codes. starts_pair: bf16 values after which the
 * position that follows is not written with this batch: it must hold something finite. */
typedef struct { format_id type; size_t first, apart, pairs_apart, codes, first_scale, scales_apart; bool starts_pair; } kv_vector;

static size_t place_in(const kv_vector *at, uint32_t i) { return at->first + i / 2 * at->pairs_apart + i % 2 * at->apart; }

/* In sizes that the compiler knows: no value takes a call of memcpy. */
static void store_halves(uint8_t *page, const kv_vector *at, const uint16_t *half, uint32_t n) {
    uint16_t *to = (uint16_t *)page;
    if (at->starts_pair) {
        for (uint32_t i = 0; i < n; i++) memcpy(to + place_in(at, i), (const uint16_t[2]){ half[i], 0 }, 2 * sizeof *half);
    } else if (at->apart == 1 && at->pairs_apart == 2) {
        memcpy(to + at->first, half, n * sizeof *half);
    } else {
        for (uint32_t i = 0; i < n; i++) to[place_in(at, i)] = half[i];
    }
}

static void store(const backend *b, uint8_t *page, const kv_vector *at, const float *x, uint32_t n) {
    uint16_t half[MAX_HEAD_SIZE];
    int8_t codes[MAX_HEAD_SIZE];
    switch (at->type) {
    case FORMAT_f32:
        for (uint32_t i = 0; i < n; i++) memcpy(page + place_in(at, i) * sizeof(float), x + i, sizeof(float));
        break;
    case FORMAT_q8_0:
        b->kernels->rows.to_q8_0(codes, half, x, n);
        for (uint32_t i = 0; i < n; i++) page[place_in(at, i)] = (uint8_t)codes[i];
        for (uint32_t i = 0; i * UNIT < n; i++) memcpy(page + at->codes + (at->first_scale + i * at->scales_apart) * sizeof(uint16_t), half + i, sizeof(uint16_t));
        break;
    case FORMAT_bf16:
        b->kernels->rows.to_bf16(half, x, n);
        store_halves(page, at, half, n);
        break;
    default:
        b->kernels->rows.to_f16(half, x, n);
        store_halves(page, at, half, n);
    }
}

void store_k(const backend *b, uint32_t row, uint32_t layer, uint32_t head, uint32_t n_heads, const float *k) {
    const kv_place place = place_of(b, row);
    const kv_shape *kv = &b->plan->kv;
    const size_t padded = attend_k_padded(kv->k_type, kv->k_size), group = place.at / 16, lane = place.at % 16;
    const bool pairs = kv->k_type == FORMAT_bf16;
    const kv_vector at = {
        .type = kv->k_type, .first = group * padded * 16 + (pairs ? 2 * lane : lane), .apart = pairs ? 1 : 16, .pairs_apart = 32,
        .codes = KV_PAGE_POSITIONS * padded, .first_scale = group * (padded / UNIT) * 16 + lane, .scales_apart = 16 };
    for (uint32_t h = 0; h < n_heads; h++, k += kv->k_size) store(b, kv_page(b, place.page, layer, head + h), &at, k, kv->k_size);
}

void store_v(const backend *b, uint32_t row, uint32_t layer, uint32_t head, uint32_t n_heads, const float *v) {
    const kv_place place = place_of(b, row);
    const kv_shape *kv = &b->plan->kv;
    const size_t padded = attend_v_padded(kv->v_type, kv->v_size), odd = place.at % 2;
    const bool pairs = kv->v_type == FORMAT_bf16;
    const kv_vector at = {
        .type = kv->v_type, .first = pairs ? (place.at - odd) * padded + odd : place.at * padded, .apart = pairs ? 2 : 1, .pairs_apart = pairs ? 4 : 2,
        .codes = KV_PAGE_POSITIONS * padded, .first_scale = place.at, .scales_apart = KV_PAGE_POSITIONS,
        .starts_pair = pairs && !odd && !goes_on(b, row) };
    for (uint32_t h = 0; h < n_heads; h++, v += kv->v_size) store(b, kv_page(b, place.page, layer, head + h) + b->k_bytes, &at, v, kv->v_size);
}
