/* Command lines as tables: parsing and --help come from the same rows.
 *
 *     int threads = 0; const char *model = NULL; bool pack = true;
 *     const flag model_flags[] = {
 *         { "-m --model",   "FILE", "the model: a file, a name, user/repo[:quant]", .text = &model },
 *         { "-t --threads", "N",    "threads (default: one per core)", .number = &threads, .least = 1, .most = 1024 },
 *         { "--no-pack",    NULL,   "pack weights just before use", .off = &pack },
 *     };
 *     const command_line line = { .usage = "ridge run [flags] [prompt]", .about = "Answers a prompt.",
 *                                 .groups = { FLAG_GROUP("Model", model_flags) } };
 *     int n_rest, code = flags_parse(&line, argc, argv, &n_rest, &err);
 *     if (code) return command_end(code, &err);        // --help, or an error: already the exit code
 *     ... argv[1 .. n_rest] are the arguments that are not flags, in their order
 *
 * `--flag value`, `--flag=value`, and `--` before arguments that start with '-'. The last of a repeated flag wins, except for lists. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/error.h"

/* The values of a flag that may be repeated, borrowed from argv. Free with text_list_free. */
typedef struct { const char **items; size_t n, room; } text_list;

typedef struct {
    const char *names;      /* every spelling, separated by spaces: "-n --predict --n-predict" */
    const char *argument;   /* what help calls the value: "N"; NULL: the flag has none */
    const char *help;       /* one line, or several separated by '\n' */

    /* Where it goes: exactly one. Its content before parsing is the default. */
    bool        *on, *off;  /* set to true, to false; no value */
    int         *number;
    int64_t     *wide;
    float       *real;
    const char **text;      /* borrowed from argv */
    text_list   *texts;
    int        (*parse)(void *store, const char *value, error *err);    /* 0 or a negative code, with *err filled in */
    void        *store;     /* for parse */

    double       least, most;   /* of number, wide and real, both included; both 0: any */
    const char  *choices;       /* of text: the words allowed, separated by spaces; NULL: any */
} flag;

typedef struct { const char *title; const flag *flags; size_t n; } flag_group;
#define FLAG_GROUP(title, table) { title, table, sizeof (table) / sizeof (table)[0] }

typedef struct {
    const char *usage;      /* "ridge pull [flags] NAME" */
    const char *about;      /* a sentence or a few lines */
    flag_group  groups[6];  /* ends at the first without flags; -h --help is added */
    const char *after;      /* printed below the flags, such as examples; may be NULL */
} command_line;

enum { FLAGS_HELP = 1 };    /* help was asked for and has been printed on stdout */

/* Parses argv[1..argc) into the places that the table names and moves the arguments that are not flags to argv[1..*n_rest].
 * Returns 0, FLAGS_HELP, or RIDGE_E_BAD_ARGUMENT with a sentence that names the flag and, where it is unknown, the nearest one. */
int flags_parse(const command_line *line, int argc, char **argv, int *n_rest, error *err);
void flags_print_help(const command_line *line, FILE *out);
void text_list_free(text_list *list);

/* The end of a command: prints err's sentence on stderr where code is negative; returns the exit code. FLAGS_HELP is a success. */
int command_end(int code, const error *err);
