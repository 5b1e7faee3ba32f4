/* ridge info: what a file holds, what memory it needs, and its plan. Works for files that Ridge cannot run, too. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/metadata.h"
#include "cli/model_flags.h"
#include "cli/progress.h"

typedef struct {
    model_arguments model;
    bool plan, json, tensors, metadata;
    error why_not;              /* why there is no plan; code 0 where there is one */
} arguments;

static void print_shape(const ridge_tensor_info *t) {
    char shape[100] = "";
    size_t n = 0;
    for (uint32_t d = 0; d < t->n_dimensions && d < 4; d++)
        n += (size_t)snprintf(shape + n, sizeof shape - n, "%s%" PRIu64, d ? " x " : "", t->dimension[d]);
    printf("  %-24s", shape);
}

static void print_metadata(const ridge_model *m) {
    puts("\nmetadata");
    ridge_metadata data;
    buffer value = {0};
    for (size_t i = 0; ridge_model_metadata(m, i, &data); i++) {
        enum { WIDEST = 110 };
        metadata_show(&data, &value);
        printf("  %-44.*s %.*s%s\n", (int)data.key_bytes, data.key, WIDEST, value.failed ? "?" : buffer_text(&value), value.n > WIDEST ? " ..." : "");
        buffer_clear(&value);
    }
    buffer_free(&value);
}

static void print_tensors(const ridge_model *m) {
    puts("\ntensors");
    ridge_tensor_info t;
    for (size_t i = 0; ridge_model_tensor(m, i, &t); i++) {
        printf("  %-6s", t.type);
        print_shape(&t);
        printf(" %12" PRIu64 " bytes  %.*s", t.bytes, (int)t.name_bytes, t.name);
        if (t.panels && strcmp(t.panels, t.type)) printf(", in %s panels", t.panels);
        putchar('\n');
    }
}

static void print_summary(const ridge_model_info *i) {
    char size[32];
    printf("file          %s (%s)\n", i->path, progress_size(size, sizeof size, (double)i->file_bytes));
    if (i->packed_version) printf("packed        for Ridge, version %u: types and shapes are those of the original file\n", i->packed_version);
    printf("architecture  %s%s%s\n", i->architecture, *i->name ? ", " : "", i->name);
    printf("parameters    %.1f million\n", (double)i->parameters / 1e6);
    if (!i->n_layers) return;
    printf("shape         %u layers of width %u, vocabulary of %u\n", i->n_layers, i->width, i->n_vocab);
    printf("context       %u tokens, trained for %u\n", i->context_tokens, i->context_trained);
    printf("chat template %s\n", i->has_chat_template ? "yes" : "none");
    const double kv = (double)i->kv_bytes_per_token * i->context_tokens;
    printf("memory        %s of weights", progress_size(size, sizeof size, (double)i->weight_bytes));
    printf(" + %s of KV cache for %u tokens", progress_size(size, sizeof size, kv), i->context_tokens);
    printf(" = %s\n", progress_size(size, sizeof size, (double)i->weight_bytes + kv));
}

static int print_text(const ridge_model *m, const arguments *a, error *err) {
    const ridge_model_info info = ridge_model_get_info(m);
    print_summary(&info);
    if (a->why_not.code) printf("cannot run    %s\n", a->why_not.text);
    if (a->metadata) print_metadata(m);
    if (a->tensors) print_tensors(m);
    if (!a->plan) return 0;
    char *text;
    const int code = ridge_model_plan_text(m, &text, err);
    if (!code) printf("\nplan\n%s", text);
    ridge_free(text);
    return code;
}

/* Texts of a file need not be UTF-8, which JSON must be. */
static json_t *text_json(const char *text, size_t n) {
    json_t *j = json_stringn(text, n);
    return j ? j : json_null();
}

static json_t *tensors_json(const ridge_model *m) {
    json_t *list = json_array();
    ridge_tensor_info t;
    for (size_t i = 0; ridge_model_tensor(m, i, &t); i++) {
        json_t *shape = json_array();
        for (uint32_t d = 0; d < t.n_dimensions && d < 4; d++) json_array_append_new(shape, json_integer((json_int_t)t.dimension[d]));
        json_t *tensor = json_pack("{s:o, s:s, s:o, s:I}", "name", text_json(t.name, t.name_bytes), "type", t.type, "shape", shape,
                                   "bytes", (json_int_t)t.bytes);
        if (tensor && t.panels) json_object_set_new(tensor, "panels", json_string(t.panels));
        json_array_append_new(list, tensor);
    }
    return list;
}

static int print_json(const ridge_model *m, const arguments *a, error *err) {
    const ridge_model_info i = ridge_model_get_info(m);
    json_t *all = json_pack("{s:o, s:I, s:o, s:o, s:I}",
                            "path", text_json(i.path, strlen(i.path)), "file_bytes", (json_int_t)i.file_bytes,
                            "architecture", text_json(i.architecture, strlen(i.architecture)), "name", text_json(i.name, strlen(i.name)),
                            "parameters", (json_int_t)i.parameters);
    bool whole = all != NULL;
    if (whole && a->metadata) whole = !json_object_set_new(all, "metadata", metadata_json(m));
    if (whole && a->tensors) whole = !json_object_set_new(all, "tensors", tensors_json(m));
    if (all && i.packed_version) json_object_set_new(all, "packed_version", json_integer(i.packed_version));
    if (all && a->why_not.code) json_object_set_new(all, "cannot_run", json_string(a->why_not.text));
    if (all && i.n_layers) {
        json_t *more = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I}",
                                 "layers", (json_int_t)i.n_layers, "width", (json_int_t)i.width, "vocabulary", (json_int_t)i.n_vocab,
                                 "context", (json_int_t)i.context_tokens, "context_trained", (json_int_t)i.context_trained,
                                 "chat_template", i.has_chat_template, "weight_bytes", (json_int_t)i.weight_bytes,
                                 "kv_bytes_per_token", (json_int_t)i.kv_bytes_per_token,
                                 "bytes_per_token", (json_int_t)ridge_model_bytes_per_token(m, 0));
        json_object_update_new(all, more);
        char *text = NULL;
        if (a->plan && !ridge_model_plan_text(m, &text, err)) json_object_set_new(all, "plan", json_string(text));
        ridge_free(text);
    }
    char *text = whole ? json_dumps(all, JSON_INDENT(1)) : NULL;
    const int code = text ? 0 : fail_memory(err, 1, "the description as JSON");
    if (text) puts(text);
    free(text);
    json_decref(all);
    return code;
}

/* A plan where the file can have one, else what the file says about itself. */
static int open_model(ridge_model **m, arguments *a, error *err) {
    int code = model_arguments_open(m, &a->model, RIDGE_LOAD_PLAN, false, err);
    if (code != RIDGE_E_UNSUPPORTED && code != RIDGE_E_BAD_FILE) return code;
    a->why_not = *err;
    code = model_arguments_open(m, &a->model, RIDGE_LOAD_METADATA, false, err);
    if (!code && a->plan) {                         /* what was asked for is not there */
        *err = a->why_not;
        code = err->code;
    }
    return code;
}

int cmd_info(int argc, char **argv) {
    arguments a = { .model = MODEL_ARGUMENTS_DEFAULT, .metadata = true, .tensors = true };
    const flag flags[] = {
        MODEL_FLAG(a.model),
        { "-c --ctx-size", "N",     "the context that memory is counted for", .number = &a.model.context, .least = 1, .most = 1 << 24 },
        { "--plan",        NULL,    "the plan too, a line a step", .on = &a.plan },
        { "--fuse",        "LEVEL", "how far its steps are fused (default: all)", .text = &a.model.fuse, .choices = "none glu norm all" },
        { "--no-tensors",  NULL,    "not the table of tensors", .off = &a.tensors },
        { "--no-metadata", NULL,    "not the metadata", .off = &a.metadata },
        { "--json",        NULL,    "one JSON object", .on = &a.json },
    };
    const command_line line = {
        .usage = "ridge info [flags] [MODEL]",
        .about = "Describes a model: its metadata and tensors, the memory that it needs, and its plan.",
        .groups = { FLAG_GROUP("Flags", flags) }, .after = METADATA_JSON_HELP,
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (code) return command_end(code, &err);
    if (n_rest && !a.model.model && !a.model.repo) {
        a.model.model = argv[1];
        n_rest--;
    }
    ridge_model *m = NULL;
    if (n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge info takes one model");
    if (!code) code = open_model(&m, &a, &err);
    if (!code) code = a.json ? print_json(m, &a, &err) : print_text(m, &a, &err);
    if (!code && (fflush(stdout) || ferror(stdout))) code = fail(&err, RIDGE_E_IO, "standard output cannot be written");
    ridge_model_close(m);
    return command_end(code, &err);
}
