/* The profile of one answer, for `ridge run --profile`: the tables of its prompt and of its tokens, on stderr. */
#pragma once
#include <ridge/ridge.h>

/* Probes the machine's limits, which takes some 0.2 s, and prints. p has ended. */
int profile_answer_print(const ridge_profile *p, const ridge_model *m, ridge_error *err);
