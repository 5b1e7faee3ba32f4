/* The knobs of the CPU backend: see tuning.h. Columns and look-ahead are chosen for each panel format and shape, the rest for the model. */
#include "cpu/tuning.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cpu/state.h"

/*   knob             use     default  meaning */
#define MODEL_KNOBS(X)                                                                                                          \
    X(next_step_bytes, DECODE, 16384, "bytes of the next step's panels that are asked for before a barrier")                    \
    X(own_rows,        FEW,    4,     "up to so many tokens each thread prepares all activations itself")                       \
    X(few_prefetch_bytes, FEW, 4096,  "bytes that three tokens and more ask for ahead")                                         \
    X(chunk_floats,    PROMPT, 65536, "results of a chunk of panels and tokens")                                                \
    X(group_panels,    PROMPT, 8,     "panels that a chunk has before it gets more tokens")                                     \
    X(most_panels,     PROMPT, 256,   "panels that a chunk has at most")

static const uint32_t
    columns_values[]         = { 1, 2, 4, 8 },
    prefetch_bytes_values[]  = { 0, 512, 1024, 2048, 4096, 8192, 16384 },
    prefetch_step_values[]   = { 64, 256 },
    next_step_bytes_values[] = { 0, 4096, 16384, 65536 },
    own_rows_values[]        = { 0, 1, 2, 4, TUNING_MOST_OWN_ROWS },
    few_prefetch_bytes_values[] = { 512, 2048, 4096, 6144, 8192, 16384 },
    chunk_floats_values[]    = { 16384, 32768, 65536, 131072, TUNING_MOST_CHUNK_FLOATS },
    group_panels_values[]    = { 4, 8, 16 },
    most_panels_values[]     = { 64, 128, 256, 512 };

enum {
    PREFETCH_BYTES = 4096, PREFETCH_STEP = 64, AMD_PREFETCH_STEP = 256, LARGE_BLOCK_PREFETCH_BYTES = 512, LARGEST_BLOCK_COLUMNS = 2,
    AMD_FEW_PREFETCH_BYTES = 6144,
    SECTION_VALUES = 4096, AMD_SECTION_VALUES = 1024,
#define COUNT(...) + 1
    N_MODEL_KNOBS = 0 MODEL_KNOBS(COUNT),
    KNOBS_OF_MATRIX = 3,
};

#define VALUES(list) .candidates = list, .n_candidates = sizeof list / sizeof *list

/* Panels side by side: eight short streams suit Intel's servers; one long one suits AMD's, whose prefetcher brings what lies between one line of
 * four, asked for 4 KB ahead, while asking for every line takes its place (docs/performance.md); but where several tokens keep the arithmetic busy,
 * it falls behind, and asking for every line keeps the memory busy. The streams together look as far ahead as one would, those of blocks of 256
 * less far but for Q6_K's; of the largest blocks only two lie side by side. Where panels do, they share activations, and short sections would only
 * end streams. */
int tuning_defaults(cpu_tuning *t, error *err) {
    *t = (cpu_tuning){
#define DEFAULT(name, use, value, meaning) .name = value,
        MODEL_KNOBS(DEFAULT)
        .columns = 8, .prefetch_bytes = PREFETCH_BYTES, .prefetch_step = PREFETCH_STEP, .section_k = SECTION_VALUES,
    };
    const char *text = getenv("RIDGE_GEMV_COLS");
    t->columns_fixed = text && *text;
    if (t->columns_fixed) {
        if (strlen(text) != 1 || !strchr("1248", *text)) return fail(err, RIDGE_E_BAD_ARGUMENT, "RIDGE_GEMV_COLS is %s: it takes 1, 2, 4 or 8", text);
        t->columns = (uint32_t)(*text - '0');
    }
#ifdef __x86_64__
    else if (__builtin_cpu_is("amd")) t->columns = 1;
    if (__builtin_cpu_is("amd")) {
        t->prefetch_step = AMD_PREFETCH_STEP;
        t->few_prefetch_bytes = AMD_FEW_PREFETCH_BYTES;
        t->section_k = AMD_SECTION_VALUES;
    }
#endif
    return 0;
}

/* The group of a matrix, a new one where it is the first of its kind. There is room for one a matrix. */
static matrix_tuning *group_of(cpu_tuning *t, const cpu_kernels *k, const panel_matrix *m) {
    for (size_t i = 0; i < t->n_matrices; i++)
        if (t->matrix[i].panel == m->panel && t->matrix[i].rows == m->source->rows && t->matrix[i].n == m->source->n) return &t->matrix[i];
    matrix_tuning *group = &t->matrix[t->n_matrices++];
    const uint32_t most = k->most_columns[m->panel][m->kind];
    *group = (matrix_tuning){ .panel = m->panel, .rows = m->source->rows, .n = m->source->n, .most_columns = most,
                              .columns = t->columns < most ? t->columns : most, .prefetch_bytes = t->prefetch_bytes, .prefetch_step = t->prefetch_step };
    const bool large = formats[m->panel].block_k > UNIT, largest = m->panel == FORMAT_q5_k || m->panel == FORMAT_q6_k;
    if (largest && !t->columns_fixed && group->columns > LARGEST_BLOCK_COLUMNS) group->columns = LARGEST_BLOCK_COLUMNS;
    const bool near = large && m->panel != FORMAT_q6_k && group->prefetch_step == PREFETCH_STEP;
    if (near && group->prefetch_bytes > LARGE_BLOCK_PREFETCH_BYTES) group->prefetch_bytes = LARGE_BLOCK_PREFETCH_BYTES;
    return group;
}

static int find_groups(backend *b, error *err) {
    size_t n = 0;
    for (size_t i = 0; i < b->plan->n_steps; i++) n += b->linear[i].n;
    b->tuning.matrix = arena_new(&b->memory, n, sizeof *b->tuning.matrix);
    if (!b->tuning.matrix) return fail_memory(err, n * sizeof *b->tuning.matrix, "the table of shapes");
    for (size_t i = 0; i < b->plan->n_steps; i++)
        for (unsigned k = 0; k < b->linear[i].n; k++) {
            panel_matrix *m = &b->linear[i].matrix[k];
            matrix_tuning *group = group_of(&b->tuning, b->kernels, m);
            group->bytes += (double)m->layout.panels * (double)m->layout.format->panel_bytes(m->layout.n);
            m->tuning = group;
        }
    return 0;
}

static void add_knob(cpu_tuning *t, ridge_knob knob, uint32_t *place) {
    knob.value = knob.default_value = *place;
    t->place[t->n_knobs] = place;
    t->knob[t->n_knobs++] = knob;
}

static int add_matrix_knobs(backend *b, matrix_tuning *m, error *err) {
    char text[64];
    const int n = snprintf(text, sizeof text, "%s %ux%u", formats[m->panel].name, m->rows, m->n);
    const char *of = arena_copy_text(&b->memory, text, (size_t)n);
    if (!of) return fail_memory(err, (size_t)n, "the table of knobs");
    ridge_knob columns = { "columns", of, "panels that a thread works on side by side", RIDGE_KNOB_DECODE, m->bytes, VALUES(columns_values) };
    while (columns.candidates[columns.n_candidates - 1] > m->most_columns) columns.n_candidates--;
    if (!b->tuning.columns_fixed && columns.n_candidates > 1) add_knob(&b->tuning, columns, &m->columns);
    add_knob(&b->tuning, (ridge_knob){ "prefetch_bytes", of, "bytes that all columns together ask for ahead", RIDGE_KNOB_DECODE, m->bytes,
                                       VALUES(prefetch_bytes_values) }, &m->prefetch_bytes);
    add_knob(&b->tuning, (ridge_knob){ "prefetch_step", of, "bytes from one line that is asked for to the next", RIDGE_KNOB_DECODE, m->bytes,
                                       VALUES(prefetch_step_values) }, &m->prefetch_step);
    return 0;
}

int tuning_bind(backend *b, error *err) {
    cpu_tuning *t = &b->tuning;
    int code = find_groups(b, err);
    if (code) return code;
    const size_t most = N_MODEL_KNOBS + KNOBS_OF_MATRIX * t->n_matrices;
    t->knob = arena_new(&b->memory, most, sizeof *t->knob);
    t->place = arena_new(&b->memory, most, sizeof *t->place);
    if (!t->knob || !t->place) return fail_memory(err, most * sizeof *t->knob, "the table of knobs");
    double bytes = 0;
    for (size_t i = 0; i < t->n_matrices && !code; i++) {
        bytes += t->matrix[i].bytes;
        code = add_matrix_knobs(b, &t->matrix[i], err);
    }
#define ADD(name, use, value, meaning) add_knob(t, (ridge_knob){ #name, "", meaning, RIDGE_KNOB_##use, bytes, VALUES(name##_values) }, &t->name);
    MODEL_KNOBS(ADD)
    return code;
}
