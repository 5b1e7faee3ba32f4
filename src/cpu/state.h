/* The CPU backend's state: what bind() prepared and run() uses. One struct, so that a reader sees all of it at once. */
#pragma once
#include "backend.h"
#include "base/round_up.h"
#include "cpu/kernels.h"
#include "cpu/team.h"
#include "cpu/tuning.h"

/* A matrix as panels. */
typedef struct {
    const weight   *source;         /* rows in file order, or a packed file's panels */
    format_id       panel;          /* the format of its panels: bf16 for every dense matrix that bf16 holds */
    activation_kind kind;           /* what it multiplies */
    panel_layout    layout;         /* where they lie */
    const matrix_tuning *tuning;    /* that of all matrices of this panel and shape */
    uint64_t        first_granule;  /* of its linear step: the granules of the matrices before it */
    const uint8_t  *packed;         /* the start of the layout; NULL with --no-pack */
} panel_matrix;

/* The matrices of one linear step, packed one behind the other; gate and up, where their panels are alike, alternate panel by
 * panel, so that one thread reads one stream. Work is cut at granules: whole heads where the epilogue works on heads. */
typedef struct {
    panel_matrix matrix[PLAN_MAX_WEIGHTS];
    uint8_t      n;
    bool         alternate;         /* matrix[0] and matrix[1] alternate */
    bool         kinds[ACTIVATION_COUNT];   /* the forms of the input that are wanted */
    uint32_t     granule;           /* panels that belong together */
    uint64_t     granules;          /* of all matrices; of one of the two where they alternate */
} panel_linear;

/* What a step hands on to the next one. */
typedef struct {
    activation_kind output_kind;    /* the form that its result is brought into at once; ACTIVATION_COUNT: none, it is a value of the plan */
    size_t          token_bytes;    /* of a token's result in that form */
    bool            input_ready;    /* its input is what the step before it handed on */
} step_link;

/* Per thread; nothing of it is read by another thread. */
typedef struct {
    float   *y;                     /* results of one chunk of panels and tokens */
    float   *row;                   /* one row of the widest value */
    uint8_t *prepared;              /* activations, where each thread prepares its own */
    uint8_t *panels;                /* --no-pack: a chunk of panels */
    float   *scores, *wide;         /* attention */
    attend_state running, page;
    uint32_t mode;                  /* the floating-point mode before kernels_enter_thread */
} thread_scratch;

struct backend {
    backend_options    options;
    const cpu_kernels *kernels;
    team              *team;
    cpu_tuning         tuning;
    char               description[96];

    const plan        *plan;
    const weights     *weights;
    panel_linear      *linear;      /* [n_steps]; n is 0 for steps that are no linear */
    step_link         *link;        /* [n_steps] */
    float            **vector;      /* [n_tensors] vectors of the plan as padded rows; NULL for matrices */
    double           **frequency;   /* [n_ropes][n_rotated / 2] */
    uint8_t           *packed;      /* all panels, but those that a packed file has */
    size_t             packed_bytes;

    float            **value;       /* [n_values]: [max_tokens][value_stride] */
    size_t            *value_stride;
    float            **cosine, **sine;      /* [n_ropes]: [max_tokens][n_rotated / 2] of the batch's positions */
    uint8_t           *prepared[ACTIVATION_COUNT];      /* activations of a batch, prepared by all threads together */
    uint8_t           *handed_on;   /* activations that a step made of its result for the next one */
    size_t             widest;      /* the widest value, padded */
    size_t             panels_room; /* bytes of thread_scratch.panels */

    uint8_t           *kv;          /* pages: [page][kv_layer][kv_head] of K then V */
    size_t             kv_bytes;
    size_t             k_bytes, v_bytes;        /* of K and of V in a page of one layer and head */
    attend_state       partial;     /* results of single pages, where pages are shared out */
    size_t             partial_room;            /* queries times pages that fit */

    thread_scratch    *scratch;     /* [threads] */
    arena              memory;

    /* the batch in hand */
    const batch       *batch;
    uint32_t           n_tokens, n_outputs;
    int32_t           *token;       /* [max_tokens] */
    uint32_t          *position;    /* [max_tokens] */
    uint32_t          *part_of;     /* [max_tokens] */
    uint32_t          *output_row;  /* [max_outputs]: which token's row each output is */
    float             *logits;
    float             *largest;     /* of blocks of logits, or NULL */
    step_time         *times;       /* [threads][n_steps], or NULL: nobody asked */
};

/* Rows that a step works on. */
static inline uint32_t step_rows(const backend *b, const step *s) { return s->outputs_only ? b->n_outputs : b->n_tokens; }
static inline float *value_row(const backend *b, value_id v, uint32_t row) { return b->value[v] + row * b->value_stride[v]; }

/* K of position 0 of a page; V follows k_bytes later. */
static inline uint8_t *kv_page(const backend *b, int32_t page, uint32_t layer, uint32_t head) {
    const size_t n = ((size_t)page * b->plan->kv.n_layers + layer) * b->plan->kv.n_heads + head;
    return b->kv + n * (b->k_bytes + b->v_bytes);
}

/* pack.c: lays out linear[]: which form each matrix takes, and where its panels lie where a packed file has them. */
int lay_out_weights(backend *b, error *err);
/* The same, and fills it: afterwards all panels are there, unless --no-pack keeps rows; drops the file's pages behind it. */
int pack_weights(backend *b, error *err);

/* The panels of one matrix that a thread works on. */
typedef struct { uint32_t from, to; } panel_range;
panel_range panel_part(const panel_linear *l, unsigned matrix, uint32_t thread, uint32_t n_threads);

/* A section of one panel, made of rows of the file; and the same by the format's own plain code. */
void pack_section(const backend *b, const panel_matrix *m, uint32_t panel, const panel_section *section, void *to);
void pack_plain(const panel_matrix *m, uint32_t panel, const panel_section *section, void *to);

/* canary.c: RIDGE_E_INTERNAL where a kernel or packer that will be used is wrong. */
int check_kernels(const backend *b, error *err);

/* handing_on.c: finds the steps that hand their results on in the form that the next one wants. */
int link_steps(backend *b, error *err);
static inline const step_link *link_of(const backend *b, const step *s) { return &b->link[s - b->plan->step]; }
static inline bool hands_on(const backend *b, const step *s) { return link_of(b, s)->output_kind != ACTIVATION_COUNT; }

/* Values [first, first + n) of the step's result, whole units, for rows [row, row + rows): x is [rows][n]. */
void hand_on(const backend *b, const step *s, uint32_t row, uint32_t rows, size_t first, size_t n, const float *x);
/* Asks for the cache lines that hand_on will write: other threads read them last, and on another die a store waits for them. */
void hand_on_soon(const backend *b, const step *s, uint32_t row, uint32_t rows, size_t first, size_t n);

/* Each runs one step on one thread of the team; all threads call it; the caller passes a barrier behind it. */
void run_linear(backend *b, const step *s, uint32_t thread);
void run_attention(backend *b, const step *s, uint32_t thread);

/* steps.c: the whole plan on one thread; user: the backend. */
void run_plan(void *user, uint32_t thread);

/* kv_store.c: writes row's K (or V) heads of one layer at its token's position. k, v: [n_heads][size] floats. */
void store_k(const backend *b, uint32_t row, uint32_t layer, uint32_t head, uint32_t n_heads, const float *k);
void store_v(const backend *b, uint32_t row, uint32_t layer, uint32_t head, uint32_t n_heads, const float *v);
