/* ridge quantize: a model file in another weight format. */
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/hub.h"
#include "cli/progress.h"

static void show_progress(void *user, uint64_t done, uint64_t all) {
    progress *p = user;
    if (!p->label) progress_begin(p, "quantising", 0, all);
    progress_update(p, done);
}

/* "PATTERN=TYPE" [n] into pairs, the caller's to free with free_overrides. */
static int parse_overrides(const text_list *texts, ridge_tensor_type **out, error *err) {
    *out = memory_new(texts->n, sizeof **out);
    if (!*out) return fail_memory(err, texts->n * sizeof **out, "the tensors' types");
    for (size_t i = 0; i < texts->n; i++) {
        const char *equals = strrchr(texts->items[i], '=');
        if (!equals || equals == texts->items[i]) return fail(err, RIDGE_E_BAD_ARGUMENT, "--tensor-type takes PATTERN=TYPE, not \"%s\"", texts->items[i]);
        (*out)[i].pattern = memory_copy_text(texts->items[i], (size_t)(equals - texts->items[i]));
        (*out)[i].type = equals + 1;
        if (!(*out)[i].pattern) return fail_memory(err, strlen(texts->items[i]), "a pattern");
    }
    return 0;
}

static void free_overrides(ridge_tensor_type *list, size_t n) {
    for (size_t i = 0; list && i < n; i++) memory_free((void *)list[i].pattern);
    memory_free(list);
}

static int quantize(const char *input, const char *output, ridge_quantize_options *o, bool quiet, error *err) {
    progress p = {0};
    buffer path = {0};
    ridge_quantized done;
    const double start = clock_seconds();
    if (!quiet) { o->on_progress = show_progress; o->user = &p; }
    int code = hub_resolve(input, &path, err);
    if (!code && path.failed) code = fail_memory(err, path.n, "a path");
    if (!code) code = ridge_quantize(buffer_text(&path), output, o, &done, err);
    if (!code && p.label) progress_end(&p, done.bytes_before);
    if (!code && !quiet) {
        char before[16], after[16];
        char weighted[40] = "";
        if (o->imatrix) snprintf(weighted, sizeof weighted, ", %llu by importance", (unsigned long long)done.weighted);
        fprintf(stderr, "%s: %llu of %llu tensors changed%s, %s of weights became %s (%.2f), %.1f s\n", output, (unsigned long long)done.changed,
                (unsigned long long)done.tensors, weighted, progress_size(before, sizeof before, (double)done.bytes_before),
                progress_size(after, sizeof after, (double)done.bytes_after), (double)done.bytes_after / (double)done.bytes_before, clock_seconds() - start);
    }
    buffer_free(&path);
    return code;
}

int cmd_quantize(int argc, char **argv) {
    ridge_quantize_options o = {0};
    text_list tensor_types = {0};
    ridge_tensor_type *overrides = NULL;
    int threads = 0;
    bool quiet = false;
    char after[600];
    const flag flags[] = {
        { "-t --threads",       "N", "threads (default: as many as there are cores for us)", .number = &threads, .least = 1, .most = 1024 },
        { "--tensor-type",      "PATTERN=TYPE", "a format for tensors whose name the regular expression matches\n"
                                                "somewhere; may be repeated, the first that matches wins", .texts = &tensor_types },
        { "--imatrix",          "FILE", "an importance matrix (`ridge imatrix` makes one): errors count the more,\n"
                                        "the larger a weight's inputs were", .text = &o.imatrix },
        { "--pure",             NULL, "all matrices alike", .on = &o.pure },
        { "--allow-requantize", NULL, "also from quantised weights, although errors add up", .on = &o.allow_requantize },
        { "-q --quiet",         NULL, "no progress", .on = &quiet },
    };
    snprintf(after, sizeof after, "Types: %s\nq3_k, q4_k and q5_k are their _m. Mixes are llama-quantize's.\n"
                                  "`ridge perplexity --kl` says what a type costs.", ridge_quantize_types());
    const command_line line = {
        .usage = "ridge quantize INPUT.gguf OUTPUT.gguf TYPE [flags]",
        .about = "Writes a model with its matrices in another format. Norms, biases and metadata stay as they are.",
        .groups = { FLAG_GROUP("Flags", flags) }, .after = after,
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code && n_rest != 3) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "usage: %s", line.usage);
    if (!code) code = parse_overrides(&tensor_types, &overrides, &err);
    if (!code) {
        o.type = argv[3];
        o.threads = (uint32_t)threads;
        o.overrides = overrides;
        o.n_overrides = tensor_types.n;
        code = quantize(argv[1], argv[2], &o, quiet, &err);
    }
    free_overrides(overrides, tensor_types.n);
    text_list_free(&tensor_types);
    return command_end(code, &err);
}
