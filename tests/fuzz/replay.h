/* Fuzz targets, with and without libFuzzer.
 *
 * A target defines LLVMFuzzerTestOneInput. Built with RIDGE_FUZZ it is a libFuzzer program; otherwise it also includes this file's
 * functions and has a main that replays what is kept in corpus/, every truncation of a small input, and mutations of it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Runs every file of tests/fuzz/corpus/<name>; returns how many there were. */
size_t replay_corpus(const char *name);
/* Runs the first 0, 1, ... n - 1 bytes of data, each in an allocation of its own. */
void replay_truncations(const uint8_t *data, size_t n);
/* Runs `count` mutations of data: bytes flipped, numbers replaced by awkward ones, ranges copied, removed and repeated. The same every time. */
void replay_mutations(const uint8_t *data, size_t n, size_t count, uint64_t seed);
