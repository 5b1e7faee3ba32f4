/* Times the kernels. */
#include "data.h"
int bench(int n_words, char **words) { (void)n_words; (void)words; return 0; }
