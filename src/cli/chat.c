/* The chat of `ridge run`: reads lines, answers, and understands a few commands that start with a slash. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "cli/console.h"
#include "cli/conversation.h"
#include "cli/run.h"
#include "cli/terminal.h"

typedef struct {
    ridge_model   *model;
    run_arguments *a;
    ridge_session *session;
    ridge_sampler *sampler;
    console       *console;
    conversation   messages;
    char          *system;          /* our own copy, after /set system */
    bool           over;
} chat;

static const char block[] = "\"\"\"";

/* Starts anew with the system prompt alone. */
static int start_anew(chat *c, error *err) {
    conversation_clear(&c->messages);
    return c->a->system && *c->a->system ? conversation_add(&c->messages, "system", c->a->system, strlen(c->a->system), err) : 0;
}

static int renew_sampler(chat *c, error *err) {
    answer_settings *settings = &c->a->answer;
    settings->sampling.biases = settings->biases.items;
    settings->sampling.n_biases = settings->biases.n;
    ridge_sampler *sampler;
    const int code = ridge_sampler_new(&sampler, c->model, &settings->sampling, err);
    if (code) return code;
    ridge_sampler_free(c->sampler);
    c->sampler = sampler;
    return 0;
}

static int do_bye(chat *c, char *rest, error *err) {
    (void)rest, (void)err;
    c->over = true;
    return 0;
}

static int do_clear(chat *c, char *rest, error *err) {
    (void)rest;
    fputs("The conversation starts anew.\n", stderr);
    return start_anew(c, err);
}

/* /set NAME VALUE: the flag --NAME with that value. */
static int do_set(chat *c, char *rest, error *err) {
    answer_settings *settings = &c->a->answer;
    const char *system = NULL;
    const flag sampling[] = { SAMPLING_FLAGS(settings->sampling, settings->biases) };
    const flag others[] = {
        { "-n --predict", "N", "most tokens of an answer; -1: no limit", .number = &settings->max_tokens, .least = -1, .most = 1 << 30 },
        { "--system", "TEXT", "what the model is told first; the conversation starts anew", .text = &system },
    };
    const command_line line = {
        .usage = "/set NAME VALUE", .about = "Sets what the flag --NAME of `ridge run` sets.",
        .groups = { FLAG_GROUP("Names", others), FLAG_GROUP("Sampling", sampling) },
    };
    char name[64];
    const size_t n = strcspn(rest, " ");
    char *value = rest + n + strspn(rest + n, " ");
    if (!n || !*value) {
        flags_print_help(&line, stderr);
        return 0;
    }
    snprintf(name, sizeof name, "%s%.*s", n == 1 ? "-" : "--", (int)n, rest);
    char command[] = "/set", *argv[] = { command, name, value, NULL };
    const answer_settings before = *settings;
    int n_rest, code = flags_parse(&line, 3, argv, &n_rest, err);
    if (!code) code = renew_sampler(c, err);
    if (code) settings->sampling = before.sampling;
    if (code || !system) return code;
    char *copy = memory_copy_text(system, strlen(system));
    if (!copy) return fail_memory(err, strlen(system), "the system prompt");
    memory_free(c->system);
    c->a->system = c->system = copy;
    return start_anew(c, err);
}

static int do_help(chat *c, char *rest, error *err);

static const struct { const char *name; int (*run)(chat *c, char *rest, error *err); const char *about; } commands[] = {
    { "/help",  do_help,  "print this" },
    { "/clear", do_clear, "forget the conversation" },
    { "/set",   do_set,   "/set temp 0.5, /set system \"...\": change a setting; alone, list them" },
    { "/bye",   do_bye,   "end the program, as Ctrl-D does" },
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static int do_help(chat *c, char *rest, error *err) {
    (void)c, (void)rest, (void)err;
    for (size_t i = 0; i < N_COMMANDS; i++) fprintf(stderr, "  %-8s %s\n", commands[i].name, commands[i].about);
    fprintf(stderr, "  %-8s begins a text of several lines, which ends with %s; a pasted one needs none\n", block, block);
    fprintf(stderr, "  %-8s stops the answer\n", "Ctrl-C");
    return 0;
}

static int do_command(chat *c, char *line, error *err) {
    const size_t n = strcspn(line, " ");
    char *rest = line + n + strspn(line + n, " ");
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strlen(names[i]) == n && !memcmp(line, names[i], n)) return commands[i].run(c, rest, err);
    }
    line[n] = 0;
    const char *near = nearest(line, names, N_COMMANDS);
    return near ? fail(err, RIDGE_E_BAD_ARGUMENT, "unknown command %s: did you mean %s?", line, near)
                : fail(err, RIDGE_E_BAD_ARGUMENT, "unknown command %s: /help lists all", line);
}

/* Asks for the answer to the conversation, whose last message is the user's, and adds it. */
static int reply(chat *c, error *err) {
    ridge_tokens prompt = {0};
    answer got = {0};
    int code = ridge_chat_tokens(c->model, c->messages.items, c->messages.n, true, &prompt, err);
    if (!code) code = answer_ask(&got, c->session, c->sampler, &prompt, &c->a->answer, err);
    if (!code) {
        if (!got.text.n || got.text.data[got.text.n - 1] != '\n') putchar('\n');
        if (fflush(stdout) || ferror(stdout)) code = fail(err, RIDGE_E_IO, "standard output cannot be written");
    }
    if (!code && c->a->answer.timings) {
        const summary s = summary_make(c->model, &got.g, 0);
        summary_print(&s, stderr);
    }
    if (!code) code = conversation_add(&c->messages, "assistant", buffer_text(&got.text), got.text.n, err);
    answer_free(&got);
    ridge_tokens_free(&prompt);
    return code;
}

static int say(chat *c, const char *text, size_t n, error *err) {
    int code = conversation_add(&c->messages, "user", text, n, err);
    if (code) return code;
    code = reply(c, err);
    if (code) conversation_drop_last(&c->messages);         /* as if it had not been said */
    if (code == RIDGE_E_CONTEXT_FULL) answer_hint(err, "/clear starts anew, -c makes it larger");
    return code;
}

/* Reads on until a line that ends with """. *line has what stands behind the first. */
static console_result read_block(chat *c, buffer *line) {
    buffer more = {0};
    console_result result = CONSOLE_LINE;
    const size_t mark = strlen(block);
    while (line->n < mark || strcmp(line->data + line->n - mark, block)) {
        result = console_read(c->console, "... ", &more);
        if (result != CONSOLE_LINE) break;
        if (line->n) buffer_append_char(line, '\n');
        buffer_append(line, buffer_text(&more), more.n);
    }
    if (result == CONSOLE_LINE) line->data[line->n -= mark] = 0;
    if (more.failed) line->failed = true;
    buffer_free(&more);
    return result;
}

/* One turn: a line or a block, and what it asks for. */
static int turn(chat *c, buffer *line, error *err) {
    console_result result = console_read(c->console, ">>> ", line);
    const bool is_block = result == CONSOLE_LINE && !strncmp(buffer_text(line), block, strlen(block));
    if (is_block) {
        line->n -= strlen(block);
        memmove(line->data, line->data + strlen(block), line->n + 1);
        result = read_block(c, line);
    }
    if (result == CONSOLE_END) c->over = true;
    if (line->failed) return fail_memory(err, line->n, "a line");
    if (result != CONSOLE_LINE || strspn(buffer_text(line), " \t\n") == line->n) return 0;
    console_remember(c->console, buffer_text(line));
    if (!is_block && line->data[0] == '/') return do_command(c, line->data, err);
    return say(c, buffer_text(line), line->n, err);
}

/* Failures that a person can do something about do not end the chat. */
static bool goes_on(int code) { return code == RIDGE_E_BAD_ARGUMENT || code == RIDGE_E_CONTEXT_FULL || code == RIDGE_E_UNSUPPORTED; }

static void greet(const chat *c) {
    const ridge_model_info info = ridge_model_get_info(c->model);
    fprintf(stderr, "%s%s, %s, context of %u tokens, loaded in %.3f s. /help lists commands.%s\n", terminal_dim(stderr),
            *info.name ? info.name : info.path, info.backend, info.context_tokens, info.load_seconds, terminal_plain(stderr));
}

int chat_run(ridge_model *m, run_arguments *a, error *err) {
    chat c = { .model = m, .a = a };
    buffer line = {0};
    int code = console_open(&c.console, err);
    if (!code) code = renew_sampler(&c, err);
    if (!code) code = ridge_session_open(&c.session, m, err);
    if (!code) code = start_anew(&c, err);
    if (!code) greet(&c);
    while (!code && !c.over) {
        code = turn(&c, &line, err);
        if (!goes_on(code)) continue;
        fprintf(stderr, "ridge: %s\n", err->text);
        code = 0;
    }
    if (!code) fputs("\n", stderr);
    buffer_free(&line);
    conversation_clear(&c.messages);
    memory_free(c.system);
    ridge_session_close(c.session);
    ridge_sampler_free(c.sampler);
    console_close(c.console);
    return code;
}
