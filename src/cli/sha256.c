/* SHA-256: see sha256.h. */
#include "cli/sha256.h"
#include <stdio.h>
#include <string.h>
#include "cli/late_libraries.h"

static int fail_crypto(error *err) { return fail(err, RIDGE_E_INTERNAL, "libcrypto cannot compute a SHA-256"); }

int sha256_begin(sha256_state *s, error *err) {
    const evp *library = late_evp(err);
    if (!library) return RIDGE_E_NOT_FOUND;
    if (!s->context) s->context = library->MD_CTX_new();
    if (!s->context) return fail_memory(err, sizeof *s, "a SHA-256");
    return library->DigestInit_ex(s->context, library->sha256(), NULL) ? 0 : fail_crypto(err);
}

int sha256_add(sha256_state *s, const void *data, size_t n, error *err) { return late_evp(err)->DigestUpdate(s->context, data, n) ? 0 : fail_crypto(err); }

int sha256_end(sha256_state *s, char hex[SHA256_HEX_ROOM], error *err) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!late_evp(err)->DigestFinal_ex(s->context, digest, &n) || n != 32) return fail_crypto(err);
    for (unsigned i = 0; i < n; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

void sha256_free(sha256_state *s) {
    if (s->context) late_evp(NULL)->MD_CTX_free(s->context);
    s->context = NULL;
}

bool sha256_is_hex(const char *text) { return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64; }
