/* See backends.h. */
#include "engine/backends.h"
#include <string.h>
#include "base/nearest.h"
#include "cpu/cpu.h"

static const backend_api *const backends[] = { &cpu_backend, &reference_backend };
enum { N_BACKENDS = sizeof backends / sizeof backends[0] };

int backend_find(const backend_api **out, const char *name, error *err) {
    const char *names[N_BACKENDS];
    char list[100] = "";
    for (size_t i = 0; i < N_BACKENDS; i++) {
        names[i] = backends[i]->name;
        if (!strcmp(name, names[i])) {
            *out = backends[i];
            return 0;
        }
        strcat(strcat(list, i ? ", " : ""), names[i]);
    }
    const char *near = nearest(name, names, N_BACKENDS);
    return near ? fail(err, RIDGE_E_BAD_ARGUMENT, "there is no backend \"%s\": did you mean %s?", name, near)
                : fail(err, RIDGE_E_BAD_ARGUMENT, "there is no backend \"%s\": there are %s", name, list);
}
