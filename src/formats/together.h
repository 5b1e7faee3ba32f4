/* Pieces of a block that are used together, though they lie apart in the file: a panel keeps the first four bytes of each side by side,
 * then the next four, and so on, so that a kernel reads it from front to back, as processors that read ahead expect it. */
#pragma once
#include <stddef.h>

enum { TOGETHER_BYTES = 32 };                           /* of a piece */
typedef struct { int n; size_t at[5]; } together;       /* offsets in the block */
