/* Writing K and V of new tokens into the pages of their sequences; attend.h draws a page. */
#include "cpu/state.h"
#include <string.h>

typedef struct { int32_t page; uint32_t at; } kv_place;

static kv_place place_of(const backend *b, uint32_t row) {
    const uint32_t position = b->position[row];
    return (kv_place){ b->batch->part[b->part_of[row]].pages[position / KV_PAGE_POSITIONS], position % KV_PAGE_POSITIONS };
}

enum { MAX_HEAD_SIZE = 1024 };      /* cpu.c refuses larger ones */

/* A vector of n values in a page: value i is value first + i * apart of the page's array. The q8_0 scale of block i is
 * number first_scale + i * scales_apart of those behind the page's `codes` codes. */
typedef struct { format_id type; size_t first, apart, codes, first_scale, scales_apart; } kv_vector;

static void store(const backend *b, uint8_t *page, const kv_vector *at, const float *x, uint32_t n) {
    uint16_t half[MAX_HEAD_SIZE];
    int8_t codes[MAX_HEAD_SIZE];
    switch (at->type) {
    case FORMAT_f32:
        for (uint32_t i = 0; i < n; i++) memcpy(page + (at->first + i * at->apart) * sizeof(float), x + i, sizeof(float));
        break;
    case FORMAT_q8_0:
        b->kernels->rows.to_q8_0(codes, half, x, n);
        for (uint32_t i = 0; i < n; i++) page[at->first + i * at->apart] = (uint8_t)codes[i];
        for (uint32_t i = 0; i * UNIT < n; i++) memcpy(page + at->codes + (at->first_scale + i * at->scales_apart) * sizeof(uint16_t), half + i, sizeof(uint16_t));
        break;
    default:
        b->kernels->rows.to_f16(half, x, n);
        for (uint32_t i = 0; i < n; i++) memcpy(page + (at->first + i * at->apart) * sizeof(uint16_t), half + i, sizeof(uint16_t));
    }
}

void store_k(const backend *b, uint32_t row, uint32_t layer, uint32_t head, uint32_t n_heads, const float *k) {
    const kv_place place = place_of(b, row);
    const kv_shape *kv = &b->plan->kv;
    const size_t padded = attend_padded(kv->k_type, kv->k_size, 1), group = place.at / 16, lane = place.at % 16;
    const kv_vector at = { kv->k_type, group * padded * 16 + lane, 16, KV_PAGE_POSITIONS * padded, group * (padded / UNIT) * 16 + lane, 16 };
    for (uint32_t h = 0; h < n_heads; h++, k += kv->k_size) store(b, kv_page(b, place.page, layer, head + h), &at, k, kv->k_size);
}

void store_v(const backend *b, uint32_t row, uint32_t layer, uint32_t head, uint32_t n_heads, const float *v) {
    const kv_place place = place_of(b, row);
    const kv_shape *kv = &b->plan->kv;
    const size_t padded = attend_padded(kv->v_type, kv->v_size, 16);
    const kv_vector at = { kv->v_type, place.at * padded, 1, KV_PAGE_POSITIONS * padded, place.at, KV_PAGE_POSITIONS };
    for (uint32_t h = 0; h < n_heads; h++, v += kv->v_size) store(b, kv_page(b, place.page, layer, head + h) + b->k_bytes, &at, v, kv->v_size);
}
