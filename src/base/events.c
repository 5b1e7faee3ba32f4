/* Named events: see events.h. */
#include "base/events.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

enum { SEEN_MAX = 256 };    /* distinct texts remembered; beyond it an event is printed again, never lost */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t counts[EVENT_COUNT];
static uint64_t seen[SEEN_MAX];
static size_t n_seen;
static event_sink *redirected;
static void *redirected_user;

const char *event_name(event_kind kind) {
    static const char *const names[EVENT_COUNT] = {
#define EVENT_NAME(name, meaning) #name,
        EVENTS(EVENT_NAME)
#undef EVENT_NAME
    };
    return names[kind];
}

static uint64_t text_hash(event_kind kind, const char *text) {      /* FNV-1a */
    uint64_t h = 14695981039346656037u ^ (uint64_t)kind;
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

/* Call with the lock held. */
static int first_time(uint64_t hash) {
    for (size_t i = 0; i < n_seen; i++) if (seen[i] == hash) return 0;
    if (n_seen < SEEN_MAX) seen[n_seen++] = hash;
    return 1;
}

void event(event_kind kind, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);

    pthread_mutex_lock(&lock);
    counts[kind]++;
    if (first_time(text_hash(kind, text))) {
        if (redirected) redirected(redirected_user, kind, text);
        else fprintf(stderr, "ridge: %s: %s\n", event_name(kind), text);
    }
    pthread_mutex_unlock(&lock);
}

size_t event_count(event_kind kind) {
    pthread_mutex_lock(&lock);
    const size_t n = counts[kind];
    pthread_mutex_unlock(&lock);
    return n;
}

void event_redirect(event_sink *sink, void *user) {
    pthread_mutex_lock(&lock);
    redirected = sink;
    redirected_user = user;
    n_seen = 0;
    pthread_mutex_unlock(&lock);
}
