/* ridge tokenize: text to token ids, with llama-tokenize's flags and output; --jsonl takes many cases in one process. */
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/model_flags.h"
#include "cli/text_input.h"

typedef struct {
    model_arguments model;
    const char *prompt, *file;
    bool standard_input, ids, bos, escape, parse_special, count, jsonl;
} arguments;

static int get_text(const arguments *a, char **rest, int n_rest, buffer *text, error *err) {
    const int sources = (a->prompt != NULL) + (a->file != NULL) + a->standard_input + (n_rest > 0);
    if (sources != 1) return fail(err, RIDGE_E_BAD_ARGUMENT, sources ? "there is more than one text: give one of -p, -f, --stdin"
                                                                     : "there is no text: give one of -p, -f, --stdin");
    int code = 0;
    if (a->file) code = read_text(a->file, text, err);
    else if (a->standard_input) code = read_text("-", text, err);
    else if (n_rest) code = join_words(rest, n_rest, text, err);
    else buffer_append_text(text, a->prompt);
    if (!code && text->failed) code = fail_memory(err, text->n, "the text");
    if (!code && a->escape) unescape(text);
    return code;
}

static void print_tokens(const ridge_model *m, const arguments *a, const ridge_tokens *t) {
    if (a->ids) {
        putchar('[');
        for (size_t i = 0; i < t->n; i++) printf("%s%d", i ? ", " : "", t->ids[i]);
        puts("]");
    } else {
        for (size_t i = 0; i < t->n; i++) {
            size_t n;
            const char *text = ridge_token_text(m, t->ids[i], &n);
            printf("%6d -> '", t->ids[i]);
            fwrite(text, 1, n, stdout);
            puts("'");
        }
    }
    if (a->count) printf("Total number of tokens: %zu\n", t->n);
}

static int tokenize_text(const ridge_model *m, const arguments *a, char **rest, int n_rest, error *err) {
    buffer text = {0};
    ridge_tokens t = {0};
    int code = get_text(a, rest, n_rest, &text, err);
    const int flags = (a->bos ? RIDGE_ADD_SPECIAL : 0) | (a->parse_special ? RIDGE_PARSE_SPECIAL : 0);
    if (!code) code = ridge_tokenize(m, buffer_text(&text), text.n, flags, &t, err);
    if (!code) print_tokens(m, a, &t);
    ridge_tokens_free(&t);
    buffer_free(&text);
    return code;
}

/* A case's bytes: "text", or "hex" where they are not UTF-8. */
static int case_bytes(const json_t *item, buffer *bytes, error *err) {
    const json_t *text = json_object_get(item, "text"), *hex = json_object_get(item, "hex");
    if (json_is_string(text)) buffer_append(bytes, json_string_value(text), json_string_length(text));
    else if (json_is_string(hex)) {
        const char *digits = json_string_value(hex);
        const size_t n = json_string_length(hex);
        for (size_t i = 0; i < n; i += 2) {
            char pair[3] = { digits[i], i + 1 < n ? digits[i + 1] : 0, 0 }, *end;
            const long byte = strtol(pair, &end, 16);
            if (end != pair + 2) return fail(err, RIDGE_E_BAD_ARGUMENT, "\"hex\" holds \"%s\", which is no byte", pair);
            buffer_append_char(bytes, (char)byte);
        }
    } else return fail(err, RIDGE_E_BAD_ARGUMENT, "there is neither \"text\" nor \"hex\"");
    return bytes->failed ? fail_memory(err, bytes->n, "the text") : 0;
}

/* Sets "ids" of a case and prints it. */
static int tokenize_case(const ridge_model *m, json_t *item, error *err) {
    buffer bytes = {0};
    ridge_tokens t = {0};
    const int flags = (json_is_true(json_object_get(item, "add_special")) ? RIDGE_ADD_SPECIAL : 0) |
                      (json_is_true(json_object_get(item, "parse_special")) ? RIDGE_PARSE_SPECIAL : 0);
    int code = case_bytes(item, &bytes, err);
    if (!code) code = ridge_tokenize(m, buffer_text(&bytes), bytes.n, flags, &t, err);
    json_t *ids = code ? NULL : json_array();
    for (size_t i = 0; ids && i < t.n; i++) json_array_append_new(ids, json_integer(t.ids[i]));
    char *line = ids && json_array_size(ids) == t.n && !json_object_set(item, "ids", ids) ? json_dumps(item, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    if (line) puts(line);
    else if (!code) code = fail_memory(err, t.n * sizeof *t.ids, "a line of JSON");
    free(line);
    json_decref(ids);
    ridge_tokens_free(&t);
    buffer_free(&bytes);
    return code;
}

static int tokenize_cases(const ridge_model *m, error *err) {
    char *line = NULL;
    size_t room = 0, number = 0;
    int code = 0;
    for (ssize_t n; !code && (n = getline(&line, &room, stdin)) > 0;) {
        number++;
        if (strspn(line, " \t\r\n") == (size_t)n) continue;
        json_error_t e;
        json_t *item = json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
        if (!json_is_object(item)) code = fail(err, RIDGE_E_BAD_ARGUMENT, "%s", item ? "not a JSON object" : e.text);
        else code = tokenize_case(m, item, err);
        if (code) fail_within(err, "standard input, line %zu", number);
        json_decref(item);
    }
    free(line);
    return code;
}

int cmd_tokenize(int argc, char **argv) {
    arguments a = { .model = MODEL_ARGUMENTS_DEFAULT, .bos = true, .escape = true, .parse_special = true };
    bool quiet = false;
    const flag flags[] = {
        MODEL_FLAG(a.model),
        { "-p --prompt",        "TEXT", "the text", .text = &a.prompt },
        { "-f --file",          "FILE", "a file with the text", .text = &a.file },
        { "--stdin",            NULL,   "the text comes from standard input", .on = &a.standard_input },
        { "--jsonl",            NULL,   "standard input has a JSON object a line, with \"text\" or \"hex\", and perhaps\n"
                                        "\"parse_special\", \"add_special\"; they are written back with their \"ids\"", .on = &a.jsonl },
        { "--ids",              NULL,   "print only ids: [1, 2, 3]", .on = &a.ids },
        { "--show-count",       NULL,   "print how many tokens there are", .on = &a.count },
        { "--no-bos",           NULL,   "never put a begin-of-sequence token in front", .off = &a.bos },
        { "--no-escape",        NULL,   "take \\n, \\t and the like literally", .off = &a.escape },
        { "--no-parse-special", NULL,   "control tokens in the text are text", .off = &a.parse_special },
        { "--log-disable",      NULL,   "tell no events", .on = &quiet },
    };
    const command_line line = {
        .usage = "ridge tokenize [flags] [[MODEL] TEXT]",
        .about = "Prints the tokens of a text: a line `id -> 'text'` each, or with --ids their ids.",
        .groups = { FLAG_GROUP("Flags", flags) },
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (code) return command_end(code, &err);
    char **rest = argv + 1;
    const bool elsewhere = a.prompt || a.file || a.standard_input || a.jsonl;
    if (!a.model.model && !a.model.repo && n_rest > (elsewhere ? 0 : 1)) {   /* `MODEL TEXT`, as llama-tokenize once took them */
        a.model.model = *rest++;
        n_rest--;
    }
    ridge_model *m = NULL;
    if (quiet) ridge_set_event_handler(model_events_ignored, NULL);
    code = model_arguments_open(&m, &a.model, RIDGE_LOAD_VOCABULARY, false, &err);
    if (!code) code = a.jsonl ? tokenize_cases(m, &err) : tokenize_text(m, &a, rest, n_rest, &err);
    if (!code && (fflush(stdout) || ferror(stdout))) code = fail(&err, RIDGE_E_IO, "standard output cannot be written");
    ridge_model_close(m);
    return command_end(code, &err);
}
