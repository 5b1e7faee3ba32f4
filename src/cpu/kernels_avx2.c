/* The kernels in the words of words_avx2.h. */
#include "cpu/words.h"
#include "cpu/words_avx2.h"
#include "cpu/kernels.inc"
