/* Command lines as tables: see flags.h. */
#include "cli/flags.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/nearest.h"
#include "cli/exit_codes.h"

enum { SPELLINGS_MAX = 256, SPELLING_ROOM = 48, HELP_COLUMN = 34 };

/* Copies the next word of *text into word (SPELLING_ROOM bytes, cut where longer); false at the end. */
static bool next_word(const char **text, char *word) {
    const char *p = *text + strspn(*text, " ");
    const size_t n = strcspn(p, " ");
    if (!n) return false;
    snprintf(word, SPELLING_ROOM, "%.*s", (int)n, p);
    *text = p + n;
    return true;
}

static bool has_word(const char *words, const char *wanted, size_t n) {
    for (const char *p = words + strspn(words, " "); *p; p += strspn(p, " ")) {
        const size_t here = strcspn(p, " ");
        if (here == n && !memcmp(p, wanted, n)) return true;
        p += here;
    }
    return false;
}

/* The word of `words` that is nearest to `wrong`, in `word`; false where none is near. */
static bool nearest_word(const char *words, const char *wrong, char *word) {
    static char spellings[SPELLINGS_MAX][SPELLING_ROOM];
    const char *names[SPELLINGS_MAX], *p = words;
    size_t n = 0;
    while (n < SPELLINGS_MAX && next_word(&p, spellings[n])) { names[n] = spellings[n]; n++; }
    const char *best = nearest(wrong, names, n);
    if (best) snprintf(word, SPELLING_ROOM, "%s", best);
    return best != NULL;
}

static int fail_unknown(const command_line *line, const char *argument, size_t n, error *err) {
    char wrong[SPELLING_ROOM], best[SPELLING_ROOM], all[SPELLINGS_MAX * 16] = "--help";
    size_t used = strlen(all);
    snprintf(wrong, sizeof wrong, "%.*s", (int)n, argument);
    for (const flag_group *g = line->groups; g < line->groups + 6 && g->n; g++)
        for (size_t i = 0; i < g->n && used < sizeof all; i++)
            used += (size_t)snprintf(all + used, sizeof all - used, " %s", g->flags[i].names);
    if (nearest_word(all, wrong, best)) return fail(err, RIDGE_E_BAD_ARGUMENT, "unknown flag %s: did you mean %s?", wrong, best);
    return fail(err, RIDGE_E_BAD_ARGUMENT, "unknown flag %s: --help lists all", wrong);
}

static const flag *find(const command_line *line, const char *name, size_t n) {
    for (const flag_group *g = line->groups; g < line->groups + 6 && g->n; g++)
        for (size_t i = 0; i < g->n; i++)
            if (has_word(g->flags[i].names, name, n)) return &g->flags[i];
    return NULL;
}

static int fail_range(const flag *f, const char *name, const char *value, const char *kind, error *err) {
    if (f->least == 0 && f->most == 0) return fail(err, RIDGE_E_BAD_ARGUMENT, "%s takes %s, not \"%s\"", name, kind, value);
    return fail(err, RIDGE_E_BAD_ARGUMENT, "%s takes %s from %g to %g, not \"%s\"", name, kind, f->least, f->most, value);
}

static bool in_range(const flag *f, double v) { return (f->least == 0 && f->most == 0) || (v >= f->least && v <= f->most); }

static int append_text(text_list *list, const char *value, error *err) {
    if (list->n == list->room) {
        const size_t room = list->room ? 2 * list->room : 8;
        const char **items = memory_grow(list->items, room, sizeof *items);
        if (!items) return fail_memory(err, room * sizeof *items, "a list of flags");
        list->items = items;
        list->room = room;
    }
    list->items[list->n++] = value;
    return 0;
}

static int store_whole(const flag *f, const char *name, const char *value, error *err) {
    char *end;
    errno = 0;
    const long long v = strtoll(value, &end, 10);
    if (end == value || *end || errno || (f->number && v != (int)v) || !in_range(f, (double)v)) return fail_range(f, name, value, "a whole number", err);
    if (f->number) *f->number = (int)v;
    else           *f->wide = v;
    return 0;
}

static int store(const flag *f, const char *name, const char *value, error *err) {
    if (f->number || f->wide) return store_whole(f, name, value, err);
    if (f->real) {
        char *end;
        const float v = strtof(value, &end);
        if (end == value || *end || v - v != 0 || !in_range(f, (double)v)) return fail_range(f, name, value, "a number", err);
        *f->real = v;
        return 0;
    }
    if (f->texts) return append_text(f->texts, value, err);
    if (f->parse) return f->parse(f->store, value, err) ? fail_within(err, "%s", name) : 0;
    if (f->choices && !has_word(f->choices, value, strlen(value))) {
        char best[SPELLING_ROOM];
        if (nearest_word(f->choices, value, best)) return fail(err, RIDGE_E_BAD_ARGUMENT, "%s \"%s\" is unknown: did you mean %s?", name, value, best);
        return fail(err, RIDGE_E_BAD_ARGUMENT, "%s takes one of: %s; not \"%s\"", name, f->choices, value);
    }
    *f->text = value;
    return 0;
}

/* Handles the flag at argv[*i], and takes its value from the next argument where it needs one. */
static int parse_one(const command_line *line, int argc, char **argv, int *i, error *err) {
    const char *argument = argv[*i], *equals = strchr(argument, '=');
    const size_t n = equals ? (size_t)(equals - argument) : strlen(argument);
    if (has_word("-h --help", argument, n)) { flags_print_help(line, stdout); return FLAGS_HELP; }
    const flag *f = find(line, argument, n);
    if (!f) return fail_unknown(line, argument, n, err);
    char name[SPELLING_ROOM];
    snprintf(name, sizeof name, "%.*s", (int)n, argument);
    if (f->on || f->off) {
        if (equals) return fail(err, RIDGE_E_BAD_ARGUMENT, "%s takes no value", name);
        *(f->on ? f->on : f->off) = f->on != NULL;
        return 0;
    }
    if (equals) return store(f, name, equals + 1, err);
    if (*i + 1 == argc) return fail(err, RIDGE_E_BAD_ARGUMENT, "%s needs a value: %s %s", name, name, f->argument);
    return store(f, name, argv[++*i], err);
}

int flags_parse(const command_line *line, int argc, char **argv, int *n_rest, error *err) {
    *n_rest = 0;
    bool flags_ended = false;
    for (int i = 1; i < argc; i++) {
        if (!flags_ended && !strcmp(argv[i], "--")) { flags_ended = true; continue; }
        if (flags_ended || argv[i][0] != '-' || !argv[i][1]) { argv[++*n_rest] = argv[i]; continue; }
        const int code = parse_one(line, argc, argv, &i, err);
        if (code) return code;
    }
    return 0;
}

static void print_flag(const flag *f, FILE *out) {
    char left[200], word[SPELLING_ROOM];
    size_t used = 0;
    for (const char *p = f->names; used < sizeof left && next_word(&p, word); )
        used += (size_t)snprintf(left + used, sizeof left - used, "%s%s", used ? ", " : "", word);
    if (f->argument && used < sizeof left) snprintf(left + used, sizeof left - used, " %s", f->argument);
    fprintf(out, "  %-*s", HELP_COLUMN - 3, left);
    if (strlen(left) > HELP_COLUMN - 3) fprintf(out, "\n%*s", HELP_COLUMN - 1, "");
    for (const char *p = f->help; *p; ) {
        const size_t n = strcspn(p, "\n");
        fprintf(out, " %.*s\n", (int)n, p);
        p += n + (p[n] == '\n');
        if (*p) fprintf(out, "%*s", HELP_COLUMN - 1, "");
    }
    if (f->choices) fprintf(out, "%*s one of: %s\n", HELP_COLUMN - 1, "", f->choices);
}

void flags_print_help(const command_line *line, FILE *out) {
    static const flag help = { .names = "-h --help", .help = "print this" };
    fprintf(out, "usage: %s\n\n%s\n", line->usage, line->about);
    for (const flag_group *g = line->groups; g < line->groups + 6 && g->n; g++) {
        fprintf(out, "\n%s\n", g->title);
        for (size_t i = 0; i < g->n; i++) print_flag(&g->flags[i], out);
        if (g == line->groups) print_flag(&help, out);
    }
    if (line->after) fprintf(out, "\n%s\n", line->after);
}

void text_list_free(text_list *list) {
    memory_free(list->items);
    *list = (text_list){0};
}

int command_end(int code, const error *err) {
    if (code >= 0) return EXIT_OK;
    fprintf(stderr, "ridge: %s\n", err->text);
    return exit_code(code);
}
