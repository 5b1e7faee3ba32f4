/* SHA-256 of a stream, by libcrypto: for files that were downloaded. */
#pragma once
#include <stdbool.h>
#include "base/error.h"

enum { SHA256_HEX_ROOM = 65 };      /* 64 lower-case hexadecimal digits and a terminating 0 */

typedef struct { void *context; } sha256_state;       /* zero-initialise */

int  sha256_begin(sha256_state *s, error *err);       /* may be called again to start over */
int  sha256_add(sha256_state *s, const void *data, size_t n, error *err);
int  sha256_end(sha256_state *s, char hex[SHA256_HEX_ROOM], error *err);
void sha256_free(sha256_state *s);

/* Whether text is 64 lower-case hexadecimal digits. */
bool sha256_is_hex(const char *text);
