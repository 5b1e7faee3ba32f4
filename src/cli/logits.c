/* ridge logits: the logits of a list of tokens as a NumPy file, for comparisons with other implementations. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/model_flags.h"
#include "cli/npy.h"
#include "cli/text_input.h"

enum { ROWS_AT_ONCE = 64 };         /* with --all, where -b does not say: rows of logits are large */

typedef struct {
    model_arguments model;
    const char *tokens, *tokens_file, *output;
    bool all;
} arguments;

/* Appends the numbers of a text such as "1 2 3", "1,2,3" or "[1, 2, 3]". */
static int parse_tokens(const char *text, ridge_tokens *out, error *err) {
    static const char between[] = " \t\r\n,[]";
    for (const char *p = text + strspn(text, between); *p; p += strspn(p, between)) {
        char *end;
        errno = 0;
        const long id = strtol(p, &end, 10);
        if (end == p || errno || id < 0 || id > INT32_MAX || (*end && !strchr(between, *end)))
            return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%.*s\" is not a token id", (int)(strcspn(p, between) < 40 ? strcspn(p, between) : 40), p);
        if (out->n == out->room) {
            const size_t room = out->room ? 2 * out->room : 256;
            int32_t *ids = memory_grow(out->ids, room, sizeof *ids);
            if (!ids) return fail_memory(err, room * sizeof *ids, "the tokens");
            out->ids = ids;
            out->room = room;
        }
        out->ids[out->n++] = (int32_t)id;
        p = end;
    }
    return out->n ? 0 : fail(err, RIDGE_E_BAD_ARGUMENT, "there are no tokens: --tokens \"1 2 3\"");
}

static int get_tokens(const arguments *a, ridge_tokens *out, error *err) {
    if (!a->tokens == !a->tokens_file) return fail(err, RIDGE_E_BAD_ARGUMENT, "give one of --tokens and --tokens-file");
    if (a->tokens) return parse_tokens(a->tokens, out, err);
    buffer text = {0};
    int code = read_text(a->tokens_file, &text, err);
    if (!code) code = parse_tokens(buffer_text(&text), out, err);
    buffer_free(&text);
    return code;
}

static int cannot_write(const char *path, error *err) { return fail(err, RIDGE_E_IO, "%s cannot be written: %s", path, strerror(errno)); }

/* All rows, some at a time; or the last one. */
static int write_rows(ridge_session *s, size_t n_vocab, const arguments *a, const ridge_tokens *t, FILE *out, error *err) {
    int code = 0;
    if (!a->all) {
        code = ridge_session_append(s, t->ids, t->n, err);
        if (code) return code;
        const float *row = ridge_session_logits(s);
        return npy_write_header(out, 1, n_vocab) || fwrite(row, sizeof *row, n_vocab, out) != n_vocab ? cannot_write(a->output, err) : 0;
    }
    const size_t at_once = (size_t)a->model.chunk < t->n ? (size_t)a->model.chunk : t->n;
    float *rows = memory_new(at_once * n_vocab, sizeof *rows);
    if (!rows) return fail_memory(err, at_once * n_vocab * sizeof *rows, "rows of logits");
    if (npy_write_header(out, t->n, n_vocab)) code = cannot_write(a->output, err);
    for (size_t done = 0, now; !code && done < t->n; done += now) {
        now = t->n - done < at_once ? t->n - done : at_once;
        code = ridge_session_append_all(s, t->ids + done, now, rows, err);
        if (!code && fwrite(rows, n_vocab * sizeof *rows, now, out) != now) code = cannot_write(a->output, err);
    }
    memory_free(rows);
    return code;
}

static int write_logits(ridge_model *m, const arguments *a, const ridge_tokens *t, error *err) {
    const ridge_model_info info = ridge_model_get_info(m);
    if (t->n > info.context_tokens)
        return fail(err, RIDGE_E_CONTEXT_FULL, "%zu tokens do not fit into the context of %u; -c makes it larger", t->n, info.context_tokens);
    ridge_session *s;
    int code = ridge_session_open(&s, m, err);
    if (code) return code;
    FILE *out = fopen(a->output, "wb");
    code = out ? write_rows(s, info.n_vocab, a, t, out, err) : cannot_write(a->output, err);
    if (out && fclose(out) && !code) code = cannot_write(a->output, err);
    ridge_session_close(s);
    return code;
}

int cmd_logits(int argc, char **argv) {
    arguments a = { .model = MODEL_ARGUMENTS_DEFAULT };
    const flag flags[] = {
        MODEL_FLAG(a.model),
        { "--tokens",      "IDS",  "the tokens: \"1 2 3\"", .text = &a.tokens },
        { "--tokens-file", "FILE", "a file with them; - is standard input", .text = &a.tokens_file },
        { "--all",         NULL,   "a row for every token, not only the last", .on = &a.all },
        { "-o --output",   "FILE", "the .npy file to write: f32, [positions][vocabulary]", .text = &a.output },
    };
    const flag backend[] = { BACKEND_FLAGS(a.model) };
    const command_line line = {
        .usage = "ridge logits -m MODEL --tokens \"1 2 3\" -o FILE.npy [flags]",
        .about = "Writes the logits behind the last token, or behind each, as a NumPy file.",
        .groups = { FLAG_GROUP("Flags", flags), FLAG_GROUP("Arithmetic and speed", backend) },
    };
    int n_rest;
    error err;
    ridge_model *m = NULL;
    ridge_tokens t = {0};
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (code) return command_end(code, &err);
    if (n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge logits takes no argument, not \"%s\"", argv[1]);
    else if (!a.output) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "-o FILE.npy says where the logits go");
    else code = get_tokens(&a, &t, &err);
    if (a.all && !a.model.chunk) a.model.chunk = ROWS_AT_ONCE;
    if (!code) code = model_arguments_open(&m, &a.model, RIDGE_LOAD_ALL, a.all, &err);
    if (!code) code = write_logits(m, &a, &t, &err);
    ridge_model_close(m);
    ridge_tokens_free(&t);
    return command_end(code, &err);
}
