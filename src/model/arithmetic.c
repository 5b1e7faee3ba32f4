/* Which arithmetic weights take part in: see arithmetic.h. */
#include "model/arithmetic.h"

enum { ROWS_LOOKED_AT = 4 };

/* Rows from a matrix's whole length: those of a trained model tell. A packed file knows. */
static bool looks_like_bf16(const weight *w) {
    if (!w->data) return w->panels.layout.format->arithmetic == ARITHMETIC_BF16;
    for (uint32_t i = 0; i < ROWS_LOOKED_AT; i++) {
        const uint64_t row = (uint64_t)w->rows * i / ROWS_LOOKED_AT;
        if (!format_row_fits_bf16(w->format, (const char *)w->data + row * w->row_bytes, w->n)) return false;
    }
    return true;
}

arithmetic arithmetic_of(const weight *w) {
    if (w->format->arithmetic == ARITHMETIC_INT8) return ARITHMETIC_INT8;
    return looks_like_bf16(w) ? ARITHMETIC_BF16 : ARITHMETIC_F32;
}

arithmetic arithmetic_of_most(const plan *p, const weights *w) {
    double values[ARITHMETIC_F32 + 1] = {0};
    for (size_t i = 0; i < p->n_tensors; i++)
        if (!p->tensor[i].is_vector) values[arithmetic_of(&w->weight[i])] += (double)p->tensor[i].rows * p->tensor[i].n;
    int most = ARITHMETIC_INT8;
    for (int a = 0; a <= ARITHMETIC_F32; a++) if (values[a] > values[most]) most = a;
    return (arithmetic)most;
}

const char *arithmetic_name(arithmetic a, bool precise) {
    switch (a) {
    case ARITHMETIC_INT8: return precise ? "int24" : "int8";
    case ARITHMETIC_BF16: return precise ? "f32" : "bf16";
    default:              return "f32";
    }
}
