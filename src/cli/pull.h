/* Models that a command line asks the Hub for. */
#pragma once
#include "base/buffer.h"
#include "base/error.h"

/* As hub_resolve, but a model that is not on this machine yet is brought here first, as `ridge pull` does it: what every -hf goes through. */
int pull_missing(const char *name, buffer *path, error *err);
