/* Ctrl-C: the first one ends the answer in a decent way, a second one before that ends the program. */
#pragma once
#include <stdbool.h>
#include <ridge/ridge.h>

/* From now on Ctrl-C cancels what the session does. One session at a time, until the next of these calls. */
void interrupt_cancels(ridge_session *s);
/* Ctrl-C ends the program again. */
void interrupt_ends_program(void);
/* Ctrl-C only interrupts a blocking read, and interrupt_taken tells. */
void interrupt_is_noticed(void);
/* True once after a Ctrl-C. */
bool interrupt_taken(void);
