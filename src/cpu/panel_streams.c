/* Streams of panels: see panel_streams.h. A backend that is laid out as bind would, but holds nothing. */
#include "cpu/panel_streams.h"
#include "cpu/cpu.h"
#include "cpu/state.h"
#include <string.h>

struct panel_streams {
    backend             *b;
    panel_stream        *list;
    size_t               n;
    const panel_matrix **matrix;        /* [n_tensors]: NULL where no stream has the tensor */
};

static void add_stream(panel_streams *s, const step *linear, const panel_linear *l, unsigned first, unsigned n) {
    panel_stream *stream = &s->list[s->n++];
    const panel_matrix *m = &l->matrix[first];
    *stream = (panel_stream){ .layout = m->layout };
    stream->layout.matrices = n;
    stream->layout.place = 0;
    for (unsigned i = 0; i < n; i++) {
        stream->tensor[i] = linear->weight[first + i];
        s->matrix[stream->tensor[i]] = &l->matrix[first + i];
    }
}

/* A tensor that several steps use is in the stream of the first. */
static void list_streams(panel_streams *s) {
    const plan *p = s->b->plan;
    for (size_t i = 0; i < p->n_steps; i++) {
        const panel_linear *l = &s->b->linear[i];
        const tensor_id *tensor = p->step[i].weight;
        const bool together = l->alternate && tensor[0] != tensor[1] && !s->matrix[tensor[0]] && !s->matrix[tensor[1]];
        if (together) add_stream(s, &p->step[i], l, 0, 2);
        for (unsigned j = 0; j < l->n; j++)
            if (!s->matrix[tensor[j]]) add_stream(s, &p->step[i], l, j, 1);
    }
}

int panel_streams_new(panel_streams **out, const plan *p, const weights *w, uint32_t n_threads, error *err) {
    *out = NULL;
    panel_streams *s = memory_new(1, sizeof *s);
    if (!s) return fail_memory(err, sizeof *s, "the list of panels");
    int code = cpu_backend.open(&s->b, &(backend_options){ .n_threads = n_threads }, err);
    if (!code) {
        s->b->plan = p;
        s->b->weights = w;
        code = lay_out_weights(s->b, err);
    }
    if (!code) {
        s->list = memory_new(p->n_tensors, sizeof *s->list);
        s->matrix = memory_new(p->n_tensors, sizeof *s->matrix);
        if (s->list && s->matrix) list_streams(s);
        else code = fail_memory(err, p->n_tensors * sizeof *s->list, "the list of panels");
    }
    if (code) panel_streams_free(s);
    else *out = s;
    return code;
}

void panel_streams_free(panel_streams *s) {
    if (!s) return;
    cpu_backend.close(s->b);
    memory_free(s->list);
    memory_free(s->matrix);
    memory_free(s);
}

const panel_stream *panel_streams_list(const panel_streams *s, size_t *n) {
    *n = s->n;
    return s->list;
}

team *panel_streams_team(const panel_streams *s) { return s->b->team; }

void panel_streams_pack(const panel_streams *s, const panel_stream *stream, size_t section, uint32_t from, uint32_t to, uint8_t *out) {
    const panel_section part = panel_section_at(&stream->layout, section);
    const size_t used = stream->layout.format->panel_bytes(part.n);
    for (unsigned i = 0; i < stream->layout.matrices; i++, out += part.bytes)
        for (uint32_t p = from; p < to; p++) {
            uint8_t *panel = out + (p - from) * part.stride;
            pack_section(s->b, s->matrix[stream->tensor[i]], p, &part, panel);
            memset(panel + used, 0, part.bytes - used);
        }
}
