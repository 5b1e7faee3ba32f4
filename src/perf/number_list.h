/* Lists of numbers on the command line, as llama-bench takes them: "512", "16,512", "1-4", "128-1024*2", "64-256+64". */
#pragma once
#include <stddef.h>
#include "base/error.h"

enum { NUMBER_LIST_MOST = 256 };
typedef struct { int v[NUMBER_LIST_MOST]; size_t n; } number_list;

/* Replaces *list (a number_list) by what text says; numbers from 0 to 2^24. Suits cli/flags.h's `parse`. */
int number_list_parse(void *list, const char *text, error *err);

/* "512,128" into pairs of one number each: a prompt and what is generated behind it. Appends to *pairs; suits `parse`. */
typedef struct { int v[NUMBER_LIST_MOST][2]; size_t n; } number_pairs;
int number_pair_parse(void *pairs, const char *text, error *err);
