/* What `ridge profile` and `ridge why` have in common: the model is opened, each test is handed on, and JSON is one object about all of them. */
#pragma once
#include <jansson.h>
#include "cli/profile_measure.h"

/* Handles one test. all: where its JSON goes, a list; NULL where text is wanted. */
typedef int profile_handler(void *user, profile_subject *s, const profile_test *t, bool last, json_t *all, error *err);

/* Runs `handle` for every test of the command line, and prints either a line about the model in front or the JSON object at the end. */
int profile_command_run(const profile_arguments *a, bool json, profile_handler *handle, void *user, error *err);
