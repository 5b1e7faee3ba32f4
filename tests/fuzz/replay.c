/* Fuzzing without a fuzzer: see replay.h. */
#include "fuzz/replay.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buffer.h"
#include "base/files.h"
#include "support/random_row.h"

/* In an allocation of exactly n bytes, so that a sanitizer sees one byte too many. */
static void run_exact(const void *data, size_t n) {
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy) abort();
    if (n) memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

size_t replay_corpus(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/fuzz/corpus/%s", RIDGE_TESTS, name);
    DIR *d = opendir(path);
    size_t n = 0;
    if (!d) return 0;
    for (const struct dirent *e; (e = readdir(d)); ) {
        if (e->d_name[0] == '.') continue;
        buffer file = {0};
        error err;
        snprintf(path, sizeof path, "%s/fuzz/corpus/%s/%s", RIDGE_TESTS, name, e->d_name);
        if (read_whole_file(path, 1 << 24, &file, &err)) { fprintf(stderr, "%s\n", err.text); abort(); }
        run_exact(file.data, file.n);
        buffer_free(&file);
        n++;
    }
    closedir(d);
    return n;
}

void replay_truncations(const uint8_t *data, size_t n) {
    for (size_t i = 0; i < n; i++) run_exact(data, i);
}

/* A number at a random place becomes one at the edge of something, or near what it was. */
static void awkward_number(uint8_t *data, size_t n, uint64_t *state) {
    static const uint64_t numbers[] = {
        0, 1, 2, 3, 127, 128, 255, 256, 1 << 15, 1 << 16, INT32_MAX, 1ull << 31, UINT32_MAX, 1ull << 32, 1ull << 59, 1ull << 61, INT64_MAX, 1ull << 63,
        UINT64_MAX, UINT64_MAX - 31, UINT64_MAX / 34, UINT64_MAX / 8 + 1,
    };
    const size_t width = (size_t)1 << random_bits(state) % 4;
    if (n < width) return;
    uint8_t *at = data + random_bits(state) % (n - width + 1);
    uint64_t number = 0;
    memcpy(&number, at, width);
    if (random_bits(state) % 3) number = numbers[random_bits(state) % (sizeof numbers / sizeof *numbers)];
    else number += random_bits(state) % 33 - 16;
    memcpy(at, &number, width);
}

/* One change of the input; returns its new size. `room` bytes are there. */
static size_t mutate(uint8_t *data, size_t n, size_t room, uint64_t *state) {
    if (!n) return 0;
    const size_t from = random_bits(state) % n, to = random_bits(state) % n, most = n - (from > to ? from : to);
    const size_t length = random_bits(state) % (most < 64 ? most + 1 : 65);
    switch (random_bits(state) % 6) {
    case 0: data[from] ^= (uint8_t)(1 << random_bits(state) % 8); return n;
    case 1: data[from] = (uint8_t)random_bits(state); return n;
    case 2: memmove(data + to, data + from, length); return n;                                      /* over what was there */
    case 3: memmove(data + from, data + from + length, n - from - length); return n - length;       /* removed */
    case 4:                                                                                         /* repeated */
        if (n + length > room) return n;
        memmove(data + from + length, data + from, n - from);
        return n + length;
    default: awkward_number(data, n, state); return n;
    }
}

void replay_mutations(const uint8_t *data, size_t n, size_t count, uint64_t seed) {
    uint64_t state = random_seed(seed);
    const size_t room = n + 4096;
    uint8_t *copy = malloc(room);
    if (!copy) abort();
    for (size_t i = 0; i < count; i++) {
        memcpy(copy, data, n);
        size_t size = n;
        for (uint64_t changes = 1 + random_bits(&state) % 4; changes; changes--) size = mutate(copy, size, room, &state);
        run_exact(copy, size);
    }
    free(copy);
}
