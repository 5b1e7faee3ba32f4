/* The record of `ridge tune`: which values of knobs were fastest, by machine, by backend and by what they are of. tuning.json of the user's
 * cache directory, readable as it is; machines that share the directory share the file.
 *
 *     { "version": 1, "machines": { "<fingerprint>": { "cpu": "...", "backends": { "cpu: avx512, 2 threads": { "choices": [
 *         { "of": "q8_0 4864x896", "knob": "columns", "value": 4, ... } ] } } } } }
 *
 * Only "of", "knob" and "value" decide; the rest of a choice says how it was found. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include "base/buffer.h"
#include "base/error.h"

typedef struct tuning_record tuning_record;

/* What the file holds of this machine; NULL where there is no such file, and (EVENT_tuning_ignored says why) where it is damaged, of another
 * version or has nothing of this machine. A record is a matter of speed: it never stops a run. */
tuning_record *tuning_record_open(void);
void           tuning_record_close(tuning_record *r);       /* NULL is fine */

/* A recorded choice, and the default that it was made beside; -1 where the file has no such number. */
typedef struct { int64_t value, beside; } tuning_choice;

/* What is recorded for the knob; false where nothing is. backend: "cpu: avx512, 2 threads". r may be NULL. */
bool tuning_record_find(const tuning_record *r, const char *backend, const char *of, const char *knob, tuning_choice *out);

/* For who writes it (perf/tune_record.h): the path, appended; the whole file, a new reference, NULL where it is absent or of no use (which is an
 * event); and a file of this version without any machine, NULL without memory. */
int     tuning_record_path(buffer *out, error *err);
json_t *tuning_record_load(const char *path);
json_t *tuning_record_empty(void);
