/* The words of AVX-VNNI: AVX2's, with an instruction for the dot of codes of any size. */
#define ISA_NAME  avxvnni
#define ISA_NEEDS "AVX2, FMA, F16C and AVX-VNNI"
#define STREAM_HINT _MM_HINT_T0         /* mostly Intel's */
#define DOT_VNNI  1
#define dpbusd    _mm256_dpbusd_avx_epi32
#include "cpu/words_avx2.h"
