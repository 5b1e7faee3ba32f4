/* ridge list: the models that are on this machine. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "cli/commands.h"
#include "cli/discover.h"
#include "cli/flags.h"
#include "cli/progress.h"

static bool as_json;

static const flag flags[] = {
    { "--json", NULL, "an array of {name, path, bytes, source}", .on = &as_json },
};

static const command_line line = {
    .usage = "ridge list [--json]",
    .about = "Lists the models that are on this machine, by the names that -m takes. It looks in the Hugging Face cache and where\n"
             "llama.cpp, LM Studio, Ollama and Ridge keep theirs.",
    .groups = { FLAG_GROUP("Flags", flags) },
};

static int print_json(const found_models *found, error *err) {
    json_t *array = json_array();
    int code = array ? 0 : fail_memory(err, found->n, "a list of models");
    for (size_t i = 0; i < found->n && !code; i++) {
        const found_model *m = &found->items[i];
        json_t *one = json_pack("{s:s, s:s, s:I, s:s}", "name", m->name, "path", m->path, "bytes", (json_int_t)m->bytes, "source", m->source);
        if (!one) fprintf(stderr, "ridge: left out, because JSON cannot hold its name: %s\n", m->path);
        else if (json_array_append_new(array, one)) code = fail_memory(err, found->n, "a list of models");
    }
    if (!code && (json_dumpf(array, stdout, JSON_INDENT(2)) || putchar('\n') == EOF)) code = fail(err, RIDGE_E_IO, "cannot write the list");
    json_decref(array);
    return code;
}

static void print_table(const found_models *found) {
    int width = 4;
    for (size_t i = 0; i < found->n; i++)
        if ((int)strlen(found->items[i].name) > width) width = (int)strlen(found->items[i].name);
    if (found->n) printf("%-*s  %8s  %-11s  %s\n", width, "NAME", "SIZE", "SOURCE", "PATH");
    for (size_t i = 0; i < found->n; i++) {
        char size[16];
        const found_model *m = &found->items[i];
        printf("%-*s  %8s  %-11s  %s\n", width, m->name, progress_size(size, sizeof size, (double)m->bytes), m->source, m->path);
    }
}

int cmd_list(int argc, char **argv) {
    found_models found = {0};
    error err;
    int n_rest, code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code && n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "list takes no argument: \"%s\"", argv[1]);
    if (!code) {
        code = discover(&found, &err);
        if (!code && as_json) code = print_json(&found, &err);
        else if (!code)       print_table(&found);
        if (!code && !found.n)       fprintf(stderr, "ridge: there is no model on this machine yet: `ridge pull smollm2` gets one\n");
        if (!code && found.bounded)  fprintf(stderr, "ridge: there were too many files to look at all of them\n");
        discover_free(&found);
    }
    return command_end(code, &err);
}
