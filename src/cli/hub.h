/* From what a user calls a model to the file on this machine: what every -m goes through. */
#pragma once
#include "base/buffer.h"
#include "base/error.h"

/* Sets *path to the path of the model that `name` means, which is one of, in this order:
 *     a file's path;  a catalogue name ("smollm2");  user/repository[:quant];  any other name that `ridge list` shows.
 * Never uses the network: RIDGE_E_NOT_FOUND says which command gets the model, or which name may have been meant. */
int hub_resolve(const char *name, buffer *path, error *err);
