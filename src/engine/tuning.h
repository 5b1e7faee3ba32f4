/* A model's knobs, and what a record of `ridge tune` says of them. Called while a model is opened. */
#pragma once
#include "engine/handle.h"
#include "engine/tuning_record.h"

/* The model's info.shape. The plan is there. */
int  tuning_name_shape(ridge_model *m, error *err);

/* How many threads are faster than those of the backend that is open, which are the default; false where the record does not say. */
bool tuning_threads(const ridge_model *m, const tuning_record *record, uint32_t *threads);

/* Lists the knobs of the backend, which is bound, and sets those that the record (which may be NULL) knows. */
int  tuning_apply(ridge_model *m, const tuning_record *record, error *err);
