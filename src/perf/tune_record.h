/* Keeping what `ridge tune` found: writing, listing and removing the record that models read when they are opened (engine/tuning_record.h). */
#pragma once
#include "base/buffer.h"
#include "perf/tune_report.h"

/* Puts the outcome into the record: choices of the same knob of the same thing are replaced, others stay. path: appended where it is. */
int tune_record_store(const tune_outcome *o, buffer *path, error *err);

/* The whole record: as a table, "" where there is none; as JSON, a new reference, NULL where there is none. */
void    tune_record_print(FILE *out);
json_t *tune_record_json(void);

/* Removes this machine's part of the record; a file that holds nothing else, or is of no use, goes too. *n: choices removed. */
int tune_record_forget(size_t *n, error *err);
