/* Unicode normalisation form C, which some models' tokenisers apply before anything else. */
#pragma once
#include "base/buffer.h"
#include "base/error.h"
#include <stdint.h>

/* Scratch of normalise_nfc; zero-initialise, reuse, end with normaliser_free. */
typedef struct { int32_t *character; size_t room; } normaliser;

/* Whether normalise_nfc could change the text: a quick look that says false for Latin text and errs on the side of true. */
bool normalise_may_change(const char *text, size_t n);

/* Appends the NFC form of valid UTF-8 to *out. Linear time, for any input. RIDGE_E_NO_MEMORY. */
int  normalise_nfc(normaliser *s, const char *text, size_t n, buffer *out, error *err);
void normaliser_free(normaliser *s);
