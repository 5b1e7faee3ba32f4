/* A set of names and where each stands in a list: finds keys and tensors, and notices duplicates, in constant time. The hash is
 * seeded from the system, so that no file can be written to make all its names collide. */
#pragma once
#include "model/gguf.h"

/* The list is borrowed: n structs, `stride` bytes apart, each beginning with a gguf_string. Zero-initialise. */
typedef struct {
    const unsigned char *items;
    size_t    stride;
    uint64_t  seed;
    uint32_t *slots;        /* index + 1, or 0; a power of two of them, at most half used */
    size_t    n_slots;
} gguf_names;

/* Indexes n items (fewer than 2^31). 0; RIDGE_E_NO_MEMORY; or RIDGE_E_BAD_FILE, then *duplicate is the first item whose name an
 * earlier one has. Fills no error: the caller knows what the names are. */
int gguf_names_build(gguf_names *names, const void *items, size_t stride, size_t n, size_t *duplicate);
/* The item of this name, or NULL. */
const void *gguf_names_find(const gguf_names *names, const char *text, size_t n);
void gguf_names_free(gguf_names *names);
