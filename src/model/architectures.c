/* The table of architectures. */
#include "base/buffer.h"
#include "model/architecture.h"
#include "model/model.h"
#include <string.h>

static const architecture table[] = {
#define ARCHITECTURE_ROW(name, describe) { #name, describe },
    ARCHITECTURES(ARCHITECTURE_ROW)
#undef ARCHITECTURE_ROW
};
static const char *const names[] = {
#define ARCHITECTURE_NAME(name, describe) #name,
    ARCHITECTURES(ARCHITECTURE_NAME)
#undef ARCHITECTURE_NAME
};
enum { N = sizeof table / sizeof *table };

const char *const *model_architectures(size_t *n) {
    *n = N;
    return names;
}

int architecture_find(const architecture **out, const char *name, error *err) {
    for (size_t i = 0; i < N; i++) {
        if (strcmp(table[i].name, name)) continue;
        *out = &table[i];
        return 0;
    }
    buffer list = {0};
    for (size_t i = 0; i < N; i++) buffer_printf(&list, "%s%s", i == 0 ? "" : i + 1 == N ? " and " : ", ", names[i]);
    const int code = fail(err, RIDGE_E_UNSUPPORTED, "the architecture \"%s\" is not supported; supported are %s", name, buffer_text(&list));
    buffer_free(&list);
    return code;
}
