/* The kernels in the words of words_scalar.h. */
#include "cpu/words.h"
#include "cpu/words_scalar.h"
#include "cpu/kernels.inc"
