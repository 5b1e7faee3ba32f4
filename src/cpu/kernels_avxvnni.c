/* The kernels in the words of words_avxvnni.h. */
#include "cpu/words.h"
#include "cpu/words_avxvnni.h"
#include "cpu/kernels.inc"
