/* See npy.h. */
#include "cli/npy.h"
#include <string.h>

int npy_write_header(FILE *out, size_t rows, size_t columns) {
    enum { BEFORE = 10, ROOM = 128 };               /* magic, version, length; all of it a multiple of 64 */
    char header[ROOM];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = ROOM - BEFORE;
    header[9] = 0;
    char text[ROOM - BEFORE];
    const int n = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    memcpy(header + BEFORE, text, (size_t)n);
    header[ROOM - 1] = '\n';
    return fwrite(header, sizeof header, 1, out) == 1 ? 0 : -1;
}
