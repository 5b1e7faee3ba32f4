/* A file's metadata for `ridge info`: cut to a line for people, whole and typed for programs. */
#pragma once
#include <jansson.h>
#include "base/buffer.h"
#include "base/error.h"

/* Appends a value as a line shows it: of an array the first elements and how many there are; control characters are escaped, so that a terminal
 * stays as it is. m's walk ends in the middle. */
void metadata_show(ridge_metadata *m, buffer *out);

/* All of a file's metadata as an object; NULL where memory ran out. METADATA_JSON_HELP says what becomes of what JSON does not have. */
json_t *metadata_json(const ridge_model *m);
#define METADATA_JSON_HELP                                                                                          \
    "In JSON, metadata are as in the file: numbers, truth values, texts, and whole arrays of them. What JSON does not\n" \
    "have becomes: null for a real that is not finite, a text of digits for an integer above 2^63 - 1, and\n"       \
    "{\"hex\": \"...\"} for a text that is not UTF-8 (of a key, \"hex:...\")."
