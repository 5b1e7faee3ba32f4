/* What Ctrl-C does: end an answer, end the program, or be noticed. */
#pragma once
#include <stdbool.h>
#include <ridge/ridge.h>

/* From now on Ctrl-C cancels what the session does, until the next of these calls; a second one ends the program where `insisting` may. */
void interrupt_cancels(ridge_session *s, bool insisting);
/* Ctrl-C ends the program again. */
void interrupt_ends_program(void);
/* Ctrl-C only ends interrupt_wait and blocking reads, and interrupt_taken tells. */
void interrupt_is_noticed(void);
/* Waits until fd can be read, or is at its end: true; false after a Ctrl-C, whichever thread the system gave it to. */
bool interrupt_wait(int fd);
/* True once after a Ctrl-C. */
bool interrupt_taken(void);
