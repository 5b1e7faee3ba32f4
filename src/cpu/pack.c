/* Weights into panels: which form each matrix takes, where its panels lie, and filling them with all threads at load.
 * With --no-pack nothing is kept; linear.c then makes a chunk of panels just before use, with the same bytes. The panels of a
 * packed file are used where they are mapped. */
#include "cpu/state.h"
#include "base/events.h"
#include <stdatomic.h>

enum { DROP_BYTES = 4 << 20 };    /* the file's pages are given back every few megabytes */

/* --- which dense matrices bf16 holds exactly: decided by the weights alone, so that the arithmetic is too --- */

typedef struct { backend *b; atomic_bool *fits; } fit_job;      /* fits [n_tensors]: true until a row does not */

static void look_for_misfits(void *user, uint32_t thread) {
    fit_job *job = user;
    const backend *b = job->b;
    for (size_t t = 0; t < b->plan->n_tensors; t++) {
        const weight *w = &b->weights->weight[t];
        if (b->plan->tensor[t].is_vector || !w->data || w->format->arithmetic != ARITHMETIC_F32) continue;
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
    static const activation_kind kinds[][2] = {
        [ARITHMETIC_INT8] = { ACTIVATION_INT8, ACTIVATION_INT24 }, [ARITHMETIC_BF16] = { ACTIVATION_BF16, ACTIVATION_F32 },
        [ARITHMETIC_F32] = { ACTIVATION_F32, ACTIVATION_F32 },
    };
    const format *panel = w->panels.data ? w->panels.layout.format : w->format;
    if (!w->panels.data && w->format->arithmetic == ARITHMETIC_F32 && fits_bf16) panel = &formats[FORMAT_bf16];
    m->source = w;
    m->panel = (format_id)(panel - formats);
    m->kind = kinds[panel->arithmetic][b->options.precise];
    if (!b->kernels->matmul[m->panel][m->kind])
        return fail(err, RIDGE_E_INTERNAL, "%s has no kernel for %s panels", b->kernels->name, formats[m->panel].name);
    m->packed = w->panels.data;
    m->layout = m->packed ? w->panels.layout : (panel_layout){
        .format = panel, .n = w->n, .section_k = b->tuning.section_k, .panels = (w->rows + PANEL_ROWS - 1) / PANEL_ROWS, .matrices = 1 };
    return 0;
}

/* Whether gate's and up's panels alternate: those that are packed here will, where they are alike; those of a packed file do or do not. */
static bool alternates(const panel_matrix *gate, const panel_matrix *up) {
    if (gate->panel != up->panel || gate->layout.panels != up->layout.panels) return false;
    return gate->packed == up->packed && (!gate->packed || (gate->layout.matrices == 2 && gate->layout.place == 0 && up->layout.place == 1));
}

static uint32_t least_common_multiple(uint32_t a, uint32_t b) {
    uint32_t x = a, y = b;
    while (y) { const uint32_t r = x % y; x = y; y = r; }
    return a / x * b;
}

static uint64_t granules_of(const panel_linear *l, unsigned i) {
    return (l->matrix[i].layout.panels + l->granule - 1) / l->granule;
}

static int lay_out_linear(backend *b, panel_linear *l, const step *s, const bool *fits_bf16, error *err) {
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
    l->alternate = s->glu != GLU_NONE && alternates(&l->matrix[0], &l->matrix[1]);
    for (uint32_t i = 0; l->alternate && i < 2; i++) {
        l->matrix[i].layout.matrices = 2;
        l->matrix[i].layout.place = i;
    }
    for (unsigned i = 0; i < l->n; i++) {
        l->matrix[i].first_granule = s->glu != GLU_NONE ? 0 : l->granules;      /* gate and up are worked on side by side */
        l->granules = l->matrix[i].first_granule + granules_of(l, i);
        if (!l->matrix[i].packed) b->packed_bytes += panel_layout_bytes(&l->matrix[i].layout) / l->matrix[i].layout.matrices;
    }
    return 0;
}

/* Panels of all steps follow each other in the order in which they are used. */
static void place_panels(backend *b) {
    const uint8_t *at = b->packed;
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        panel_linear *l = &b->linear[i];
        for (unsigned j = 0; j < l->n; j++) {
            panel_matrix *m = &l->matrix[j];
            if (m->source->panels.data) continue;
            m->packed = at;
            if (!l->alternate || j) at += panel_layout_bytes(&m->layout);
        }
    }
}

/* --- filling --- */

/* The rows of a panel in the file, at a section. */
static const void *rows_of(const panel_matrix *m, uint32_t panel, const panel_section *section, uint32_t *n_rows) {
    const uint32_t row = panel * PANEL_ROWS, left = m->source->rows - row;
    *n_rows = left < PANEL_ROWS ? left : PANEL_ROWS;
    return (const char *)m->source->data + (size_t)row * m->source->row_bytes + format_row_bytes(m->source->format, section->k);
}

void pack_section(const backend *b, const panel_matrix *m, uint32_t panel, const panel_section *section, void *to) {
    uint32_t n_rows;
    const void *rows = rows_of(m, panel, section, &n_rows);
    pack_fn *pack = m->panel == FORMAT_bf16 ? b->kernels->pack_as_bf16[m->source->format - formats] : b->kernels->pack[m->panel];
    pack(to, rows, m->source->row_bytes, n_rows, section->n);
}

void pack_plain(const panel_matrix *m, uint32_t panel, const panel_section *section, void *to) {
    uint32_t n_rows;
    const void *rows = rows_of(m, panel, section, &n_rows);
    if (m->panel == FORMAT_bf16) format_pack_as_bf16(m->source->format, to, rows, m->source->row_bytes, n_rows, section->n);
    else formats[m->panel].pack(to, rows, m->source->row_bytes, n_rows, section->n);
}

/* Where the rows of panels [from, to) of a mapped file lie in it. */
typedef struct { size_t from, bytes; } file_part;
static file_part rows_in_file(const panel_matrix *m, uint32_t from_panel, uint32_t to_panel) {
    const weight *w = m->source;
    const size_t from_row = (size_t)from_panel * PANEL_ROWS, end = (size_t)to_panel * PANEL_ROWS, to_row = end < w->rows ? end : w->rows;
    return (file_part){ (size_t)((const unsigned char *)w->data - w->file->data) + from_row * w->row_bytes, (to_row - from_row) * w->row_bytes };
}

static void drop_rows(const panel_matrix *m, uint32_t from_panel, uint32_t to_panel) {
    if (!m->source->file) return;
    const file_part rows = rows_in_file(m, from_panel, to_panel);
    mapped_file_drop(m->source->file, rows.from, rows.bytes);
}

/* Asking ahead, as packers do, brings nothing of a page that is not in the page table yet. */
static void touch_rows(const panel_matrix *m, uint32_t from_panel, uint32_t to_panel) {
    if (!m->source->file) return;
    const file_part rows = rows_in_file(m, from_panel, to_panel);
    mapped_file_touch(m->source->file, rows.from, rows.bytes);
}

static uint64_t within(uint64_t x, uint64_t from, uint64_t n) { return x < from ? 0 : x - from < n ? x - from : n; }

panel_range panel_part(const panel_linear *l, unsigned matrix, uint32_t thread, uint32_t n_threads) {
    const panel_matrix *m = &l->matrix[matrix];
    uint64_t from, to;
    team_part(l->granules, thread, n_threads, &from, &to);
    from = within(from, m->first_granule, granules_of(l, matrix)) * l->granule;
    to = within(to, m->first_granule, granules_of(l, matrix)) * l->granule;
    return (panel_range){ (uint32_t)within(from, 0, m->layout.panels), (uint32_t)within(to, 0, m->layout.panels) };
}

static void pack_panel(const backend *b, const panel_matrix *m, uint32_t panel, uint8_t *layout) {
    for (size_t i = 0; i < panel_sections(&m->layout); i++) {
        const panel_section s = panel_section_at(&m->layout, i);
        pack_section(b, m, panel, &s, layout + s.offset + panel * s.stride);
    }
}

static void fill_part(const backend *b, const panel_matrix *m, panel_range part) {
    const uint32_t step_panels = (uint32_t)(DROP_BYTES / (m->source->row_bytes * PANEL_ROWS) + 1);
    uint8_t *to = b->packed + (m->packed - b->packed);
    for (uint32_t p = part.from; p < part.to; p += step_panels) {
        const uint32_t end = part.to - p < step_panels ? part.to : p + step_panels;
        touch_rows(m, p, end);
        for (uint32_t q = p; q < end; q++) pack_panel(b, m, q, to);
        drop_rows(m, p, end);
    }
}

/* A packed file's panels are there already; now their pages are in the page table, while the tokeniser is being made. */
static void map_part(const panel_matrix *m, panel_range part) {
    const mapped_file *file = m->source->file;
    for (size_t i = 0; file && i < panel_sections(&m->layout); i++) {
        const panel_section s = panel_section_at(&m->layout, i);
        mapped_file_touch(file, (size_t)(m->packed - file->data) + s.offset + part.from * s.stride, (part.to - part.from) * s.stride);
    }
}

/* Each thread packs, or maps, the panels that it will later read, so that their pages are near it. */
static void fill_panels(void *user, uint32_t thread) {
    const backend *b = user;
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        const panel_linear *l = &b->linear[i];
        for (unsigned j = 0; j < l->n; j++) {
            const panel_range part = panel_part(l, j, thread, team_size(b->team));
            if (!l->matrix[j].source->panels.data) fill_part(b, &l->matrix[j], part);
            else if (!j || !l->alternate) map_part(&l->matrix[j], part);        /* gate's stream is up's too */
        }
    }
}

static bool has_file_panels(const backend *b) {
    for (size_t i = 0; i < b->weights->n; i++)
        if (b->weights->weight[i].panels.data) return true;
    return false;
}

int lay_out_weights(backend *b, error *err) {
    bool *fits_bf16;
    int code = find_fits(b, &fits_bf16, err);
    b->linear = arena_new(&b->memory, b->plan->n_steps, sizeof *b->linear);
    if (!code && !b->linear) code = fail_memory(err, b->plan->n_steps * sizeof *b->linear, "the table of weights");
    for (size_t i = 0; !code && i < b->plan->n_steps; i++)
        if (b->plan->step[i].kind == STEP_linear) code = lay_out_linear(b, &b->linear[i], &b->plan->step[i], fits_bf16, err);
    return code;
}

int pack_weights(backend *b, error *err) {
    const int code = lay_out_weights(b, err);
    if (code) return code;
    if (b->options.no_pack && !has_file_panels(b)) {    /* those leave nothing to do just before use */
        event(EVENT_not_packed, "weights stay in file order and are packed just before use: the same results, slower");
        return 0;
    }
    b->packed = memory_map(b->packed_bytes);
    if (!b->packed) return fail_memory(err, b->packed_bytes, "the weights");
    place_panels(b);
    team_run(b->team, fill_panels, b);
    return 0;
}
