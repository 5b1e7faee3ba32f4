/* ridge_pack: a model whose matrices are panels already, to be mapped and used in place (docs/packed-file.md). The input is mapped;
 * all threads write the output in windows of 4 MB that are aligned in the file. A file system that caches files in large folios (ext4
 * since Linux 6.16, XFS) then caches this one in huge pages: mapping it takes no time, and reading it no small pages' misses. */
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "cpu/panel_streams.h"
#include "engine/rewrite.h"
#include "model/gguf_packed.h"
#include "model/model.h"

enum { WINDOW_BYTES = 1 << 22, TYPE_I8 = 24 };

/* A tensor of the output: panels, or a tensor that is copied. */
typedef struct {
    const panel_stream *stream;     /* NULL: */
    const gguf_tensor  *copied;
    uint64_t            offset, bytes;      /* within the output's data */
} piece;

typedef struct {
    model         *m;
    panel_streams *panels;
    const panel_stream *stream;     /* [n_streams] */
    size_t         n_streams;
    piece         *pieces;          /* [n_pieces] in the order of the output */
    size_t         n_pieces;
    packed_matrix *matrix;          /* [n_matrices], slices of a tensor one behind the other */
    size_t         n_matrices;
    char         (*stream_name)[96];        /* [n_streams] */
    size_t         largest_panel;   /* a section of a panel of each matrix of a stream */
    gguf_output   *output;
    uint64_t       data_start;      /* in the file */
    uint64_t       data_bytes;
} packer;

static gguf_string text_of(const char *text) { return (gguf_string){ text, strlen(text) }; }

/* --- what the output holds --- */

static void name_stream(packer *p, size_t i) {
    const plan_tensor *t = &p->m->plan->tensor[p->stream[i].tensor[0]];
    const int n = snprintf(p->stream_name[i], sizeof *p->stream_name, PACKED_STREAM_PREFIX "%s", t->name);
    if (t->rows != t->file_rows) snprintf(p->stream_name[i] + n, sizeof *p->stream_name - (size_t)n, ".%u", t->first_row);
}

static packed_matrix describe(const packer *p, size_t i, unsigned j) {
    const panel_stream *s = &p->stream[i];
    const plan_tensor *t = &p->m->plan->tensor[s->tensor[j]];
    return (packed_matrix){
        .name = text_of(t->name), .stream = text_of(p->stream_name[i]), .type = p->m->weights.weight[s->tensor[j]].format->gguf_type,
        .columns = t->n, .tensor_rows = t->file_rows, .first_row = t->first_row, .rows = t->rows, .panel_type = s->layout.format->gguf_type,
        .matrices = s->layout.matrices, .place = j,
    };
}

static bool listed(const packer *p, gguf_string name) {
    for (size_t i = 0; i < p->n_matrices; i++)
        if (p->matrix[i].name.n == name.n && !memcmp(p->matrix[i].name.text, name.text, name.n)) return true;
    return false;
}

/* Matrices in the order of their use, but all slices of a tensor where the first of them is. */
static void list_matrices(packer *p) {
    const plan_tensor *tensor = p->m->plan->tensor;
    for (size_t i = 0; i < p->n_streams; i++) name_stream(p, i);
    for (size_t i = 0; i < p->n_streams; i++)
        for (unsigned j = 0; j < p->stream[i].layout.matrices; j++) {
            const char *name = tensor[p->stream[i].tensor[j]].name;
            if (listed(p, text_of(name))) continue;
            for (size_t k = i; k < p->n_streams; k++)
                for (unsigned l = 0; l < p->stream[k].layout.matrices; l++)
                    if (!strcmp(tensor[p->stream[k].tensor[l]].name, name)) p->matrix[p->n_matrices++] = describe(p, k, l);
        }
}

static void add_piece(packer *p, piece added) { p->pieces[p->n_pieces++] = added; }

/* Tensors that no linear step multiplies with stay as they are: vectors, a table of embeddings that is not the head too. */
static void add_copies(packer *p, gguf_header *h) {
    for (size_t i = 0; i < gguf_n_tensors(p->m->file); i++) {
        const gguf_tensor *t = gguf_tensor_at(p->m->file, i);
        if (listed(p, t->name)) continue;
        const uint64_t offset = gguf_write_tensor(h, t->name, t->type, t->n_dimensions, t->dimension, t->bytes);
        add_piece(p, (piece){ .copied = t, .offset = offset, .bytes = t->bytes });
    }
}

static void add_streams(packer *p, gguf_header *h) {
    for (size_t i = 0; i < p->n_streams; i++) {
        const panel_stream *s = &p->stream[i];
        const uint64_t dimension[] = { panel_layout_panel_bytes(&s->layout), (uint64_t)s->layout.matrices * s->layout.panels }, bytes = panel_layout_bytes(&s->layout);
        const uint64_t offset = gguf_write_tensor(h, text_of(p->stream_name[i]), TYPE_I8, 2, dimension, bytes);
        add_piece(p, (piece){ .stream = s, .offset = offset, .bytes = bytes });
        const size_t panel = panel_section_at(&s->layout, 0).stride;
        if (panel > p->largest_panel) p->largest_panel = panel;
    }
}

static int prepare(packer *p, gguf_header *h, error *err) {
    const gguf *g = p->m->file;
    h->alignment = gguf_alignment(g) > PANEL_ALIGNMENT ? (uint32_t)gguf_alignment(g) : PANEL_ALIGNMENT;
    p->stream = panel_streams_list(p->panels, &p->n_streams);
    const size_t n = p->n_streams + gguf_n_tensors(g);
    p->pieces = memory_new(n, sizeof *p->pieces);
    p->matrix = memory_new(p->n_streams * PANEL_STREAM_MATRICES, sizeof *p->matrix);
    p->stream_name = memory_new(p->n_streams, sizeof *p->stream_name);
    if (!p->pieces || !p->matrix || !p->stream_name) return fail_memory(err, n * sizeof *p->pieces, "a list of tensors");
    list_matrices(p);
    rewrite_metadata(h, g, &(rewrite_number){ "general.alignment", h->alignment }, 1, NULL);
    gguf_packed_write(h, p->stream[0].layout.section_k, p->matrix, p->n_matrices);
    add_copies(p, h);
    add_streams(p, h);
    p->data_bytes = h->data_bytes;
    return 0;
}

/* --- the whole --- */

/* Bytes [from, to) of a section of a stream; a panel that is cut at either end is packed on the side. */
static void pack_section_bytes(const packer *p, const panel_stream *s, size_t section, uint64_t from, uint64_t to, uint8_t *out, uint8_t *side) {
    const uint64_t row = panel_section_at(&s->layout, section).stride;
    while (from < to) {
        const uint64_t panel = from / row, skipped = from % row, whole = (to - from) / row;
        uint64_t n = whole * row;
        if (!skipped && whole) panel_streams_pack(p->panels, s, section, (uint32_t)panel, (uint32_t)(panel + whole), out);
        else {
            n = to - from < row - skipped ? to - from : row - skipped;
            panel_streams_pack(p->panels, s, section, (uint32_t)panel, (uint32_t)panel + 1, side);
            memcpy(out, side + skipped, n);
        }
        from += n;
        out += n;
    }
}

/* Bytes [from, to) of a stream. */
static void pack_bytes(const packer *p, const panel_stream *s, uint64_t from, uint64_t to, uint8_t *out, uint8_t *side) {
    for (size_t i = 0; i < panel_sections(&s->layout); i++) {
        const panel_section section = panel_section_at(&s->layout, i);
        const uint64_t start = section.offset, all = (uint64_t)s->layout.panels * section.stride;
        const uint64_t first = from > start ? from : start, end = to < start + all ? to : start + all;
        if (first < end) pack_section_bytes(p, s, i, first - start, end - start, out + (first - from), side);
    }
}

/* Fills a window that holds bytes [from, to) of the data. */
static void fill_window(const packer *p, uint64_t from, uint64_t to, uint8_t *window, uint8_t *side) {
    memset(window, 0, to - from);               /* between tensors */
    for (size_t i = 0; i < p->n_pieces; i++) {
        const piece *x = &p->pieces[i];
        const uint64_t first = from > x->offset ? from : x->offset, end = to < x->offset + x->bytes ? to : x->offset + x->bytes;
        if (first >= end) continue;
        if (x->copied) memcpy(window + (first - from), x->copied->data + (first - x->offset), end - first);
        else pack_bytes(p, x->stream, first - x->offset, end - x->offset, window + (first - from), side);
    }
}

static uint64_t window_start(const packer *p, uint64_t i) {
    const uint64_t at = (p->data_start / WINDOW_BYTES + i) * WINDOW_BYTES;
    return at > p->data_start ? at - p->data_start : 0;
}

static int make_window(void *user, size_t job, uint64_t i, uint64_t n, void *room, uint64_t *done_bytes) {
    (void)job, (void)n;                         /* one job, one window at a time */
    const packer *p = user;
    const uint64_t from = window_start(p, i), next = window_start(p, i + 1), to = next < p->data_bytes ? next : p->data_bytes;
    fill_window(p, from, to, room, (uint8_t *)room + WINDOW_BYTES);
    *done_bytes = to - from;
    return gguf_write_data(p->output, from, room, to - from);
}

static int write_all(packer *p, const char *output, const ridge_pack_options *o, error *err) {
    p->data_start = gguf_write_data_start(p->output);
    rewrite_job windows = { .n = (p->data_start + p->data_bytes + WINDOW_BYTES - 1) / WINDOW_BYTES - p->data_start / WINDOW_BYTES, .piece = 1 };
    rewrite_work work = {
        .path = output, .jobs = &windows, .n_jobs = 1, .room_bytes = WINDOW_BYTES + p->largest_panel, .all_bytes = p->data_bytes,
        .make = make_window, .user = p, .on_progress = o->on_progress, .progress_user = o->user,
    };
    return rewrite_run(panel_streams_team(p->panels), &work, err);
}

static int open_input(packer *p, const char *input, const char *output, uint32_t threads, error *err) {
    int code = model_open(&p->m, input, err);
    if (!code && gguf_packed_version(p->m->file)) code = fail(err, RIDGE_E_BAD_ARGUMENT, "%s is a packed file already", input);
    if (!code) code = rewrite_refuse_input(p->m->file, output, err);
    if (!code) code = plan_fuse(p->m->plan, FUSE_ALL, err);
    return code ? code : panel_streams_new(&p->panels, p->m->plan, &p->m->weights, threads, err);
}

int ridge_pack(const char *input, const char *output, const ridge_pack_options *options, ridge_packed *out, ridge_error *err) {
    const ridge_pack_options o = options ? *options : (ridge_pack_options){0};
    packer p = {0};
    gguf_header h = {0};
    int code = open_input(&p, input, output, o.threads, err);
    if (!code) code = prepare(&p, &h, err);
    if (!code) code = gguf_write_open(&p.output, output, &h, err);
    if (p.output) {
        code = write_all(&p, output, &o, err);
        if (code) gguf_write_discard(p.output);
        else code = gguf_write_finish(p.output, true, err);
    }
    if (!code && out) {
        *out = (ridge_packed){ .matrices = p.n_matrices };
        for (size_t i = 0; i < p.n_pieces; i++) out->bytes_after += p.pieces[i].bytes;
        for (size_t i = 0; i < gguf_n_tensors(p.m->file); i++) out->bytes_before += gguf_tensor_at(p.m->file, i)->bytes;
    }
    panel_streams_free(p.panels);
    memory_free(p.pieces);
    memory_free(p.matrix);
    memory_free(p.stream_name);
    gguf_header_free(&h);
    model_close(p.m);
    return code;
}
