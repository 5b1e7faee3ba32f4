/* See console.h. Line editing is libedit's; it lacks bracketed paste, which is added here: the terminal is asked to put
 * ESC [ 200 ~ and ESC [ 201 ~ around what is pasted, and the first of these is bound to a function that reads up to the second. */
#include "cli/console.h"
#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include "base/events.h"
#include "base/files.h"
#include "base/memory.h"
#include "cli/interrupt.h"

enum { HISTORY_LINES = 1000 };

struct console {
    EditLine   *editor;             /* NULL: standard input is no terminal */
    History    *history;
    const char *prompt;
    buffer      history_path;       /* empty: the history is not kept */
    char       *line;               /* getline's */
    size_t      room;
};

static char *show_prompt(EditLine *editor) {
    console *c = NULL;
    el_get(editor, EL_CLIENTDATA, &c);
    return (char *)c->prompt;
}

/* Reads one character for libedit: 1, 0 at the end, -1 after Ctrl-C. What is not UTF-8 is dropped. */
static int read_character(EditLine *editor, wchar_t *out) {
    (void)editor;
    mbstate_t state = {0};
    for (;;) {
        char byte;
        if (!interrupt_wait(STDIN_FILENO)) {
            errno = EINTR;
            return -1;
        }
        const ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n != 1) return (int)n;
        const size_t used = mbrtowc(out, &byte, 1, &state);
        if (used == (size_t)-1) state = (mbstate_t){0};
        else if (used != (size_t)-2) return 1;
    }
}

/* Wide text that grows; terminated. */
typedef struct { wchar_t *text; size_t n, room; } wide_text;

static bool wide_append(wide_text *w, wchar_t c) {
    if (w->n + 2 > w->room) {
        const size_t room = w->room ? 2 * w->room : 256;
        wchar_t *text = memory_grow(w->text, room, sizeof *text);
        if (!text) return false;
        w->text = text;
        w->room = room;
    }
    w->text[w->n++] = c;
    w->text[w->n] = 0;
    return true;
}

/* Reads what is pasted up to its end into the line. Line ends, which terminals send as carriage returns, become newlines. */
static unsigned char paste(EditLine *editor, int key) {
    (void)key;
    static const wchar_t end[] = L"\033[201~";
    enum { END = sizeof end / sizeof end[0] - 1 };
    wide_text pasted = {0};
    wchar_t c, before = 0;
    bool whole = true;
    while (whole && el_wgetc(editor, &c) == 1) {
        const wchar_t kept = c == L'\r' ? L'\n' : c;
        const bool second = c == L'\n' && before == L'\r';
        before = c;
        if (second) continue;
        whole = wide_append(&pasted, kept);
        if (!whole || pasted.n < END || wmemcmp(pasted.text + pasted.n - END, end, END)) continue;
        pasted.n -= END;
        break;
    }
    while (pasted.n && pasted.text[pasted.n - 1] == L'\n') pasted.n--;      /* most pasted blocks end with one: Enter stays the person's */
    if (pasted.text) pasted.text[pasted.n] = 0;
    const bool inserted = whole && pasted.n && !el_winsertstr(editor, pasted.text);
    memory_free(pasted.text);
    return inserted ? CC_REFRESH : CC_REFRESH_BEEP;
}

static void load_history(console *c) {
    HistEvent event_ignored;
    error err;
    history(c->history, &event_ignored, H_SETSIZE, HISTORY_LINES);
    history(c->history, &event_ignored, H_SETUNIQUE, 1);
    int code = files_state_directory(&c->history_path, &err);
    if (!code) code = make_directories(buffer_text(&c->history_path), &err);
    buffer_append_text(&c->history_path, "/history");
    if (code || c->history_path.failed) {
        event(EVENT_history_not_saved, "%s", code ? err.text : "there is no memory for the history's path");
        buffer_free(&c->history_path);
        return;
    }
    history(c->history, &event_ignored, H_LOAD, buffer_text(&c->history_path));
}

static bool start_editing(console *c) {
    c->editor = el_init("ridge", stdin, stderr, stderr);
    c->history = history_init();
    if (!c->editor || !c->history) return false;
    el_set(c->editor, EL_CLIENTDATA, c);
    el_set(c->editor, EL_PROMPT, show_prompt);
    el_set(c->editor, EL_EDITOR, "emacs");
    el_set(c->editor, EL_HIST, history, c->history);
    el_set(c->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(c->editor, EL_SETTY, "-d", "-icrnl", "-inlcr", NULL);       /* what is pasted comes as it is: "\r\n" is one line end */
    el_wset(c->editor, EL_GETCFN, read_character);
    el_wset(c->editor, EL_ADDFN, L"ridge-paste", L"insert a pasted block", paste);     /* el_set would leak its copies */
    el_set(c->editor, EL_BIND, "\033[200~", "ridge-paste", NULL);
    load_history(c);
    return true;
}

int console_open(console **out, error *err) {
    *out = NULL;
    console *c = memory_new(1, sizeof *c);
    if (!c) return fail_memory(err, sizeof *c, "the console");
    if (isatty(STDIN_FILENO) && !start_editing(c)) {
        console_close(c);
        return fail(err, RIDGE_E_NO_MEMORY, "line editing could not be started");
    }
    *out = c;
    return 0;
}

void console_close(console *c) {
    if (!c) return;
    if (c->editor) el_end(c->editor);
    if (c->history) history_end(c->history);
    buffer_free(&c->history_path);
    free(c->line);
    memory_free(c);
}

/* libedit's line, with its newline, or NULL at the end and after Ctrl-C. */
static const char *read_edited(console *c, const char *prompt, int *n) {
    c->prompt = prompt;
    el_set(c->editor, EL_PREP_TERM, 1);         /* before the prompt is seen: a Ctrl-D that comes sooner would be lost */
    fputs("\033[?2004h", stderr);
    fflush(stderr);
    const char *text = el_gets(c->editor, n);
    fputs("\033[?2004l", stderr);
    fflush(stderr);
    return text;
}

console_result console_read(console *c, const char *prompt, buffer *line) {
    buffer_clear(line);
    interrupt_is_noticed();
    int n = 0;
    const char *text;
    if (c->editor) text = read_edited(c, prompt, &n);
    else {
        n = (int)getline(&c->line, &c->room, stdin);
        text = c->line;
    }
    const bool interrupted = interrupt_taken();
    interrupt_ends_program();
    if (interrupted) {
        fputs("\n", stderr);
        clearerr(stdin);
        return CONSOLE_INTERRUPTED;
    }
    if (!text || n <= 0) return CONSOLE_END;
    if (text[n - 1] == '\n') n--;
    buffer_append(line, text, (size_t)n);
    return CONSOLE_LINE;
}

void console_remember(console *c, const char *text) {
    HistEvent result;
    if (!c->history) return;
    history(c->history, &result, H_ENTER, text);
    if (c->history_path.n && history(c->history, &result, H_SAVE, buffer_text(&c->history_path)) < 0)
        event(EVENT_history_not_saved, "the history could not be written to %s", buffer_text(&c->history_path));
}
