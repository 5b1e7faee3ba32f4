/* The program: finds the subcommand. Each is one file of this folder. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"

typedef int command(int argc, char **argv);

static const struct { const char *name; command *run; const char *about; } commands[] = {
    { "run",      cmd_run,      "answer a prompt, or chat" },
    { "pull",     cmd_pull,     "get a model" },
    { "list",     cmd_list,     "the models that are here, and those that can be pulled by name" },
    { "info",     cmd_info,     "what a model file holds, the memory it needs, its plan" },
    { "tokenize", cmd_tokenize, "text to token ids" },
    { "logits",   cmd_logits,   "the logits of a list of tokens, as a NumPy file" },
    { "bench",    cmd_bench,    "how fast a model runs here, and what the hardware would allow" },
    { "ladder",   cmd_ladder,   "what each step of optimising brought, in one interleaved run" },
    { "profile",  cmd_profile,  "where the time of a token goes, step by step" },
    { "why",      cmd_why,      "what costs most against the machine's limit, and what to try" },
    { "tune",     cmd_tune,     "find what is fastest on this machine, and remember it: the same bits" },
    { "report",   cmd_report,   "the history of benchmarks as one HTML page" },
    { "ceilings", cmd_ceilings, "what this machine's memory and arithmetic can do, measured" },
    { "synth",    cmd_synth,    "write a model of random weights in a real one's shape" },
    { "quantize", cmd_quantize, "write a model in another weight format" },
    { "imatrix",  cmd_imatrix,  "which inputs matter while a model reads a text, for quantize" },
    { "pack",     cmd_pack,     "write a model so that it starts at once: packed, to be mapped and used in place" },
    { "perplexity", cmd_perplexity, "how well a model predicts a text, and how far it is from a reference" },
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static int print_help(FILE *out) {
    fprintf(out, "usage: ridge COMMAND [flags]\n\nLLM inference that knows its distance to the hardware's limit.\n\nCommands (each has --help)\n");
    for (size_t i = 0; i < N_COMMANDS; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].about);
    fprintf(out, "\nExit codes\n");
#define PRINT_EXIT_CODE(name, value, meaning) fprintf(out, "  %-10d %s\n", value, meaning);
    EXIT_CODES(PRINT_EXIT_CODE)
#undef PRINT_EXIT_CODE
    fprintf(out, "\nEnvironment\n"
                 "  NO_COLOR   no colours, on terminals neither\n"
                 "  HF_TOKEN, HF_ENDPOINT, HF_HOME, HF_HUB_CACHE   as Hugging Face's own tools take them\n"
                 "  XDG_CACHE_HOME, XDG_STATE_HOME   where measurements and the chat's history are kept\n"
                 "  RIDGE_GEMV_COLS   1, 2, 4 or 8: panels of weights that a decoding thread works on side by side, whatever ridge tune found;\n"
                 "             the same results\n");
    return EXIT_OK;
}

static int unknown(const char *name) {
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) names[i] = commands[i].name;
    const char *near = nearest(name, names, N_COMMANDS);
    if (near) fprintf(stderr, "ridge: unknown command %s: did you mean %s?\n", name, near);
    else fprintf(stderr, "ridge: unknown command %s: ridge --help lists all\n", name);
    return EXIT_BAD_INPUT;
}

int main(int argc, char **argv) {
    /* Line editing needs to know that the terminal speaks UTF-8; numbers stay as in C. */
    setlocale(LC_CTYPE, "C.UTF-8");
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) return print_help(stdout);
    if (!strcmp(argv[1], "--version")) {
        printf("ridge %s\n", ridge_version());
        return EXIT_OK;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!strcmp(argv[1], commands[i].name)) return commands[i].run(argc - 1, argv + 1);
    return unknown(argv[1]);
}
