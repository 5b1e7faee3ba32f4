/* See interrupt.h. */
#include "cli/interrupt.h"
#include <signal.h>
#include <stddef.h>

static ridge_session *volatile session;
static volatile sig_atomic_t taken;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    taken = 1;
    if (session) ridge_session_cancel(session);
}

/* No SA_RESTART: a read must come back. */
static void install(void (*handler)(int), int flags) {
    struct sigaction action = { .sa_flags = flags };
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

void interrupt_cancels(ridge_session *s, bool insisting) {
    taken = 0;
    session = s;
    install(on_interrupt, insisting ? (int)SA_RESETHAND : 0);
}

void interrupt_ends_program(void) {
    install(SIG_DFL, 0);
    session = NULL;
}

void interrupt_is_noticed(void) {
    session = NULL;
    taken = 0;
    install(on_interrupt, 0);
}

bool interrupt_taken(void) {
    const bool was = taken;
    taken = 0;
    return was;
}
