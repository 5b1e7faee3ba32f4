/* Downloads: see download.h.
 *
 * No If-Range: what is asked for is named by its SHA-256, which decides in the end, and the hosts that the Hub redirects to use
 * other entity tags than the Hub itself. */
#define _GNU_SOURCE
#include "cli/download.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cli/late_libraries.h"
#include "cli/progress.h"
#include "cli/sha256.h"
#include "cli/store.h"

enum { REDIRECTS_MOST = 10, ATTEMPTS_MOST = 5, CONNECT_SECONDS = 10, STALL_SECONDS = 30, STALL_BYTES = 100, TEXT_SECONDS = 60, MESSAGE_ROOM = 160 };

/* One request and what is known of its answer. */
typedef struct {
    const curl_easy *easy;
    CURL *curl;
    char  reason[CURL_ERROR_SIZE];      /* libcurl's sentence */
    char  message[MESSAGE_ROOM];        /* the Hub's sentence, from the header X-Error-Message */
    long  status;                       /* of the last answer; 0: none yet */
    uint64_t range_start;               /* of Content-Range, UINT64_MAX without one */
} exchange;

typedef struct {
    const download_request *request;
    exchange   http;
    int        fd;
    uint64_t   done;                    /* bytes in the file, all of them hashed */
    sha256_state hash;
    progress   bar;
    bool       answered;                /* the first bytes of this attempt's body have been seen */
    error     *err;
    int        code;                    /* of a failure of our own inside libcurl's callbacks */
} transfer;

/* Copies a header's value where the line is that header; true then. */
static bool header_value(const char *line, size_t n, const char *name, char *value, size_t room) {
    const size_t head = strlen(name);
    if (n <= head || strncasecmp(line, name, head)) return false;
    while (n > head && strchr(" \r\n", line[n - 1])) n--;
    size_t from = head;
    while (from < n && line[from] == ' ') from++;
    snprintf(value, room, "%.*s", (int)(n - from), line + from);
    for (char *p = value; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127) *p = ' ';      /* it will be printed */
    return true;
}

static size_t read_header(char *line, size_t size, size_t n, void *user) {
    exchange *http = user;
    char value[MESSAGE_ROOM];
    n *= size;
    if (n > 5 && !memcmp(line, "HTTP/", 5)) {                   /* the next answer of a chain of redirects */
        http->range_start = UINT64_MAX;
        http->message[0] = 0;
    }
    if (header_value(line, n, "content-range: bytes", value, sizeof value)) http->range_start = strtoull(value, NULL, 10);
    header_value(line, n, "x-error-message:", http->message, sizeof http->message);
    return n;
}

/* Sets up a request; the caller adds where the body goes, and closes the exchange, also after a failure. */
static int exchange_open(exchange *http, const char *url, const char *token, error *err) {
    *http = (exchange){ .range_start = UINT64_MAX, .easy = late_curl_easy(err) };
    if (!http->easy) return RIDGE_E_NOT_FOUND;
    CURL *c = http->curl = http->easy->init();
    if (!c) return fail_memory(err, 1, "a download");
    const char *protocols = strncmp(url, "http://", 7) ? "https" : "http,https";        /* never from https down to http */
    const char *certificates = getenv("SSL_CERT_FILE");
    CURLcode r = http->easy->setopt(c, CURLOPT_URL, url);
    if (!r) r = http->easy->setopt(c, CURLOPT_PROTOCOLS_STR, protocols);
    if (!r) r = http->easy->setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
    if (!r) r = http->easy->setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    if (!r) r = http->easy->setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MOST);
    if (!r) r = http->easy->setopt(c, CURLOPT_FAILONERROR, 1L);
    if (!r) r = http->easy->setopt(c, CURLOPT_NOSIGNAL, 1L);
    if (!r) r = http->easy->setopt(c, CURLOPT_USERAGENT, "ridge");
    if (!r) r = http->easy->setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    if (!r) r = http->easy->setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
    if (!r) r = http->easy->setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    if (!r) r = http->easy->setopt(c, CURLOPT_ERRORBUFFER, http->reason);
    if (!r) r = http->easy->setopt(c, CURLOPT_HEADERFUNCTION, read_header);
    if (!r) r = http->easy->setopt(c, CURLOPT_HEADERDATA, http);
    if (!r && certificates && *certificates) r = http->easy->setopt(c, CURLOPT_CAINFO, certificates);
    if (!r && token) {      /* libcurl drops these credentials when a redirect leaves the host, its port or its protocol */
        r = http->easy->setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        if (!r) r = http->easy->setopt(c, CURLOPT_XOAUTH2_BEARER, token);
    }
    return r ? fail(err, r == CURLE_OUT_OF_MEMORY ? RIDGE_E_NO_MEMORY : RIDGE_E_INTERNAL, "libcurl refuses a request for %s: %s", url, http->easy->strerror(r)) : 0;
}

/* scheme://host[:port] of a URL. */
static int origin_length(const char *url) {
    const char *host = strstr(url, "://");
    return host ? (int)(host + 3 + strcspn(host + 3, "/?#") - url) : (int)strlen(url);
}

/* Whether a failure may pass: the connection was lost or stalled, or the server is overloaded. */
static bool may_pass(const exchange *http, CURLcode r) {
    switch (r) {
        case CURLE_PARTIAL_FILE: case CURLE_RECV_ERROR: case CURLE_SEND_ERROR: case CURLE_GOT_NOTHING:
        case CURLE_OPERATION_TIMEDOUT: case CURLE_HTTP2: case CURLE_HTTP2_STREAM: return true;
        case CURLE_HTTP_RETURNED_ERROR: return http->status >= 500 || http->status == 429 || http->status == 408;
        default: return false;
    }
}

/* The sentence for a request that failed. */
static int fail_exchange(const exchange *http, CURLcode r, const char *url, const char *token, error *err) {
    const int n = origin_length(url);
    const char *between = http->message[0] ? ": " : "", *said = http->message;
    switch (r) {
        case CURLE_HTTP_RETURNED_ERROR:
            if (http->status == 404) return fail(err, RIDGE_E_NOT_FOUND, "there is no %s%s%s (404): check the name", url, between, said);
            if (http->status == 401 && !token)
                return fail(err, RIDGE_E_IO, "%.*s refuses %s without a token (401)%s%s: check the name; for a private or gated repository set HF_TOKEN "
                            "to a token from %.*s/settings/tokens", n, url, url + n, between, said, n, url);
            if (http->status == 401) return fail(err, RIDGE_E_IO, "%.*s does not accept the token for %s (401)%s%s: check HF_TOKEN, and the name", n, url, url + n, between, said);
            if (http->status == 403)
                return fail(err, RIDGE_E_IO, "%.*s does not allow %s (403)%s%s: accept the repository's terms on its page there, and set HF_TOKEN to a token of that account",
                            n, url, url + n, between, said);
            return fail(err, RIDGE_E_IO, "%.*s answers %ld for %s%s%s", n, url, http->status, url + n, between, said);
        case CURLE_TOO_MANY_REDIRECTS: return fail(err, RIDGE_E_IO, "%s leads to more than %d redirects", url, REDIRECTS_MOST);
        case CURLE_UNSUPPORTED_PROTOCOL: return fail(err, RIDGE_E_IO, "%s leads to an address that is not https", url);
        case CURLE_COULDNT_RESOLVE_HOST: case CURLE_COULDNT_CONNECT: case CURLE_COULDNT_RESOLVE_PROXY:
            return fail(err, RIDGE_E_IO, "cannot reach %.*s (%s): check the network, or set HF_ENDPOINT to a mirror", n, url, http->reason);
        case CURLE_OUT_OF_MEMORY: return fail(err, RIDGE_E_NO_MEMORY, "out of memory during a download");
        default: return fail(err, RIDGE_E_IO, "the download of %s failed: %s", url, http->reason[0] ? http->reason : http->easy->strerror(r));
    }
}

static void exchange_close(exchange *http) {
    if (http->curl) http->easy->cleanup(http->curl);
}

static CURLcode exchange_run(exchange *http) {
    http->reason[0] = 0;
    const CURLcode r = http->easy->perform(http->curl);
    http->easy->getinfo(http->curl, CURLINFO_RESPONSE_CODE, &http->status);
    return r;
}

static size_t take_text(char *data, size_t size, size_t n, void *user) {
    buffer *out = user;
    buffer_append(out, data, size * n);
    return out->failed ? 0 : size * n;
}

int download_text(const char *url, const char *token, buffer *out, error *err) {
    exchange http;
    int code = exchange_open(&http, url, token, err);
    if (code) goto done;
    http.easy->setopt(http.curl, CURLOPT_WRITEFUNCTION, take_text);
    http.easy->setopt(http.curl, CURLOPT_WRITEDATA, out);
    http.easy->setopt(http.curl, CURLOPT_TIMEOUT, (long)TEXT_SECONDS);
    const CURLcode r = exchange_run(&http);
    if (out->failed) code = fail(err, RIDGE_E_IO, "%s answers with more than %zu bytes", url, out->limit);
    else if (r)      code = fail_exchange(&http, r, url, token, err);
done:
    exchange_close(&http);
    return code;
}

void download_append_escaped(buffer *out, const char *text) {
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || strchr("-._~/", *p)) buffer_append_char(out, (char)*p);
        else buffer_printf(out, "%%%02X", *p);
}

/* Empties the file. */
static int start_over(transfer *t) {
    t->done = 0;
    if (ftruncate(t->fd, 0) || lseek(t->fd, 0, SEEK_SET)) return fail(t->err, RIDGE_E_IO, "cannot empty %s: %s", t->request->path, strerror(errno));
    return sha256_begin(&t->hash, t->err);
}

static int write_more(transfer *t, const char *data, size_t n) {
    if (n > t->request->bytes - t->done)
        return fail(t->err, RIDGE_E_IO, "%s sends more than the %llu bytes that it announced", t->request->url, (unsigned long long)t->request->bytes);
    int code = sha256_add(&t->hash, data, n, t->err);
    if (!code) code = store_write(t->fd, data, n, t->request->path, t->err);
    if (code) return code;
    t->done += n;
    progress_update(&t->bar, t->done);
    return 0;
}

static size_t take_bytes(char *data, size_t size, size_t n, void *user) {
    transfer *t = user;
    n *= size;
    if (!t->answered) {
        t->answered = true;
        long status = 0;
        t->http.easy->getinfo(t->http.curl, CURLINFO_RESPONSE_CODE, &status);
        const bool continues = status == 206 && t->http.range_start == t->done;
        if (!continues && t->done) t->code = start_over(t);             /* the server sends the whole file */
        if (!continues && status == 206 && t->http.range_start) t->code = fail(t->err, RIDGE_E_IO, "%s sends another range than it was asked for", t->request->url);
    }
    if (!t->bar.label) progress_begin(&t->bar, t->request->label, t->done, t->request->bytes);
    if (!t->code) t->code = write_more(t, data, n);
    return t->code ? 0 : n;
}

/* One request for what is missing. *again: it failed in a way that may pass. */
static int attempt(transfer *t, bool *again) {
    const download_request *q = t->request;
    char range[32];
    *again = false;
    t->answered = false;
    int code = exchange_open(&t->http, q->url, q->token, t->err);
    if (code) goto done;
    t->http.easy->setopt(t->http.curl, CURLOPT_WRITEFUNCTION, take_bytes);
    t->http.easy->setopt(t->http.curl, CURLOPT_WRITEDATA, t);
    snprintf(range, sizeof range, "%llu-", (unsigned long long)t->done);
    if (t->done) t->http.easy->setopt(t->http.curl, CURLOPT_RANGE, range);
    const CURLcode r = exchange_run(&t->http);
    code = t->code;
    if (!code && r) {
        code = fail_exchange(&t->http, r, q->url, q->token, t->err);
        *again = may_pass(&t->http, r);
        if (t->http.status == 416 && t->done) {                         /* what is there is not a beginning of that file */
            code = start_over(t);
            *again = !code;
        }
    } else if (!code && t->done < q->bytes) {
        code = fail(t->err, RIDGE_E_IO, "%s ended after %llu of %llu bytes", q->url, (unsigned long long)t->done, (unsigned long long)q->bytes);
        *again = true;
    }
done:
    exchange_close(&t->http);
    return code;
}

/* Opens the file and hashes what an earlier download left there. */
static int open_rest(transfer *t) {
    const download_request *q = t->request;
    t->fd = open(q->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (t->fd < 0) return fail(t->err, RIDGE_E_IO, "cannot create %s: %s", q->path, strerror(errno));
    int code = sha256_begin(&t->hash, t->err);
    char chunk[65536];
    for (ssize_t n; !code && (n = read(t->fd, chunk, sizeof chunk)) != 0; ) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(t->err, RIDGE_E_IO, "cannot read %s: %s", q->path, strerror(errno));
        code = sha256_add(&t->hash, chunk, (size_t)n, t->err);
        t->done += (uint64_t)n;
    }
    if (!code && t->done > q->bytes) code = start_over(t);
    return code;
}

static void pause_before(int attempts) {
    const long ms = 250L << attempts;
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* Asks until the file is complete or it is no use. */
static int fetch_rest(transfer *t) {
    for (int attempts = 0; t->done < t->request->bytes; attempts++) {
        const uint64_t before = t->done;
        bool again;
        const int code = attempt(t, &again);
        if (t->done > before) attempts = 0;
        if (code && (!again || attempts + 1 >= ATTEMPTS_MOST)) return code;
        if (code) {
            fprintf(stderr, "%sridge: the connection was lost; going on\n", t->bar.terminal ? "\n" : "");
            pause_before(attempts);
        }
    }
    return 0;
}

/* Completes the file. *wrong: it is complete, and not what was asked for. */
static int fetch_and_check(transfer *t, bool *wrong) {
    char hex[SHA256_HEX_ROOM];
    int code = fetch_rest(t);
    if (t->bar.label) progress_end(&t->bar, t->done);
    t->bar.label = NULL;
    if (!code) code = sha256_end(&t->hash, hex, t->err);
    *wrong = !code && strcmp(hex, t->request->sha256);
    if (*wrong) return fail(t->err, RIDGE_E_IO, "%s: the SHA-256 of what arrived is %s, not %s; it was thrown away", t->request->url, hex, t->request->sha256);
    if (!code && fsync(t->fd)) return fail(t->err, RIDGE_E_IO, "cannot write %s: %s", t->request->path, strerror(errno));
    return code;
}

int download(const download_request *request, error *err) {
    transfer t = { .request = request, .fd = -1, .err = err };
    bool wrong = false;
    int code = open_rest(&t);
    const bool resumed = t.done > 0;
    if (!code) code = store_check_room(request->path, request->bytes - t.done, err);
    if (!code) code = fetch_and_check(&t, &wrong);
    if (wrong && resumed) {             /* the earlier part may be to blame */
        fprintf(stderr, "ridge: what an earlier download left behind was wrong; starting over\n");
        code = start_over(&t);
        if (!code) code = fetch_and_check(&t, &wrong);
    }
    if (t.fd >= 0) close(t.fd);
    if (code && wrong) unlink(request->path);
    sha256_free(&t.hash);
    return code;
}
