/* Results handed on: a step whose result only the next one reads brings it into the form that that one multiplies, each thread what it made, while it
 * is in its cache. Nothing is written as floats, fetched from another thread's cache and prepared. The bits are those of the other way. */
#include "cpu/state.h"
#include "plan/uses.h"

static uint8_t *place_of(const backend *b, const step_link *link, uint32_t row, size_t first) {
    return b->handed_on + row * link->token_bytes + kernels_activation_bytes(b->kernels, link->output_kind, first);
}

void hand_on(const backend *b, const step *s, uint32_t row, uint32_t rows, size_t first, size_t n, const float *x) {
    const step_link *link = link_of(b, s);
    b->kernels->rows.prepare[link->output_kind](place_of(b, link, row, first), link->token_bytes, x, rows, n);
}

/* As an instruction, because compilers make an ordinary prefetch of their builtin unless they may assume a processor of after 2014; older ones
 * take it as no operation. */
static inline void ask_to_write(const uint8_t *p) {
#ifdef __x86_64__
    __asm__ volatile("prefetchw %0" : : "m"(*p));
#else
    __builtin_prefetch(p, 1);
#endif
}

void hand_on_soon(const backend *b, const step *s, uint32_t row, uint32_t rows, size_t first, size_t n) {
    const step_link *link = link_of(b, s);
    const size_t bytes = kernels_activation_bytes(b->kernels, link->output_kind, n);
    const uint8_t *to = place_of(b, link, row, first);
    for (uint32_t r = 0; r < rows; r++, to += link->token_bytes)
        for (size_t i = 0; i < bytes; i += 64) ask_to_write(to + i);
}

/* Whether nothing else reads what step `writer` leaves in v, before another one writes v (each layer does). */
static bool only_next_reads(const plan *p, size_t writer, value_id v) {
    for (size_t i = writer + 1; i < p->n_steps; i++) {
        if (step_reads(&p->step[i], v) != (i == writer + 1)) return false;
        if (step_writes(&p->step[i], v)) break;
    }
    return writer + 1 < p->n_steps;
}

/* Whether the step makes whole units at a time: a GLU as many as its pieces have pairs of panels, attention the heads that share a K and V, which then
 * follow each other without a gap. */
static bool makes_units(const plan *p, const step *s) {
    if (s->kind == STEP_linear) return s->glu != GLU_NONE && p->value[s->out[0]].width % UNIT == 0;
    return s->kind == STEP_attention && p->kv.v_size % 16 == 0 && s->n_heads / p->kv.n_heads * p->kv.v_size % UNIT == 0;
}

int link_steps(backend *b, error *err) {
    const plan *p = b->plan;
    b->link = arena_new(&b->memory, p->n_steps, sizeof *b->link);
    if (!b->link) return fail_memory(err, p->n_steps * sizeof *b->link, "the links between steps");
    for (size_t i = 0; i < p->n_steps; i++) b->link[i] = (step_link){ .output_kind = ACTIVATION_COUNT };
    for (size_t i = 0; i + 1 < p->n_steps; i++) {
        const step *s = &p->step[i], *next = s + 1;
        if (!makes_units(p, s) || next->kind != STEP_linear || next->norm != NONE || next->in[0] != s->out[0] || !only_next_reads(p, i, s->out[0])) continue;
        const panel_linear *reader = &b->linear[i + 1];
        const activation_kind kind = reader->matrix[0].kind;
        bool alike = true;
        for (unsigned m = 1; m < reader->n; m++) alike = alike && reader->matrix[m].kind == kind;
        if (!alike) continue;
        b->link[i].output_kind = kind;
        b->link[i].token_bytes = round_up_size(kernels_activation_bytes(b->kernels, kind, p->value[s->out[0]].width), 64);
        b->link[i + 1].input_ready = true;
    }
    return 0;
}
