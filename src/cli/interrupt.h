/* What Ctrl-C does: end an answer, end the program, or be noticed. */
#pragma once
#include <stdbool.h>
#include <ridge/ridge.h>

/* From now on Ctrl-C cancels what the session does, until the next of these calls; a second one ends the program where `insisting` may. */
void interrupt_cancels(ridge_session *s, bool insisting);
/* Ctrl-C ends the program again. */
void interrupt_ends_program(void);
/* Ctrl-C only interrupts a blocking read, and interrupt_taken tells. */
void interrupt_is_noticed(void);
/* True once after a Ctrl-C. */
bool interrupt_taken(void);
