/* What the engine tells a profile, and the arithmetic that makes rows of a run's times. The public side is in ridge.h.
 *
 * Hooks accept NULL: no profile collects. */
#pragma once
#include "backend.h"

void profile_run_begins(ridge_profile *p);
/* Behind a run that succeeded; of one that failed the time belongs to what lies between runs. */
void profile_run_ends(ridge_profile *p, const batch *in);
void profile_sampling_begins(ridge_profile *p);
void profile_sampling_ends(ridge_profile *p);

/* Adds one run, which took from `start` to `end` in clock_ns(), to rows [n_steps]. times: [n_threads][n_steps], as backend.h says.
 * Returns the nanoseconds of the run that are in no step: threads on their way in and out. What was added to the rows and what is
 * returned sum to end - start. */
double profile_add_run(ridge_profile_row *rows, const step_time *times, uint32_t n_threads, size_t n_steps, uint64_t start, uint64_t end);
