/* Weights into panels: which form each matrix takes, where its panels lie, and filling them with all threads at load.
 * With --no-pack nothing is kept; pack_panels then makes a chunk of panels just before use, with the same bytes. */
#include "cpu/state.h"
#include "base/events.h"
#include <stdatomic.h>

enum { PANEL_ALIGNMENT = 64, DROP_BYTES = 4 << 20 };    /* the file's pages are given back every few megabytes */

/* --- which dense matrices bf16 holds exactly: decided by the weights alone, so that the arithmetic is too --- */

typedef struct { backend *b; atomic_bool *fits; } fit_job;      /* fits [n_tensors]: true until a row does not */

static void look_for_misfits(void *user, uint32_t thread) {
    fit_job *job = user;
    const backend *b = job->b;
    for (size_t t = 0; t < b->plan->n_tensors; t++) {
        const weight *w = &b->weights->weight[t];
        if (b->plan->tensor[t].is_vector || w->format->arithmetic != ARITHMETIC_F32) continue;
        uint64_t from, to;
        team_part(w->rows, thread, team_size(b->team), &from, &to);
        for (uint64_t r = from; r < to && atomic_load_explicit(&job->fits[t], memory_order_relaxed); r++)
            if (!format_row_fits_bf16(w->format, (const char *)w->data + r * w->row_bytes, w->n)) atomic_store(&job->fits[t], false);
    }
}

static int find_fits(backend *b, bool **out, error *err) {
    const size_t n = b->plan->n_tensors;
    atomic_bool *fits = arena_new(&b->memory, n, sizeof *fits);
    *out = arena_new(&b->memory, n, sizeof **out);
    if (!fits || !*out) return fail_memory(err, n, "the table of weights");
    for (size_t t = 0; t < n; t++) atomic_init(&fits[t], true);
    fit_job job = { b, fits };
    team_run(b->team, look_for_misfits, &job);
    for (size_t t = 0; t < n; t++) (*out)[t] = atomic_load(&fits[t]);
    return 0;
}

/* --- layout --- */

static int choose_panels(const backend *b, panel_matrix *m, const weight *w, bool fits_bf16, error *err) {
    m->source = w;
    if (w->format->arithmetic == ARITHMETIC_INT8) {
        m->panel = (format_id)(w->format - formats);
        m->kind = b->options.precise ? ACTIVATION_INT16 : ACTIVATION_INT8;
    } else if (fits_bf16 || w->format->arithmetic == ARITHMETIC_BF16) {       /* bf16's own subnormals count as zeros, as everywhere */
        m->panel = FORMAT_bf16;
        m->kind = b->options.precise ? ACTIVATION_F32 : ACTIVATION_BF16;
    } else {
        m->panel = (format_id)(w->format - formats);
        m->kind = ACTIVATION_F32;
    }
    if (!b->kernels->matmul[m->panel][m->kind])
        return fail(err, RIDGE_E_INTERNAL, "%s has no kernel for %s panels", b->kernels->name, formats[m->panel].name);
    m->panels = (w->rows + PANEL_ROWS - 1) / PANEL_ROWS;
    m->panel_bytes = formats[m->panel].panel_bytes(w->n);
    m->stride = round_up_size(m->panel_bytes, PANEL_ALIGNMENT);
    return 0;
}

static uint32_t least_common_multiple(uint32_t a, uint32_t b) {
    uint32_t x = a, y = b;
    while (y) { const uint32_t r = x % y; x = y; y = r; }
    return a / x * b;
}

static uint64_t granules_of(const panel_linear *l, unsigned i) {
    return (l->matrix[i].panels + l->granule - 1) / l->granule;
}

static int lay_out_linear(backend *b, panel_linear *l, const step *s, const bool *fits_bf16, size_t *bytes, error *err) {
    l->n = s->n_weights;
    l->granule = s->glu != GLU_NONE ? UNIT / PANEL_ROWS : 1;           /* whole units, so that they can be handed on as activations */
    if (s->writes_kv || s->rotates || s->q_norm != NONE || s->k_norm != NONE) {
        const kv_shape *kv = &b->plan->kv;
        l->granule = least_common_multiple(least_common_multiple(PANEL_ROWS, kv->k_size), kv->v_size) / PANEL_ROWS;
    }
    for (unsigned i = 0; i < l->n; i++) {
        panel_matrix *m = &l->matrix[i];
        const int code = choose_panels(b, m, &b->weights->weight[s->weight[i]], fits_bf16[s->weight[i]], err);
        if (code) return code;
        l->kinds[m->kind] = true;
    }
    l->alternate = s->glu != GLU_NONE && l->matrix[0].panel == l->matrix[1].panel && l->matrix[0].panels == l->matrix[1].panels;
    if (l->alternate) l->matrix[0].stride = l->matrix[1].stride = 2 * l->matrix[0].stride;
    for (unsigned i = 0; i < l->n; i++) {
        l->matrix[i].first_granule = s->glu != GLU_NONE ? 0 : l->granules;      /* gate and up are worked on side by side */
        l->granules = l->matrix[i].first_granule + granules_of(l, i);
        *bytes += (size_t)l->matrix[i].panels * l->matrix[i].stride / (l->alternate ? 2 : 1);
    }
    return 0;
}

/* Panels of all steps follow each other in the order in which they are used. */
static void place_panels(backend *b) {
    uint8_t *at = b->packed;
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        panel_linear *l = &b->linear[i];
        for (unsigned j = 0; j < l->n; j++) {
            panel_matrix *m = &l->matrix[j];
            m->packed = at;
            at += l->alternate ? m->stride / 2 : (size_t)m->panels * m->stride;
        }
        if (l->alternate) at = l->matrix[0].packed + (size_t)l->matrix[0].panels * l->matrix[0].stride;
    }
}

/* --- filling --- */

/* The rows of a panel in the file. */
static const void *rows_of(const panel_matrix *m, uint32_t panel, uint32_t *n_rows) {
    const uint32_t row = panel * PANEL_ROWS, left = m->source->rows - row;
    *n_rows = left < PANEL_ROWS ? left : PANEL_ROWS;
    return (const char *)m->source->data + (size_t)row * m->source->row_bytes;
}

static void pack_one(const backend *b, const panel_matrix *m, uint32_t panel, void *to) {
    uint32_t n_rows;
    const void *rows = rows_of(m, panel, &n_rows);
    pack_fn *pack = m->panel == FORMAT_bf16 ? b->kernels->pack_as_bf16[m->source->format - formats] : b->kernels->pack[m->panel];
    pack(to, rows, m->source->row_bytes, n_rows, m->source->n);
}

void pack_plain(const panel_matrix *m, uint32_t panel, void *to) {
    uint32_t n_rows;
    const void *rows = rows_of(m, panel, &n_rows);
    if (m->panel == FORMAT_bf16) format_pack_as_bf16(m->source->format, to, rows, m->source->row_bytes, n_rows, m->source->n);
    else formats[m->panel].pack(to, rows, m->source->row_bytes, n_rows, m->source->n);
}

static void drop_rows(const panel_matrix *m, uint32_t from_panel, uint32_t to_panel) {
    const weight *w = m->source;
    if (!w->file) return;
    const size_t start = (size_t)((const unsigned char *)w->data - w->file->data);
    const size_t to_row = (size_t)to_panel * PANEL_ROWS < w->rows ? (size_t)to_panel * PANEL_ROWS : w->rows;
    mapped_file_drop(w->file, start + (size_t)from_panel * PANEL_ROWS * w->row_bytes, (to_row - (size_t)from_panel * PANEL_ROWS) * w->row_bytes);
}

static uint64_t within(uint64_t x, uint64_t from, uint64_t n) { return x < from ? 0 : x - from < n ? x - from : n; }

panel_range panel_part(const panel_linear *l, unsigned matrix, uint32_t thread, uint32_t n_threads) {
    const panel_matrix *m = &l->matrix[matrix];
    uint64_t from, to;
    team_part(l->granules, thread, n_threads, &from, &to);
    from = within(from, m->first_granule, granules_of(l, matrix)) * l->granule;
    to = within(to, m->first_granule, granules_of(l, matrix)) * l->granule;
    return (panel_range){ (uint32_t)within(from, 0, m->panels), (uint32_t)within(to, 0, m->panels) };
}

/* Each thread packs the panels that it will later read, so that their pages are near it. */
static void fill_panels(void *user, uint32_t thread) {
    const backend *b = user;
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        const panel_linear *l = &b->linear[i];
        for (unsigned j = 0; j < l->n; j++) {
            const panel_matrix *m = &l->matrix[j];
            const panel_range part = panel_part(l, j, thread, team_size(b->team));
            const uint32_t step_panels = (uint32_t)(DROP_BYTES / (m->source->row_bytes * PANEL_ROWS) + 1);
            for (uint32_t p = part.from; p < part.to; p += step_panels) {
                const uint32_t end = part.to - p < step_panels ? part.to : p + step_panels;
                for (uint32_t q = p; q < end; q++) pack_one(b, m, q, m->packed + q * m->stride);
                drop_rows(m, p, end);
            }
        }
    }
}

int pack_weights(backend *b, error *err) {
    bool *fits_bf16;
    int code = find_fits(b, &fits_bf16, err);
    b->linear = arena_new(&b->memory, b->plan->n_steps, sizeof *b->linear);
    if (!code && !b->linear) code = fail_memory(err, b->plan->n_steps * sizeof *b->linear, "the table of weights");
    size_t bytes = 0;
    for (size_t i = 0; !code && i < b->plan->n_steps; i++)
        if (b->plan->step[i].kind == STEP_linear) code = lay_out_linear(b, &b->linear[i], &b->plan->step[i], fits_bf16, &bytes, err);
    if (code) return code;
    if (b->options.no_pack) {
        event(EVENT_not_packed, "weights stay in file order and are packed just before use: the same results, slower");
        return 0;
    }
    b->packed = memory_map(bytes);
    if (!b->packed) return fail_memory(err, bytes, "the weights");
    b->packed_bytes = bytes;
    place_panels(b);
    team_run(b->team, fill_panels, b);
    return 0;
}

const void *pack_panels(const backend *b, const panel_matrix *m, uint32_t from, uint32_t to, size_t stride, uint8_t *scratch) {
    if (m->packed) return m->packed + from * m->stride;
    for (uint32_t p = from; p < to; p++) pack_one(b, m, p, scratch + (p - from) * stride);
    return scratch;
}
