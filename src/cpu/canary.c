/* The canary: at load, every kernel that this model will use is tried on the first section of a panel of its real weights. Its bits must be those of
 * the plain words, and those near the oracle's sum; otherwise the compiler or the machine computes wrongly, and Ridge refuses. */
#include "cpu/state.h"
#include <math.h>
#include <string.h>

/* How far a sum may be from the oracle's, relative to the sum of |w| times the largest |x|: what rounding the activations costs. */
static const double tolerance[ACTIVATION_COUNT] = { [ACTIVATION_INT8] = 1.0 / 200, [ACTIVATION_INT24] = 1e-6, [ACTIVATION_BF16] = 1.0 / 200, [ACTIVATION_F32] = 1e-6 };

typedef struct { float *x, *row; uint8_t *prepared, *panel; float y[PANEL_ROWS]; } trial;

static void try_kernels(const cpu_kernels *k, const panel_matrix *m, const void *panel, trial *t) {
    const panel_section s = panel_section_at(&m->layout, 0);
    k->rows.prepare[m->kind](t->prepared, 0, t->x, 1, s.n);
    const activations x = { t->prepared, kernels_activation_bytes(k, m->kind, s.n), s.n };
    k->matmul[m->panel][m->kind](&(matmul_args){ .w = panel, .panels = 1, .panel_stride = s.bytes, .x = &x, .tokens = 1, .y = t->y, .ldy = PANEL_ROWS });
}

static int refuse(const backend *b, const panel_matrix *m, const char *what, error *err) {
    return fail(err, RIDGE_E_INTERNAL, "the %s kernel for %s weights %s: this build or this machine computes wrongly; --isa scalar avoids that kernel",
                b->kernels->name, formats[m->panel].name, what);
}

static int compare(const backend *b, const panel_matrix *m, trial *t, error *err) {
    const uint32_t n_rows = m->source->rows < PANEL_ROWS ? m->source->rows : PANEL_ROWS;
    const cpu_kernels *plain = kernels_all[kernels_all_n - 1];
    const panel_section s = panel_section_at(&m->layout, 0);
    if (m->source->data) pack_plain(m, 0, &s, t->panel);
    const void *panel = m->packed ? m->packed + s.offset : t->panel;
    if (m->source->data && memcmp(panel, t->panel, m->layout.format->panel_bytes(s.n))) return refuse(b, m, "packs other bytes than the plain one", err);
    try_kernels(plain, m, panel, t);
    float want[PANEL_ROWS];
    memcpy(want, t->y, sizeof want);
    try_kernels(b->kernels, m, panel, t);
    if (memcmp(want, t->y, sizeof want)) return refuse(b, m, "gives other bits than the plain one", err);
    for (uint32_t r = 0; r < n_rows; r++) {
        weight_row(m->source, r, t->row);
        double sum = 0, size = 0;
        for (size_t i = 0; i < s.n; i++) { sum += (double)t->row[i] * (double)t->x[i]; size += fabs((double)t->row[i]); }
        if (!(fabs(sum - (double)want[r]) <= tolerance[m->kind] * size)) return refuse(b, m, "is far from the exact sum", err);
    }
    return 0;
}

int check_kernels(const backend *b, error *err) {
    bool tried[FORMAT_COUNT][ACTIVATION_COUNT] = {{ false }};
    int code = 0;
    const uint32_t mode = kernels_enter_thread();
    for (size_t i = 0; !code && i < b->plan->n_steps; i++)
        for (unsigned j = 0; !code && j < b->linear[i].n; j++) {
            const panel_matrix *m = &b->linear[i].matrix[j];
            if (tried[m->panel][m->kind]) continue;
            tried[m->panel][m->kind] = true;
            const size_t n = round_up_size(m->source->n, UNIT);
            trial t = { memory_new_aligned(n * sizeof(float)), memory_new_aligned(n * sizeof(float)),
                        memory_new_aligned(4 * n + 64), memory_new_aligned(panel_section_at(&m->layout, 0).bytes), {0} };
            if (t.x && t.row && t.prepared && t.panel) {
                for (uint32_t k = 0; k < m->source->n; k++) t.x[k] = (float)((k * 2654435761u) >> 16 & 0xffff) / 32768 - 1;      /* spread over [-1, 1) */
                code = compare(b, m, &t, err);
            } else code = fail_memory(err, 16 * n, "trying the kernels");
            memory_free(t.x); memory_free(t.row); memory_free(t.prepared); memory_free(t.panel);
        }
    kernels_leave_thread(mode);
    return code;
}
