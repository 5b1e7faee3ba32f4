/* Random blocks of every weight format, made as bytes: a thread makes gigabytes a second. For synth.c. */
#pragma once
#include "base/error.h"
#include "formats/format.h"

typedef struct {
    const char *name;               /* "q4_k", "f16b" */
    format_id   format;
    uint32_t    file_type;          /* GGUF's general.file_type of a file that is mostly of this */
    const char *fallback;           /* for rows that are no multiple of the block; NULL: there are none such */
} synth_type;

int synth_type_find(const synth_type **out, const char *name, error *err);
const synth_type *synth_type_at(size_t i);      /* NULL behind the last */

/* Fills `blocks` blocks with weights of zero mean (nearly) and a standard deviation of about 0.02. data: 8-byte aligned, room for 8 bytes more. */
void synth_fill(const synth_type *type, void *data, size_t blocks, uint64_t seed);
