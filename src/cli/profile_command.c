/* See profile_command.h. */
#include "cli/profile_command.h"
#include <stdlib.h>

static int print_all(const ridge_model_info *info, json_t *tests, error *err) {
    json_t *all = json_pack("{s:s, s:s, s:s, s:O}", "model", info->path, "architecture", info->architecture, "backend", info->backend, "tests", tests);
    char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
    if (text) puts(text);
    free(text);
    json_decref(all);
    return text ? 0 : fail_memory(err, 1, "the tests as JSON");
}

static int handle_all(const profile_test *tests, size_t n, profile_subject *s, json_t *all, profile_handler *handle, void *user, error *err) {
    const ridge_model_info info = ridge_model_get_info(s->model);
    int code = 0;
    if (!all) printf("%s, %s\n", info.path, info.backend);
    for (size_t i = 0; i < n && !code; i++) code = handle(user, s, &tests[i], i == n - 1, all, err);
    if (!code && all) code = print_all(&info, all, err);
    return code || (!fflush(stdout) && !ferror(stdout)) ? code : fail(err, RIDGE_E_IO, "standard output cannot be written");
}

int profile_command_run(const profile_arguments *a, bool json, profile_handler *handle, void *user, error *err) {
    profile_test tests[2];
    size_t n = 0;
    profile_subject s = {0};
    json_t *all = json ? json_array() : NULL;
    int code = json && !all ? fail_memory(err, 1, "a list") : profile_tests(a, tests, &n, err);
    if (!code) code = profile_subject_open(&s, a, err);
    if (!code) code = handle_all(tests, n, &s, all, handle, user, err);
    profile_subject_close(&s);
    json_decref(all);
    return code;
}
