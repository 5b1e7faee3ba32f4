/* Names: see gguf_names.h. Open addressing with linear probing. */
#include "model/gguf_names.h"
#include "base/clock.h"
#include "base/memory.h"
#include <string.h>
#include <sys/random.h>

/* Folds a 128-bit product: each bit of the result depends on every bit of a. */
static uint64_t mix(uint64_t a) {
    const unsigned __int128 p = (unsigned __int128)a * 0x9e3779b97f4a7c15u;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t hash(const gguf_names *names, const char *text, size_t n) {
    uint64_t h = names->seed ^ n;
    for (uint64_t word; n; text += sizeof word) {
        const size_t take = n < sizeof word ? n : sizeof word;
        word = 0;
        memcpy(&word, text, take);
        h = mix(h ^ word);
        n -= take;
    }
    return mix(h ^ names->seed >> 32);
}

static const gguf_string *name_at(const gguf_names *names, size_t i) {
    return (const gguf_string *)(const void *)(names->items + i * names->stride);
}

/* The slot that holds this name, or the free one where it belongs. */
static uint32_t *slot_of(const gguf_names *names, const char *text, size_t n) {
    for (size_t at = (size_t)hash(names, text, n); ; at++) {
        uint32_t *slot = &names->slots[at & (names->n_slots - 1)];
        if (!*slot) return slot;
        const gguf_string *other = name_at(names, *slot - 1);
        if (other->n == n && !memcmp(other->text, text, n)) return slot;
    }
}

int gguf_names_build(gguf_names *names, const void *items, size_t stride, size_t n, size_t *duplicate) {
    *names = (gguf_names){ .items = items, .stride = stride, .n_slots = 16 };
    if (getrandom(&names->seed, sizeof names->seed, GRND_NONBLOCK) != sizeof names->seed) names->seed = clock_ns();
    while (names->n_slots < 2 * n) names->n_slots *= 2;
    names->slots = memory_new(names->n_slots, sizeof *names->slots);
    if (!names->slots) return RIDGE_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        const gguf_string *name = name_at(names, i);
        uint32_t *slot = slot_of(names, name->text, name->n);
        if (*slot) { *duplicate = i; return RIDGE_E_BAD_FILE; }
        *slot = (uint32_t)i + 1;
    }
    return 0;
}

const void *gguf_names_find(const gguf_names *names, const char *text, size_t n) {
    if (!names->slots) return NULL;
    const uint32_t *slot = slot_of(names, text, n);
    return *slot ? name_at(names, *slot - 1) : NULL;
}

void gguf_names_free(gguf_names *names) {
    memory_free(names->slots);
    *names = (gguf_names){0};
}
