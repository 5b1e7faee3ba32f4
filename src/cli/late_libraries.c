/* Libraries that are loaded late: see late_libraries.h. */
#include "cli/late_libraries.h"
#include <dlfcn.h>
#include <pthread.h>

/* What the libraries of the headers that this was compiled with are called. */
static const char curl_file[] = "libcurl.so.4", crypto_file[] = "libcrypto.so.3";
_Static_assert(LIBCURL_VERSION_MAJOR >= 7 && OPENSSL_VERSION_MAJOR == 3, "other headers: other names");

typedef struct { const char *name; void **to; } symbol;

/* The last symbol has no name. True where something is missing. */

static bool load(const char *file, const symbol *symbols) {
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    bool missing = !handle;
    for (const symbol *s = symbols; handle && s->name; s++) missing |= !(*s->to = dlsym(handle, s->name));
    return missing;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT, evp_once = PTHREAD_ONCE_INIT;
static curl_easy curl;
static evp crypto;
static bool curl_missing, evp_missing;

static void load_curl(void) {
    const symbol symbols[] = {
#define CURL_SYMBOL(called) { "curl_easy_" #called, (void **)(void *)&curl.called },
        CURL_EASY_FUNCTIONS(CURL_SYMBOL)
#undef CURL_SYMBOL
        { NULL, NULL },
    };
    curl_missing = load(curl_file, symbols);
}

static void load_evp(void) {
    const symbol symbols[] = {
#define EVP_SYMBOL(called) { "EVP_" #called, (void **)(void *)&crypto.called },
        EVP_FUNCTIONS(EVP_SYMBOL)
#undef EVP_SYMBOL
        { NULL, NULL },
    };
    evp_missing = load(crypto_file, symbols);
}

const curl_easy *late_curl_easy(error *err) {
    pthread_once(&curl_once, load_curl);
    if (!curl_missing) return &curl;
    fail(err, RIDGE_E_NOT_FOUND, "downloads need the library %s, which is not here: install it (Debian: libcurl4)", curl_file);
    return NULL;
}

const evp *late_evp(error *err) {
    pthread_once(&evp_once, load_evp);
    if (!evp_missing) return &crypto;
    fail(err, RIDGE_E_NOT_FOUND, "checksums need the library %s, which is not here: install it (Debian: libssl3)", crypto_file);
    return NULL;
}
