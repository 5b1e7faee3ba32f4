/* See sampling_flags.h. */
#include "cli/sampling_flags.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include "base/memory.h"

void bias_list_free(bias_list *list) {
    memory_free(list->items);
    *list = (bias_list){0};
}

int parse_bias(void *store, const char *value, error *err) {
    bias_list *list = store;
    char *sign, *end;
    errno = 0;
    const long id = strtol(value, &sign, 10);
    const bool number = sign != value && (*sign == '+' || *sign == '-') && !errno && id >= 0 && id <= INT32_MAX;
    const float bias = number ? strtof(sign, &end) : 0;
    if (!number || end == sign + 1 || *end || isnan(bias))
        return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" is not a bias: 15043+1 adds 1 to the logit of token 15043, 15043-inf forbids it", value);
    if (list->n == list->room) {
        const size_t room = list->room ? 2 * list->room : 16;
        ridge_token_bias *items = memory_grow(list->items, room, sizeof *items);
        if (!items) return fail_memory(err, room * sizeof *items, "the logit biases");
        list->items = items;
        list->room = room;
    }
    list->items[list->n++] = (ridge_token_bias){ (int32_t)id, bias };
    return 0;
}
