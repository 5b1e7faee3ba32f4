/* The public functions that belong to no object: version, memory, events. */
#include <ridge/ridge.h>
#include "base/events.h"
#include "base/memory.h"

const char *ridge_version(void) { return RIDGE_VERSION; }

void ridge_free(void *p) { memory_free(p); }

static struct { ridge_event_handler *handler; void *user; } listener;

static void tell(void *user, event_kind kind, const char *text) {
    (void)user;
    listener.handler(listener.user, event_name(kind), text);
}

void ridge_set_event_handler(ridge_event_handler *handler, void *user) {
    event_redirect(NULL, NULL);         /* nobody is told while the listener changes */
    listener.handler = handler;
    listener.user = user;
    if (handler) event_redirect(tell, NULL);
}
