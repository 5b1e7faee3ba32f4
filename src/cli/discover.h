/* Finds the models that are on this machine already, where Ridge and other programs keep theirs; reads only, and stops at a bound. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/memory.h"

typedef struct {
    const char *name;       /* what -m takes: a catalogue name, user/repository:QUANT, or the file's name */
    const char *path;       /* of a split model: of its first part */
    const char *file;       /* the end of path: what stands below the directory that was searched, or the snapshot */
    const char *source;     /* "huggingface", "llama.cpp", "lmstudio", "ollama", "ridge" */
    const char *repo;       /* "user/repository" of the Hugging Face cache, else NULL */
    uint64_t    bytes;      /* of all parts */
} found_model;

/* Zero-initialise; discover_free ends it and all of its texts. */
typedef struct {
    found_model *items;
    size_t n, room;
    bool   bounded;         /* there was more than the bound allows to look at */
    size_t visited;         /* directory entries */
    arena  texts;
} found_models;

/* Appends everything that is found, by source and then by name. A directory that is missing or closed to us is no error. */
int discover(found_models *out, error *err);
/* Appends the models of one repository in the Hugging Face cache, those of its current commit first. */
int discover_repo(const char *repo, found_models *out, error *err);
void discover_free(found_models *found);
