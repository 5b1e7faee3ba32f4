/* ridge pack: a model file that is mapped and used in place. */
#include <string.h>
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/hub.h"
#include "cli/progress.h"

static void show_progress(void *user, uint64_t done, uint64_t all) {
    progress *p = user;
    if (!p->label) progress_begin(p, "packing", 0, all);
    progress_update(p, done);
}

/* "some/model.gguf" gives "model.packed.gguf". */
static void default_output(const char *input, buffer *out) {
    const char *slash = strrchr(input, '/'), *name = slash ? slash + 1 : input, *dot = strrchr(name, '.');
    buffer_append(out, name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
    buffer_append_text(out, ".packed.gguf");
}

static int pack(const char *input, const char *output, ridge_pack_options *o, bool quiet, error *err) {
    progress p = {0};
    buffer path = {0}, name = {0};
    ridge_packed done;
    const double start = clock_seconds();
    if (!quiet) { o->on_progress = show_progress; o->user = &p; }
    int code = hub_resolve(input, &path, err);
    if (output) buffer_append_text(&name, output);
    else if (!code) default_output(buffer_text(&path), &name);
    if (!code && (path.failed || name.failed)) code = fail_memory(err, path.n, "a path");
    if (!code) code = ridge_pack(buffer_text(&path), buffer_text(&name), o, &done, err);
    if (!code && p.label) progress_end(&p, done.bytes_after);
    if (!code && !quiet) {
        char before[16], after[16];
        fprintf(stderr, "%s: %llu matrices as panels, %s of weights became %s, %.1f s\n", buffer_text(&name), (unsigned long long)done.matrices,
                progress_size(before, sizeof before, (double)done.bytes_before), progress_size(after, sizeof after, (double)done.bytes_after),
                clock_seconds() - start);
    }
    buffer_free(&path);
    buffer_free(&name);
    return code;
}

int cmd_pack(int argc, char **argv) {
    ridge_pack_options o = {0};
    int threads = 0;
    bool quiet = false;
    const flag flags[] = {
        { "-t --threads", "N",  "threads (default: as many as there are cores for us)", .number = &threads, .least = 1, .most = 1024 },
        { "-q --quiet",   NULL, "no progress", .on = &quiet },
    };
    const command_line line = {
        .usage = "ridge pack MODEL [OUTPUT.gguf] [flags]",
        .about = "Writes a model with its weights as the CPU backend keeps them. Such a file is mapped and used in place: it starts at once, and\n"
                 "all processes that run it share its memory. Results have the same bits. Only Ridge can run it: keep the original.",
        .groups = { FLAG_GROUP("Flags", flags) },
        .after = "MODEL is a GGUF file, a name that `ridge list` shows, or user/repo[:quant]; OUTPUT is MODEL.packed.gguf in this directory, unless given.",
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code && (n_rest < 1 || n_rest > 2)) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "usage: %s", line.usage);
    o.threads = (uint32_t)threads;
    if (!code) code = pack(argv[1], n_rest == 2 ? argv[2] : NULL, &o, quiet, &err);
    return command_end(code, &err);
}
