/* See interrupt.h. */
#define _GNU_SOURCE
#include "cli/interrupt.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static ridge_session *volatile session;
static volatile sig_atomic_t taken;
static int wake[2] = { -1, -1 };        /* a pipe that the handler writes to, so that nobody has to be interrupted at the right moment */

static void on_interrupt(int signal_number) {
    (void)signal_number;
    const int error_before = errno;
    taken = 1;
    if (session) ridge_session_cancel(session);
    else if (wake[1] >= 0 && write(wake[1], "", 1) < 0) { /* it is full: a byte waits already */ }
    errno = error_before;
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

static void drain(void) {
    char byte;
    while (wake[0] >= 0 && read(wake[0], &byte, 1) == 1) {}
}

void interrupt_is_noticed(void) {
    session = NULL;
    if (wake[0] < 0 && pipe2(wake, O_NONBLOCK | O_CLOEXEC)) wake[0] = wake[1] = -1;
    drain();
    taken = 0;
    install(on_interrupt, 0);
}

bool interrupt_wait(int fd) {
    struct pollfd ready[] = { { .fd = fd, .events = POLLIN }, { .fd = wake[0], .events = POLLIN } };
    while (!taken && poll(ready, 2, -1) < 0 && errno == EINTR) {}
    return !taken;
}

bool interrupt_taken(void) {
    const bool was = taken;
    taken = 0;
    return was;
}
