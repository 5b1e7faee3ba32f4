/* libcurl and libcrypto, loaded when the first download wants them: linked, they would bring thirty other libraries along, which
 * took most of the program's start; and where they are missing only downloads are. */
#pragma once
#include <curl/curl.h>
#include <openssl/evp.h>
#include "base/error.h"

#define CURL_EASY_FUNCTIONS(X) X(init) X(setopt) X(perform) X(getinfo) X(strerror) X(cleanup)
#define EVP_FUNCTIONS(X) X(MD_CTX_new) X(MD_CTX_free) X(sha256) X(DigestInit_ex) X(DigestUpdate) X(DigestFinal_ex)

/* curl_easy_init and so on. */
typedef struct {
#define CURL_EASY_FIELD(name) __typeof__(curl_easy_##name) *name;
    CURL_EASY_FUNCTIONS(CURL_EASY_FIELD)
#undef CURL_EASY_FIELD
} curl_easy;

/* EVP_MD_CTX_new and so on. */
typedef struct {
#define EVP_FIELD(name) __typeof__(EVP_##name) *name;
    EVP_FUNCTIONS(EVP_FIELD)
#undef EVP_FIELD
} evp;

/* Loaded once, and kept until the program ends. NULL and RIDGE_E_NOT_FOUND, naming the library, where that is impossible. */
const curl_easy *late_curl_easy(error *err);
const evp       *late_evp(error *err);
