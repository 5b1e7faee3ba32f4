/* A model: a GGUF file, the plan that its metadata describe, and the plan's weights inside the file. */
#pragma once
#include "model/gguf.h"
#include "plan/weights.h"

typedef struct {
    gguf   *file;
    plan   *plan;           /* unfused, until the owner calls plan_fuse */
    weights weights;
    arena   memory;         /* of the weights' table */
} model;

/* RIDGE_E_UNSUPPORTED lists the supported architectures, or names the tensor and its type. */
int  model_open(model **out, const char *path, error *err);
void model_close(model *m);

/* The names of the supported values of general.architecture; *n is their number. */
const char *const *model_architectures(size_t *n);
