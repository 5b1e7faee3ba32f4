/* ridge imatrix: which inputs of a model's matrices matter while it reads a text, for ridge quantize. */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/text_input.h"

enum { CHUNK_TOKENS = 512 };

typedef struct {
    model_arguments model;
    const char *file, *output;
    int  chunks;                    /* 0: all */
    bool quiet;
} arguments;

typedef struct { double started, shown; } shown_progress;

/* A line now and then, and the last. */
static void show_progress(void *user, uint64_t done, uint64_t all) {
    shown_progress *p = user;
    const double now = clock_seconds();
    if (done < all && now - p->shown < 1) return;
    p->shown = now;
    const double left = (now - p->started) / (double)done * (double)(all - done);
    fprintf(stderr, "chunk %llu of %llu, %.0f s left\n", (unsigned long long)done, (unsigned long long)all, left);
}

static int collect(const ridge_model *m, const arguments *a, error *err) {
    buffer text = {0};
    ridge_tokens t = {0};
    shown_progress p = { .started = clock_seconds() };
    ridge_imatrix_options o = {
        .chunk_tokens = (uint32_t)a->model.context, .chunks = (uint32_t)a->chunks, .threads = (uint32_t)a->model.threads, .dataset = a->file,
        .on_progress = a->quiet ? NULL : show_progress, .user = &p,
    };
    int code = read_text(a->file, &text, err);
    if (!code) code = ridge_tokenize(m, buffer_text(&text), text.n, RIDGE_ADD_SPECIAL, &t, err);
    if (!code) code = text_first_token(m, &o.first, err);
    if (!code) code = ridge_imatrix(m, t.ids, t.n, a->output, &o, err);
    ridge_tokens_free(&t);
    buffer_free(&text);
    return code;
}

int cmd_imatrix(int argc, char **argv) {
    arguments a = { .model = MODEL_ARGUMENTS_DEFAULT };
    a.model.context = CHUNK_TOKENS;
    const flag flags[] = {
        MODEL_FLAG(a.model),
        { "-f --file",     "FILE", "the text; - is standard input", .text = &a.file },
        { "-o --output",   "FILE", "the importance matrix, a GGUF file", .text = &a.output },
        { "-c --ctx-size", "N",    "tokens of a chunk (default: 512)", .number = &a.model.context, .least = 1, .most = 1 << 24 },
        { "--chunks",      "N",    "only the first N chunks (default: all)", .number = &a.chunks, .least = 1, .most = 1 << 30 },
        { "-t --threads",  "N",    "threads, a chunk each (default: as many as there are cores for us)", .number = &a.model.threads, .least = 1, .most = 1024 },
        { "-q --quiet",    NULL,   "no progress", .on = &a.quiet },
    };
    const command_line line = {
        .usage = "ridge imatrix -m MODEL -f FILE -o IMATRIX.gguf [flags]",
        .about = "Writes how large the inputs of each matrix are while the model reads a text, in llama-imatrix's format: with\n"
                 "`ridge quantize --imatrix` errors count the more, the larger the input that they are multiplied by. The text should be like\n"
                 "what the model will be used for. It is read in plain f32, slowly; the model is best the F16 or F32 one.",
        .groups = { FLAG_GROUP("Flags", flags) },
    };
    int n_rest;
    error err;
    ridge_model *m = NULL;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (code) return command_end(code, &err);
    if (n_rest) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "ridge imatrix takes no argument, not \"%s\"", argv[1]);
    else if (!a.file) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "-f FILE says which text");
    else if (!a.output) code = fail(&err, RIDGE_E_BAD_ARGUMENT, "-o FILE says where the importance matrix goes");
    if (!code) code = model_arguments_open(&m, &a.model, RIDGE_LOAD_PLAN, false, &err);
    if (!code) code = collect(m, &a, &err);
    ridge_model_close(m);
    return command_end(code, &err);
}
