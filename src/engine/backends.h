/* The backends that a model can run on, by name. */
#pragma once
#include "backend.h"

/* RIDGE_E_BAD_ARGUMENT lists the names. */
int backend_find(const backend_api **out, const char *name, error *err);

/* plan/reference.c behind the interface of a backend: one thread, no packing; options other than n_pages mean nothing to it. */
extern const backend_api reference_backend;
