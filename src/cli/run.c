/* ridge run: one answer to one prompt, or, at a terminal without a prompt, a chat. */
#include "cli/run.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/profile_answer.h"
#include "cli/terminal.h"
#include "cli/text_input.h"

/* The prompt, from wherever it comes. */
static int get_prompt(const run_arguments *a, char **rest, int n_rest, buffer *text, error *err) {
    const int sources = (a->prompt != NULL) + (a->file != NULL) + (n_rest > 0);
    if (sources > 1) return fail(err, RIDGE_E_BAD_ARGUMENT, "there is more than one prompt: give one of -p, -f and an argument");
    int code = 0;
    if (a->file) code = read_text(a->file, text, err);
    else if (n_rest) code = join_words(rest, n_rest, text, err);
    else if (a->prompt) buffer_append_text(text, a->prompt);
    else code = read_text("-", text, err);
    if (!code && text->failed) code = fail_memory(err, text->n, "the prompt");
    if (code) return code;
    if ((a->prompt || n_rest) && a->escape) unescape(text);
    if ((a->file || !sources) && a->chat_template && text->n && text->data[text->n - 1] == '\n') text->data[--text->n] = 0;
    return text->n ? 0 : fail(err, RIDGE_E_BAD_ARGUMENT, "the prompt is empty");
}

static int prompt_tokens(const ridge_model *m, const run_arguments *a, const buffer *text, ridge_tokens *out, error *err) {
    if (!a->chat_template) {
        const int code = ridge_tokenize(m, buffer_text(text), text->n, RIDGE_ADD_SPECIAL | RIDGE_PARSE_SPECIAL, out, err);
        return code || out->n ? code : fail(err, RIDGE_E_BAD_ARGUMENT, "the prompt has no tokens");
    }
    const ridge_message messages[] = { { "system", a->system }, { "user", buffer_text(text) } };
    const bool system = a->system && *a->system;
    return ridge_chat_tokens(m, system ? messages : messages + 1, system ? 2 : 1, true, out, err);
}

/* Events, collected for --json; they are told on stderr all the same. */
static void collect_event(void *user, const char *name, const char *text) {
    fprintf(stderr, "ridge: %s: %s\n", name, text);
    json_array_append_new(user, json_pack("{s:s, s:s}", "event", name, "text", text));
}

static int print_json(const ridge_model *m, const run_arguments *a, const answer *got, const summary *s, uint64_t seed, json_t *events, error *err) {
    const ridge_model_info info = ridge_model_get_info(m);
    json_t *tokens = json_array();
    for (size_t i = 0; i < got->tokens.n; i++) json_array_append_new(tokens, json_integer(got->tokens.ids[i]));
    json_t *all = json_pack("{s:s, s:s, s:s%, s:o, s:s, s:I, s:I, s:I, s:I, s:o, s:b, s:O}", "model", info.path, "backend", info.backend, "text",
                            buffer_text(&got->text), got->text.n, "tokens", tokens, "end", ridge_end_name(got->g.end), "prompt_tokens",
                            (json_int_t)got->g.prompt_tokens, "reused_tokens", (json_int_t)got->g.reused_tokens, "processed_tokens",
                            (json_int_t)got->g.processed_tokens, "seed", (json_int_t)seed, "timings", summary_json(s), "profiled", a->profile,
                            "events", events);
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    const int code = text ? 0 : fail_memory(err, got->text.n, "the answer as JSON");
    if (text) puts(text);
    free(text);
    json_decref(all);
    return code;
}

/* What is left to do when the answer is there. */
static int finish(const ridge_model *m, const run_arguments *a, const answer *got, const ridge_sampler *sampler, double before, json_t *events,
                  error *err) {
    int code = 0;
    if (!a->json && terminal_is(stdout) && (!got->text.n || got->text.data[got->text.n - 1] != '\n')) putchar('\n');
    if (a->answer.timings || a->json) {
        const summary s = summary_make(m, &got->g, before);
        if (a->json) code = print_json(m, a, got, &s, ridge_sampler_seed(sampler), events, err);
        if (a->answer.timings && !a->profile) summary_print(&s, stderr);       /* speeds are never taken from profiled runs */
    }
    if (!code && (fflush(stdout) || ferror(stdout))) code = fail(err, RIDGE_E_IO, "standard output cannot be written");
    if (!code && got->g.end == RIDGE_CANCELLED) code = fail(err, RIDGE_E_CANCELLED, "interrupted");
    return code;
}

static int run_once(ridge_model *m, const run_arguments *a, const buffer *text, json_t *events, error *err) {
    ridge_session *s = NULL;
    ridge_sampler *sampler = NULL;
    ridge_tokens prompt = {0};
    answer got = {0};
    ridge_profile *profile = NULL;
    int code = prompt_tokens(m, a, text, &prompt, err);
    if (!code) code = ridge_sampler_new(&sampler, m, &a->answer.sampling, err);
    if (!code) code = ridge_session_open(&s, m, err);
    if (!code && a->profile) code = ridge_profile_new(&profile, m, 0, err);
    const double before = clock_seconds() - a->started;
    if (!code && profile) code = ridge_profile_begin(profile, err);
    if (!code) code = answer_ask(&got, s, sampler, &prompt, &a->answer, err);
    if (profile) ridge_profile_end(profile);
    if (code == RIDGE_E_CONTEXT_FULL) answer_hint(err, "-c makes it larger");
    if (!code) code = finish(m, a, &got, sampler, before, events, err);
    if (!code && profile) code = profile_answer_print(profile, m, err);
    ridge_profile_free(profile);
    answer_free(&got);
    ridge_tokens_free(&prompt);
    ridge_session_close(s);
    ridge_sampler_free(sampler);
    return code;
}

static int run(run_arguments *a, char **rest, int n_rest, error *err) {
    const bool given = a->prompt || a->file || n_rest;
    const bool chat = a->chat || (!given && isatty(STDIN_FILENO));
    if (chat && (given || a->json || a->profile || !a->chat_template))
        return fail(err, RIDGE_E_BAD_ARGUMENT, "%s", given ? "a chat takes no prompt" : "--json, --profile and --raw need a prompt: -p \"...\"");
    a->answer.stream = !a->json;
    a->answer.chat = chat;
    a->answer.sampling.biases = a->answer.biases.items;
    a->answer.sampling.n_biases = a->answer.biases.n;
    buffer text = {0};
    ridge_model *m = NULL;
    json_t *events = json_array();
    int code = events ? 0 : fail_memory(err, 1, "the list of events");
    if (!code && !chat) code = get_prompt(a, rest, n_rest, &text, err);
    if (!code && a->json) ridge_set_event_handler(collect_event, events);
    if (!code) code = model_arguments_open(&m, &a->model, RIDGE_LOAD_ALL, false, err);
    if (!code) code = chat ? chat_run(m, a, err) : run_once(m, a, &text, events, err);
    ridge_model_close(m);
    ridge_set_event_handler(NULL, NULL);
    json_decref(events);
    buffer_free(&text);
    return code;
}

int cmd_run(int argc, char **argv) {
    run_arguments a = {
        .model = MODEL_ARGUMENTS_DEFAULT, .chat_template = true, .escape = true, .started = clock_process_began(),
        .answer = { .sampling = ridge_sampler_options_default(), .max_tokens = -1, .timings = true },
    };
    const flag input[] = {
        MODEL_FLAG(a.model),
        { "-p --prompt",              "TEXT", "the prompt", .text = &a.prompt },
        { "-f --file",                "FILE", "a file with the prompt; - is standard input", .text = &a.file },
        { "-sys --system-prompt",     "TEXT", "what the model is told first", .text = &a.system },
        { "--raw --no-chat -no-cnv --no-conversation", NULL,
          "continue the prompt as plain text, without the chat template", .off = &a.chat_template },
        { "-cnv --conversation",      NULL,   "chat, also where standard input is no terminal", .on = &a.chat },
        { "--no-escape",              NULL,   "take \\n, \\t and the like in the prompt literally", .off = &a.escape },
    };
    const flag output[] = {
        { "-n --predict --n-predict", "N",    "most tokens to generate; -1: no limit (default)",
          .number = &a.answer.max_tokens, .least = -1, .most = 1 << 30 },
        { "-r --reverse-prompt --stop", "TEXT", "end at this text, which is not printed; may be repeated", .texts = &a.answer.stops },
        { "--ignore-eos",             NULL,   "go on behind the end of the answer", .on = &a.answer.ignore_end },
        { "--special",                NULL,   "print control tokens", .on = &a.answer.special },
        { "--json",                   NULL,   "print one JSON object at the end: text, tokens, timings", .on = &a.json },
        { "--profile",                NULL,   "say on stderr, behind the answer, where its time went", .on = &a.profile },
        { "--no-perf",                NULL,   "no line about the speed on stderr", .off = &a.answer.timings },
    };
    const flag sampling[] = { SAMPLING_FLAGS(a.answer.sampling, a.answer.biases) };
    const flag backend[] = { BACKEND_FLAGS(a.model) };
    const command_line line = {
        .usage = "ridge run [flags] [PROMPT]",
        .about = "Answers a prompt; without one, reads it from a pipe, or chats at a terminal.",
        .groups = { FLAG_GROUP("Input", input), FLAG_GROUP("Output", output), FLAG_GROUP("Sampling", sampling),
                    FLAG_GROUP("Arithmetic and speed", backend) },
        .after = "Only generated text goes to standard output. Example:\n  ridge run \"Why is the sky blue?\" -n 64 --temp 0",
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (!code) code = run(&a, argv + 1, n_rest, &err);
    text_list_free(&a.answer.stops);
    bias_list_free(&a.answer.biases);
    return command_end(code, &err);
}
