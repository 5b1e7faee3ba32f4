/* ridge synth: writes a model with random weights in the shape of a known one, for measuring. */
#include <string.h>
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "perf/synth.h"

static void list_shapes(char *text, size_t room) {
    size_t n;
    const synth_shape *shape = synth_shapes(&n);
    snprintf(text, room, "Shapes:");
    for (size_t i = 0; i < n; i++) snprintf(text + strlen(text), room - strlen(text), " %s", shape[i].name);
    snprintf(text + strlen(text), room - strlen(text), "\nTypes:  %s\n        (f16b: f16 that bf16 holds exactly)", synth_types());
}

int cmd_synth(int argc, char **argv) {
    const char *output = NULL;
    char after[500];
    const flag flags[] = { { "-o --output", "FILE", "the file to write", .text = &output } };
    list_shapes(after, sizeof after);
    const command_line line = {
        .usage = "ridge synth SHAPE TYPE -o FILE.gguf",
        .about = "Writes a GGUF with random weights in the exact shape of a known model. Its speed is that of the real one; its text is noise.",
        .groups = { FLAG_GROUP("Flags", flags) }, .after = after,
    };
    int n_rest;
    error err;
    int code = flags_parse(&line, argc, argv, &n_rest, &err);
    if (code) return command_end(code, &err);
    if (n_rest != 2 || !output) return command_end(fail(&err, RIDGE_E_BAD_ARGUMENT, "usage: %s", line.usage), &err);
    const synth_shape *shape;
    const uint64_t start = clock_ns();
    code = synth_shape_find(&shape, argv[1], &err);
    if (!code) code = synth_write(output, shape, argv[2], &err);
    if (!code) fprintf(stderr, "wrote %s in %.2f s\n", output, (double)(clock_ns() - start) * 1e-9);
    return command_end(code, &err);
}
