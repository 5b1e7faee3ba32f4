/* Writing K and V of new tokens into the pages of their sequences; attend.h draws a page. */
#include "cpu/state.h"
#include <string.h>

typedef struct { int32_t page; uint32_t at; } kv_place;

static kv_place place_of(const backend *b, uint32_t row) {
    const uint32_t position = b->position[row];
    return (kv_place){ b->batch->part[b->part_of[row]].pages[position / KV_PAGE_POSITIONS], position % KV_PAGE_POSITIONS };
}

enum { MAX_HEAD_SIZE = 1024 };      /* cpu.c refuses larger ones */

/* n values, `apart` of them from one to the next. */
static void store(const backend *b, uint8_t *to, const float *x, uint32_t n, size_t apart) {
    if (b->plan->kv.value_bytes == sizeof(float)) {
        for (uint32_t d = 0; d < n; d++) memcpy(to + d * apart * sizeof(float), x + d, sizeof(float));
        return;
    }
    uint16_t half[MAX_HEAD_SIZE];
    b->kernels->rows.to_f16(half, x, n);
    for (uint32_t d = 0; d < n; d++) memcpy(to + d * apart * sizeof(uint16_t), half + d, sizeof(uint16_t));
}

void store_k(const backend *b, uint32_t row, uint32_t layer, uint32_t head, uint32_t n_heads, const float *k) {
    const kv_place place = place_of(b, row);
    const uint32_t size = b->plan->kv.k_size;
    const size_t at = (size_t)(place.at / 16) * size * 16 + place.at % 16;
    for (uint32_t h = 0; h < n_heads; h++, k += size)
        store(b, kv_page(b, place.page, layer, head + h) + at * b->plan->kv.value_bytes, k, size, 16);
}

void store_v(const backend *b, uint32_t row, uint32_t layer, uint32_t head, uint32_t n_heads, const float *v) {
    const kv_place place = place_of(b, row);
    const uint32_t size = b->plan->kv.v_size;
    const size_t at = place.at * round_up_size(size, 16);
    for (uint32_t h = 0; h < n_heads; h++, v += size)
        store(b, kv_page(b, place.page, layer, head + h) + b->k_bytes + at * b->plan->kv.value_bytes, v, size, 1);
}
