/* The models that have a short name. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;       /* what a user types */
    const char *repo;       /* of Hugging Face: user/repository */
    const char *quant;      /* which of its files, where `file` does not say */
    const char *about;
    /* Only of a model whose bytes are pinned; the others are what their repository's main branch holds. */
    const char *revision;   /* commit */
    const char *file;
    uint64_t    bytes;
    const char *sha256;
} catalog_model;

/* The whole table, n entries; the first is the default model. */
const catalog_model *catalog(size_t *n);
/* The entry of that name, in any case, or NULL. */
const catalog_model *catalog_find(const char *name);
/* The nearest name, or NULL where none is near enough to suggest. */
const char *catalog_nearest(const char *name);
