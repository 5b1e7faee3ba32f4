/* The linear step: prologue (norm, the forms of the input that the matrices want), panels times activations, epilogue.
 *
 * Work is cut three ways: threads own ranges of panels, and each passes in chunks of panels and blocks of tokens, so that the
 * epilogue finds the results in the cache. No cut changes a bit. */
#include "cpu/state.h"
#include <assert.h>
#include <string.h>

typedef struct {
    backend            *b;
    const step         *s;
    const panel_linear *l;
    thread_scratch     *scratch;
    uint32_t            rows;
    const uint8_t      *prepared[ACTIVATION_COUNT];
    size_t              token_bytes[ACTIVATION_COUNT];
    uint32_t            block_rows;     /* tokens in a block */
    uint32_t            chunk_panels;   /* panels in a chunk, a multiple of the granule */
} linear_call;

/* A piece of the result: panels [panel, panel + panels) of a matrix for rows [row, row + rows); y is [rows][ldy]. */
typedef struct { unsigned matrix; uint32_t panel, panels, row, rows; float *y; size_t ldy; } piece;

/* --- prologue --- */

static void prepare_row(const linear_call *c, uint32_t row, uint8_t *const to[ACTIVATION_COUNT]) {
    const backend *b = c->b;
    const size_t n = b->plan->value[c->s->in[0]].width;
    const float *x = value_row(b, c->s->in[0], row);
    if (c->s->norm != NONE) {
        b->kernels->rows.norm(c->scratch->row, x, b->vector[c->s->norm], NULL, n, c->s->eps);
        x = c->scratch->row;
    }
    for (int kind = 0; kind < ACTIVATION_COUNT; kind++)
        if (c->l->kinds[kind]) b->kernels->rows.prepare[kind](to[kind] + row * c->token_bytes[kind], 0, x, 1, n);
}

/* A few rows: each thread prepares what it needs itself, which costs less than waiting. Many rows are shared out. */
static void prologue(linear_call *c, uint32_t thread) {
    backend *b = c->b;
    const size_t n = b->plan->value[c->s->in[0]].width;
    const bool own = c->rows <= b->tuning.own_rows, ready = link_of(b, c->s)->input_ready;
    uint8_t *to[ACTIVATION_COUNT] = {0}, *free_bytes = c->scratch->prepared;
    for (int kind = 0; kind < ACTIVATION_COUNT; kind++) {
        if (!c->l->kinds[kind]) continue;
        c->token_bytes[kind] = round_up_size(kernels_activation_bytes(b->kernels, kind, n), 64);
        to[kind] = ready ? b->handed_on : own ? free_bytes : b->prepared[kind];
        free_bytes += c->rows * c->token_bytes[kind];
        c->prepared[kind] = to[kind];
    }
    if (ready) return;
    uint64_t from = 0, end = c->rows;
    if (!own) team_part(c->rows, thread, team_size(b->team), &from, &end);
    for (uint64_t row = from; row < end; row++) prepare_row(c, (uint32_t)row, to);
    if (!own) team_barrier(b->team);
}

/* --- panels --- */

/* --no-pack: a section of a piece's panels, packed just before use, one behind the other or, of two matrices, in turns. */
static const uint8_t *pack_piece(const linear_call *c, const piece *p, unsigned matrix, unsigned matrices, const panel_section *s) {
    uint8_t *to = c->scratch->panels;
    for (uint32_t i = 0; i < p->panels; i++)
        for (unsigned m = 0; m < matrices; m++, to += s->bytes) pack_section(c->b, &c->l->matrix[matrix + m], p->panel + i, s, to);
    return c->scratch->panels;
}

/* Two tokens are as fast as one; three and more wait for arithmetic too: the hardware's prefetcher falls behind, and every line is asked for. */
static bool waits_for_memory(const piece *p) { return p->rows <= 2; }

/* alternate: two panels for each of the piece's (gate, up, gate, up ...). */
static void multiply(const linear_call *c, const piece *p, unsigned matrix, bool alternate, float *y) {
    const panel_matrix *m = &c->l->matrix[matrix];
    const unsigned matrices = alternate ? 2 : 1;
    for (size_t i = 0; i < panel_sections(&m->layout); i++) {
        const panel_section s = panel_section_at(&m->layout, i);
        const uint8_t *first = c->prepared[m->kind] + kernels_activation_bytes(c->b->kernels, m->kind, s.k);
        const activations x = { first + p->row * c->token_bytes[m->kind], c->token_bytes[m->kind], s.n };
        c->b->kernels->matmul[m->panel][m->kind](&(matmul_args){
            .w = m->packed ? m->packed + s.offset + p->panel * s.stride : pack_piece(c, p, matrix, matrices, &s),
            .panels = p->panels * matrices, .panel_stride = m->packed && !alternate ? s.stride : s.bytes,
            .x = &x, .tokens = p->rows, .y = y, .ldy = p->ldy, .goes_on = i > 0,
            .prefetch_bytes = waits_for_memory(p) ? m->tuning->prefetch_bytes : c->b->tuning.few_prefetch_bytes,
            .prefetch_step = waits_for_memory(p) ? m->tuning->prefetch_step : 0, .columns = m->tuning->columns,
        });
    }
}

/* --- epilogue --- */

enum { HANDED_ON_AT_ONCE = 512 };      /* values */

static void write_result(const linear_call *c, const piece *p, uint32_t row, float *y) {
    const backend *b = c->b;
    const step *s = c->s;
    const value_id out = s->out[p->matrix];
    const size_t first = (size_t)p->panel * PANEL_ROWS, width = b->plan->value[out].width;
    const size_t n = (size_t)p->panels * PANEL_ROWS;
    if (out == b->plan->logits) memcpy(b->logits + row * width + first, y, (width - first < n ? width - first : n) * sizeof *y);
    else if (s->add != NONE) b->kernels->rows.add(value_row(b, out, row) + first, value_row(b, s->add, row) + first, y, n);
    else memcpy(value_row(b, out, row) + first, y, n * sizeof *y);
}

/* The epilogue of q (matrix 0), k (1) and v (2) on whole heads. */
static void finish_heads(const linear_call *c, const piece *p, uint32_t row, float *y) {
    const backend *b = c->b;
    const step *s = c->s;
    const kv_shape *kv = &b->plan->kv;
    const uint32_t size = p->matrix == 2 ? kv->v_size : kv->k_size, rows = c->l->matrix[p->matrix].source->rows;
    const uint32_t first_row = p->panel * PANEL_ROWS, end = first_row + p->panels * PANEL_ROWS;
    const uint32_t head = first_row / size, n_heads = (end < rows ? end : rows) / size - head;
    const tensor_id norm = p->matrix == 0 ? s->q_norm : p->matrix == 1 ? s->k_norm : NONE;
    if (norm != NONE) b->kernels->rows.head_norm(y, b->vector[norm], n_heads, size, s->head_eps);
    if (s->rotates && p->matrix < 2) {
        const rope_config *rope = &b->plan->rope[s->rope];
        const size_t pairs = rope->n_rotated / 2;
        b->kernels->rows.rotate(y, b->cosine[s->rope] + row * pairs, b->sine[s->rope] + row * pairs, n_heads, size, (uint32_t)pairs, rope->halves);
    }
    if (s->writes_kv && p->matrix == 1) store_k(b, row, s->kv_layer, head, n_heads, y);
    else if (s->writes_kv && p->matrix == 2) store_v(b, row, s->kv_layer, head, n_heads, y);
    else write_result(c, p, row, y);
}

/* Rows of activation(gate) * up, some at once while they are in the first-level cache. They are written over what the kernel left of the piece's
 * first rows, which has been read by then: a row is shorter than the two that it is made of. */
static void hand_on_glu(const linear_call *c, const piece *p, glu_fn *glu, const float *gate, const float *up, size_t stride) {
    const size_t first = (size_t)p->panel * PANEL_ROWS, n = (size_t)p->panels * PANEL_ROWS;
    const uint32_t at_once = n < HANDED_ON_AT_ONCE ? (uint32_t)(HANDED_ON_AT_ONCE / n) : 1;
    for (uint32_t row = 0; row < p->rows; row += at_once) {
        const uint32_t rows = p->rows - row < at_once ? p->rows - row : at_once;
        hand_on_soon(c->b, c->s, p->row + row, rows, first, n);
        for (uint32_t r = 0; r < rows; r++) glu(p->y + r * n, gate + (row + r) * p->ldy, up + (row + r) * p->ldy, p->panels, stride);
        hand_on(c->b, c->s, p->row + row, rows, first, n, p->y);
    }
}

static void finish_glu(const linear_call *c, const piece *p) {
    const backend *b = c->b;
    const bool alternate = c->l->alternate;
    glu_fn *glu = c->s->glu == GLU_SILU ? b->kernels->rows.glu_silu : b->kernels->rows.glu_gelu;
    const float *up = p->y + (alternate ? PANEL_ROWS : (size_t)p->panels * PANEL_ROWS);
    const size_t stride = alternate ? 2 * PANEL_ROWS : PANEL_ROWS;
    if (hands_on(b, c->s)) { hand_on_glu(c, p, glu, p->y, up, stride); return; }
    for (uint32_t r = 0; r < p->rows; r++)
        glu(value_row(b, c->s->out[0], p->row + r) + (size_t)p->panel * PANEL_ROWS, p->y + r * p->ldy, up + r * p->ldy, p->panels, stride);
}

static void epilogue(const linear_call *c, const piece *p) {
    const backend *b = c->b;
    const step *s = c->s;
    if (s->glu != GLU_NONE) { finish_glu(c, p); return; }
    const bool heads = s->writes_kv || s->rotates || s->q_norm != NONE || s->k_norm != NONE;
    const size_t first = (size_t)p->panel * PANEL_ROWS, n = (size_t)p->panels * PANEL_ROWS;
    for (uint32_t r = 0; r < p->rows; r++) {
        float *y = p->y + r * p->ldy;
        if (s->bias[p->matrix] != NONE) b->kernels->rows.add(y, y, b->vector[s->bias[p->matrix]] + first, n);
        if (heads) finish_heads(c, p, p->row + r, y);
        else write_result(c, p, p->row + r, y);
    }
}

/* --- the cuts --- */

/* Results that need nothing done to them are written where they belong at once. */
static bool writes_directly(const linear_call *c, unsigned matrix) {
    const step *s = c->s;
    return s->glu == GLU_NONE && s->bias[matrix] == NONE && s->add == NONE && !s->writes_kv && !s->rotates
        && s->q_norm == NONE && s->k_norm == NONE && s->out[matrix] != c->b->plan->logits;
}

static void do_piece(const linear_call *c, piece p) {
    const bool glu = c->s->glu != GLU_NONE;
    if (writes_directly(c, p.matrix)) {
        p.ldy = c->b->value_stride[c->s->out[p.matrix]];
        multiply(c, &p, p.matrix, false, value_row(c->b, c->s->out[p.matrix], p.row) + (size_t)p.panel * PANEL_ROWS);
        return;
    }
    p.y = c->scratch->y;
    p.ldy = (size_t)p.panels * PANEL_ROWS * (glu ? 2 : 1);
    multiply(c, &p, p.matrix, c->l->alternate, p.y);
    if (glu && !c->l->alternate) multiply(c, &p, 1, false, p.y + (size_t)p.panels * PANEL_ROWS);
    epilogue(c, &p);
}

/* Kernels like several panels at once and all tokens; the epilogue likes results that are still in the cache. */
static void choose_cuts(linear_call *c) {
    const backend *b = c->b;
    const size_t granule_panels = (size_t)c->l->granule * (c->s->glu != GLU_NONE ? 2 : 1);
    const size_t wanted = round_up_size(b->tuning.group_panels, granule_panels);        /* a multiple of both, where they are powers of two */
    size_t rows = b->tuning.chunk_floats / (wanted * PANEL_ROWS);
    if (rows < 1) rows = 1;
    const size_t blocks = (c->rows + rows - 1) / rows;          /* equal blocks: no small one at the end */
    c->block_rows = (uint32_t)((c->rows + blocks - 1) / blocks);
    size_t granules = b->tuning.chunk_floats / (granule_panels * PANEL_ROWS * c->block_rows);
    if (granules > b->tuning.most_panels / granule_panels) granules = b->tuning.most_panels / granule_panels;
    if (!c->l->matrix[0].packed) {                              /* a chunk of panels must fit the scratch */
        size_t granule_bytes = 1;
        for (unsigned i = 0; i < c->l->n; i++) {
            const size_t bytes = panel_section_at(&c->l->matrix[i].layout, 0).bytes * granule_panels;
            if (bytes > granule_bytes) granule_bytes = bytes;
        }
        if (granules > b->panels_room / granule_bytes) granules = b->panels_room / granule_bytes;
    }
    c->chunk_panels = (uint32_t)(granules ? granules : 1) * c->l->granule;
}

void run_linear(backend *b, const step *s, uint32_t thread) {
    linear_call c = { .b = b, .s = s, .l = &b->linear[s - b->plan->step], .scratch = &b->scratch[thread], .rows = step_rows(b, s) };
    if (!c.rows) return;
    prologue(&c, thread);
    choose_cuts(&c);
    const unsigned n = s->glu != GLU_NONE ? 1 : c.l->n;         /* gate brings up along */
    for (uint32_t row = 0; row < c.rows; row += c.block_rows) {
        const uint32_t rows = c.rows - row < c.block_rows ? c.rows - row : c.block_rows;
        for (unsigned m = 0; m < n; m++) {
            const panel_range part = panel_part(c.l, m, thread, team_size(b->team));
            for (uint32_t p = part.from; p < part.to; p += c.chunk_panels) {
                const uint32_t panels = part.to - p < c.chunk_panels ? part.to - p : c.chunk_panels;
                do_piece(&c, (piece){ .matrix = m, .panel = p, .panels = panels, .row = row, .rows = rows });
            }
        }
    }
}
