/* Writes a tiny model for the end-to-end tests: tiny_model_file ARCHITECTURE CONTEXT PATH. */
#include <stdio.h>
#include <stdlib.h>
#include "support/tiny_model.h"

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: tiny_model_file ARCHITECTURE CONTEXT PATH\n");
        return 2;
    }
    tiny_model m = tiny_model_default(argv[1]);
    m.context = (uint32_t)strtoul(argv[2], NULL, 10);
    tiny_model_write(&m, argv[3]);
    return 0;
}
