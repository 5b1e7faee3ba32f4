/* ridge ceilings: what this machine can do at most, measured, as a table or as JSON. */
#include <stdlib.h>
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/flags.h"
#include "perf/ceilings.h"

static void say(void *user, const char *what) {
    (void)user;
    fprintf(stderr, "measuring: %s\n", what);
}

/* The stored ceilings, or new ones, which are stored. */
static int get(ceilings *c, bool refresh, error *err) {
    if (!refresh && !ceilings_load(c, err) && c->complete) return 0;
    const int code = ceilings_measure(c, say, NULL, err);
    return code ? code : ceilings_store(c, err);
}

int cmd_ceilings(int argc, char **argv) {
    bool refresh = false, json = false;
    const flag flags[] = {
        { "--refresh", NULL, "measure again, even where this machine's ceilings are known", .on = &refresh },
        { "--json",    NULL, "print JSON with every sample", .on = &json },
    };
    const command_line line = {
        .usage = "ridge ceilings [flags]",
        .about = "Measures what this machine can do at most: reading and copying memory by number of threads, the caches,\n"
                 "arithmetic, the threads' barrier. Takes some seconds and should have the machine to itself. The result is kept\n"
                 "in ceilings.json of the cache directory and used until the machine changes.",
        .groups = { FLAG_GROUP("Flags", flags) },
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (code) return command_end(code, &err);
    if (n_rest) return command_end(fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge ceilings takes no argument, not \"%s\"", argv[1]), &err);
    static ceilings c;
    code = get(&c, refresh, &err);
    if (code) return command_end(code, &err);
    if (!json) { ceilings_print(&c, stdout); return EXIT_OK; }
    json_t *all = ceilings_json(&c);
    char *text = all ? json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) : NULL;
    if (text) puts(text);
    else code = fail_memory(&err, sizeof c, "the ceilings as JSON");
    free(text);
    json_decref(all);
    return command_end(code, &err);
}
