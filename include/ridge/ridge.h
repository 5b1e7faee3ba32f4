/* libridge: load a GGUF model, turn text into tokens, tokens into logits, logits into text.
 *
 * Conventions, true of every function unless it says otherwise:
 *   - A function that can fail returns 0, or a negative RIDGE_E_ code, and then *err holds one full sentence. err may be NULL.
 *   - X_open and X_new hand ownership to the caller, who ends it with X_close or X_free; those accept NULL.
 *   - Pointers that are passed in are borrowed for the call only; `const` results are owned by the object they came from.
 *   - Strings are UTF-8. Sizes are in bytes when they are called so, counts are in tokens when they are called so.
 *   - Objects are not locked: one thread at a time per object. Different objects are independent.
 *
 * The shortest program is examples/complete.c.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Errors. The texts are what ridge_error_name() returns. */
#define RIDGE_ERRORS(X)                                                                                  \
    X(RIDGE_E_BAD_ARGUMENT, -1, "bad argument")      /* the caller's mistake: a flag, a range, a null */  \
    X(RIDGE_E_BAD_FILE,     -2, "bad file")          /* the file contradicts itself or its format */      \
    X(RIDGE_E_UNSUPPORTED,  -3, "unsupported")       /* sound, but not something Ridge can do */          \
    X(RIDGE_E_NO_MEMORY,    -4, "out of memory")                                                          \
    X(RIDGE_E_IO,           -5, "input/output")      /* the operating system said no */                   \
    X(RIDGE_E_NOT_FOUND,    -6, "not found")                                                              \
    X(RIDGE_E_CONTEXT_FULL, -7, "context full")      /* more tokens than the context holds */             \
    X(RIDGE_E_CANCELLED,    -8, "cancelled")                                                              \
    X(RIDGE_E_INTERNAL,     -9, "internal")          /* a check of our own failed: please report it */

enum {
#define RIDGE_ERROR_ENUM(name, value, text) name = value,
    RIDGE_ERRORS(RIDGE_ERROR_ENUM)
#undef RIDGE_ERROR_ENUM
};

typedef struct {
    int  code;          /* 0 or one of the above */
    char text[500];     /* one sentence, always terminated */
} ridge_error;

/* "bad file" and so on; "unknown error" for anything else. Never NULL. */
const char *ridge_error_name(int code);

/* The version of the library, "0.1.0". */
const char *ridge_version(void);

/* ---- Events: nothing that degrades a result or its speed happens silently -------------------------------------------------
 * An event is told once for each (name, text). Without a handler it is a line on stderr. The handler may be called by any
 * thread that is inside the library, one at a time; `name` is a stable word such as "context_shortened", `text` one sentence. */
typedef void ridge_event_handler(void *user, const char *name, const char *text);
void ridge_set_event_handler(ridge_event_handler *handler, void *user);     /* NULL: stderr again */

/* ---- Models -------------------------------------------------------------------------------------------------------------- */

/* A model: weights on a backend, tokeniser, chat template and the memory of its sessions. A session belongs to one model, and
 * the sessions of a model share its backend: at any time one call on the model or one of its sessions. */
typedef struct ridge_model ridge_model;

/* How much of a file is loaded. Each includes the ones before it. */
typedef enum {
    RIDGE_LOAD_METADATA,        /* what the file says about itself; works for architectures that Ridge cannot run */
    RIDGE_LOAD_VOCABULARY,      /* and the tokeniser and the chat template: also for files without weights */
    RIDGE_LOAD_PLAN,            /* and the plan, checked against the weights: sizes and costs, no backend */
    RIDGE_LOAD_ALL,             /* and the weights, on a backend: sessions can be opened */
} ridge_load;

typedef struct {
    ridge_load  load;               /* RIDGE_LOAD_ALL */
    const char *backend;            /* "cpu", or "reference": plain f32, slow, the oracle of tests; NULL: "cpu" */
    const char *isa;                /* of the cpu backend: "scalar", "avx2", ...; "best" or NULL: the best that this CPU has */
    const char *fuse;               /* how far steps of the plan are fused: "none", "glu", "norm", "all"; NULL: "all". Same bits */
    uint32_t    threads;            /* 0: as many as the machine and its limits allow. Same bits for any number */
    bool        precise;            /* 24-bit activations for quantised weights, f32 for dense ones, and an f32 KV cache: closer to exact, slower */
    const char *cache_type_k, *cache_type_v;        /* what K and V of past tokens are kept as: "bf16" (which attention then computes
                                     * in), "f16", "f32", "q8_0" (half the memory, further from exact); NULL: "bf16", where weights compute in f32 "f16", with
                                     * `precise` "f32". The reference keeps f32 */
    bool        pack;               /* true: weights are packed while loading; false: just before each use. Same bits, slower. Packed files are packed */
    bool        tuned;              /* true: what `ridge tune` recorded of this model's shapes on this machine is used; false: the defaults. Same bits */
    bool        all_logits;         /* ridge_session_logits_all will be used: room for chunk_tokens rows of logits in a batch */
    uint32_t    context_tokens;     /* most tokens of a session; 0: what the model was trained for, but at most 4096 */
    uint32_t    chunk_tokens;       /* a prompt is processed in chunks of so many tokens; 0: 512. Same bits for any number */
    uint32_t    max_sessions;       /* that are open at once; 0: 1 */
} ridge_model_options;

/* The defaults; start from these, then change fields. */
ridge_model_options ridge_model_options_default(void);

/* Opens a GGUF file (of a split model: any part). options may be NULL. *out is NULL after a failure.
 * RIDGE_E_NOT_FOUND, RIDGE_E_BAD_FILE (names the key or tensor and the offset), RIDGE_E_UNSUPPORTED (names what, and what is
 * supported), RIDGE_E_BAD_ARGUMENT (names the option), RIDGE_E_NO_MEMORY. */
int  ridge_model_open(ridge_model **out, const char *path, const ridge_model_options *options, ridge_error *err);
void ridge_model_close(ridge_model *m);         /* after its sessions and samplers; NULL is fine */

/* Texts belong to the model and are never NULL. What the load did not reach is 0 or "". */
typedef struct {
    const char *path, *architecture, *name;     /* general.architecture, general.name */
    uint64_t    file_bytes;                     /* of all parts */
    uint64_t    parameters;                     /* values in all tensors */
    uint32_t    packed_version;                 /* of a packed file; 0: it is none */
    uint32_t    n_vocab;                        /* of the plan: rows of logits; without one, of the tokeniser */
    int32_t     bos, eos;                       /* -1 where the file has none */
    bool        has_chat_template;
    uint32_t    n_layers, width;
    uint32_t    context_trained, context_tokens;
    uint64_t    weight_bytes;                   /* of the tensors that the plan uses */
    const char *cache_type_k, *cache_type_v;    /* of the KV cache: "bf16", ... */
    uint64_t    kv_bytes_per_token;             /* K and V of all layers */
    const char *backend;                        /* "cpu: avx512, 2 threads" */
    uint32_t    threads;                        /* of the backend */
    bool        tuned;                          /* values from a record of `ridge tune` are in use */
    const char *shape;                          /* "24 layers of 896, q8_0": what a record calls the model as a whole */
    double      load_seconds;
} ridge_model_info;
ridge_model_info ridge_model_get_info(const ridge_model *m);

/* Bytes that must move to compute one token behind `position` others: weights once, and the KV cache so far. The numerator of
 * "share of the memory's bandwidth". 0 without a plan. */
double ridge_model_bytes_per_token(const ridge_model *m, uint32_t position);

/* What one batch of `tokens` tokens behind `position` others must move and compute, counted from the plan: the numerators of rooflines. */
typedef struct {
    double      weight_bytes;       /* each byte once */
    double      kv_bytes;           /* K and V, read and written */
    double      operations;         /* multiplications and additions */
    const char *arithmetic;         /* of most of the operations, unless `precise` is on: "int8", "bf16" (also f16 that bf16 holds exactly), "f32" */
} ridge_cost;
/* logits: those of the last token are wanted; otherwise of none. RIDGE_E_BAD_ARGUMENT without a plan. */
int ridge_model_cost(const ridge_model *m, uint32_t position, uint32_t tokens, bool logits, ridge_cost *out, ridge_error *err);

/* A value of the file's metadata, or an element of one that is an array. */
typedef enum { RIDGE_VALUE_BOOL, RIDGE_VALUE_UNSIGNED, RIDGE_VALUE_SIGNED, RIDGE_VALUE_REAL, RIDGE_VALUE_TEXT } ridge_value_kind;
typedef struct {
    ridge_value_kind kind;
    bool        truth;              /* of a bool */
    uint64_t    unsigned_number;    /* of an unsigned one: u8, u16, u32, u64 */
    int64_t     signed_number;      /* i8, i16, i32, i64 */
    double      real;               /* f32 and f64, exactly; may be infinite or no number */
    const char *text;               /* [text_bytes] of a text, as in the file: not terminated, perhaps not UTF-8 */
    size_t      text_bytes;
} ridge_value;

typedef struct {
    const char *key;                /* not terminated */
    size_t      key_bytes;
    const char *type;               /* "u32", "string", ...; of an array its elements' */
    bool        is_array;
    uint64_t    n;                  /* elements of an array, perhaps none; otherwise 1 */
    const void *place;              /* this and the next two: how far ridge_metadata_next has come */
    uint64_t    next;
    size_t      next_at;
} ridge_metadata;

/* The i-th metadata key, in file order; false at the end. Everything belongs to the model, and nothing can fail. */
bool ridge_model_metadata(const ridge_model *m, size_t i, ridge_metadata *out);
/* Its value, or its elements one by one; false behind the last. A copy of *m starts where m is. */
bool ridge_metadata_next(ridge_metadata *m, ridge_value *out);

/* The i-th tensor of the file, in file order; false at the end. The name is not terminated. */
typedef struct {
    const char *name;
    size_t      name_bytes;
    const char *type;               /* "q4_k"; "?" for a number that no version of the format defines */
    const char *panels;             /* of a packed file: the type of the panels, "bf16" for dense weights that it holds; NULL: there are rows */
    uint32_t    n_dimensions;
    uint64_t    dimension[4];       /* dimension[0] runs fastest */
    uint64_t    bytes;
} ridge_tensor_info;
bool ridge_model_tensor(const ridge_model *m, size_t i, ridge_tensor_info *out);

/* The plan, a line a step, after fusion; to be freed with ridge_free. RIDGE_E_BAD_ARGUMENT where the load did not reach it. */
int ridge_model_plan_text(const ridge_model *m, char **text, ridge_error *err);

/* Frees what a function above or below says is freed with it. NULL is fine. */
void ridge_free(void *p);

/* ---- Knobs: what may be chosen for speed: RIDGE_LOAD_ALL ------------------------------------------------------------------
 * No knob changes a bit of the results. `ridge tune` measures which values are fastest, and records them. */
typedef enum { RIDGE_KNOB_DECODE, RIDGE_KNOB_FEW, RIDGE_KNOB_PROMPT } ridge_knob_use;      /* batches of one token, of up to 8, of many */

typedef struct {
    const char     *name;           /* "columns" */
    const char     *of;             /* which matrices it is about, "q8_0 4864x896" (rows x columns); or the model's shape, as in its info */
    const char     *meaning;        /* "panels that a thread works on side by side" */
    ridge_knob_use  use;            /* where it matters */
    double          bytes;          /* of the weights that it is about */
    const uint32_t *candidates;     /* [n_candidates], ascending: the values that it may have */
    size_t          n_candidates;
    uint32_t        value, default_value;       /* now; where no record says otherwise */
} ridge_knob;
/* All knobs of the model's backend, [*n]; owned by the model. */
const ridge_knob *ridge_model_knobs(const ridge_model *m, size_t *n);
/* From the next call on, knob i has this value. RIDGE_E_BAD_ARGUMENT where it is none of its candidates. */
int ridge_model_set_knob(ridge_model *m, size_t i, uint32_t value, ridge_error *err);

/* ---- Text and tokens: RIDGE_LOAD_VOCABULARY ------------------------------------------------------------------------------ */

typedef struct { int32_t *ids; size_t n, room; } ridge_tokens;      /* starts zeroed; grows */
void ridge_tokens_free(ridge_tokens *t);

enum {
    RIDGE_ADD_SPECIAL   = 1,    /* tokenize: put BOS in front (EOS behind) where the model wants it; detokenize: drop those */
    RIDGE_PARSE_SPECIAL = 2,    /* tokenize: control tokens in the text become their id, else they are text; detokenize: show them */
};
/* Appends the tokens of text [n_bytes], which need not be UTF-8 (README: the rule for invalid bytes). */
int ridge_tokenize(const ridge_model *m, const char *text, size_t n_bytes, int flags, ridge_tokens *out, ridge_error *err);

/* The text of ids [n], terminated, *n_bytes long (it may hold zeros), to be freed with ridge_free.
 * RIDGE_E_BAD_ARGUMENT names an id that is not in the vocabulary. */
int ridge_detokenize(const ridge_model *m, const int32_t *ids, size_t n, int flags, char **text, size_t *n_bytes, ridge_error *err);

/* The bytes of one token, with a space in front where it has one; of a control token its name; "" for an id out of range. Owned by
 * the model, not terminated, not necessarily UTF-8. */
const char *ridge_token_text(const ridge_model *m, int32_t id, size_t *n_bytes);
/* True for tokens that end an answer (EOS, end of turn). */
bool ridge_token_is_end(const ridge_model *m, int32_t id);

typedef struct { const char *role, *content; } ridge_message;      /* "system", "user", "assistant" */

/* Renders messages by the file's chat template (an event, and ChatML, where it has none) and tokenises the result, with BOS once.
 * for_answer: the text ends where the assistant's answer begins. Appends to *out. */
int ridge_chat_tokens(const ridge_model *m, const ridge_message *messages, size_t n, bool for_answer, ridge_tokens *out, ridge_error *err);
/* The rendered text alone, to be freed with ridge_free. */
int ridge_chat_text(const ridge_model *m, const ridge_message *messages, size_t n, bool for_answer, char **text, ridge_error *err);

/* ---- Sessions: tokens in, logits out: RIDGE_LOAD_ALL ---------------------------------------------------------------------- */

/* A sequence of tokens and the model's memory of it. */
typedef struct ridge_session ridge_session;
int  ridge_session_open(ridge_session **out, ridge_model *m, ridge_error *err);
void ridge_session_close(ridge_session *s);

/* The tokens so far; borrowed until the next call on the session. */
const int32_t *ridge_session_tokens(const ridge_session *s, size_t *n);

/* Processes ids [n] behind those so far. RIDGE_E_CONTEXT_FULL names both sizes and RIDGE_E_BAD_ARGUMENT a token that is not in the
 * vocabulary: nothing was processed then. RIDGE_E_CANCELLED: some chunks were. */
int ridge_session_append(ridge_session *s, const int32_t *ids, size_t n, ridge_error *err);
/* The same, and logits [n][n_vocab], the caller's, receives a row for each of ids. The model was opened with all_logits. */
int ridge_session_append_all(ridge_session *s, const int32_t *ids, size_t n, float *logits, ridge_error *err);
/* Logits behind the last token: [n_vocab], borrowed until the next call on the session. NULL where no token was processed since
 * the session was opened or truncated. */
const float *ridge_session_logits(const ridge_session *s);

/* Forgets all tokens from position n on. */
void ridge_session_truncate(ridge_session *s, size_t n);
/* Makes the running ridge_session_append or ridge_generate end soon, or the next one at once. From any thread, or a signal handler. */
void ridge_session_cancel(ridge_session *s);

/* ---- Sampling ------------------------------------------------------------------------------------------------------------- */

typedef struct { int32_t token; float bias; } ridge_token_bias;

/* How the next token is chosen. The steps run in the order of the fields from `biases` on, as in llama.cpp. */
typedef struct {
    int64_t seed;                       /* -1: differs from run to run, ridge_sampler_seed() tells. A seed gives the same tokens everywhere */
    const ridge_token_bias *biases;     /* [n_biases] added to logits; -INFINITY forbids. Copied */
    size_t  n_biases;
    int32_t penalty_tokens;             /* penalties look at so many last tokens, the prompt's too; -1: all; 0: no penalties. 64 */
    float   repeat_penalty;             /* 1: off */
    float   frequency_penalty;          /* 0: off */
    float   presence_penalty;           /* 0: off */
    float   top_n_sigma;                /* <= 0: off */
    int32_t top_k;                      /* <= 0: off. 40 */
    float   typical_p;                  /* 1: off */
    float   top_p;                      /* 1: off. 0.95 */
    float   min_p;                      /* 0: off. 0.05 */
    float   temperature;                /* 0: the most likely token, always. 0.8 */
    float   dynamic_range;              /* temperature +- so much by the entropy; 0: off */
    float   dynamic_exponent;           /* 1 */
} ridge_sampler_options;
ridge_sampler_options ridge_sampler_options_default(void);

typedef struct ridge_sampler ridge_sampler;
/* options may be NULL; RIDGE_E_BAD_ARGUMENT names the option that is out of range. */
int      ridge_sampler_new(ridge_sampler **out, const ridge_model *m, const ridge_sampler_options *options, ridge_error *err);
void     ridge_sampler_free(ridge_sampler *s);
uint64_t ridge_sampler_seed(const ridge_sampler *s);
void     ridge_sampler_reset(ridge_sampler *s);        /* back to the seed */
/* Chooses the token behind the session's last. RIDGE_E_BAD_ARGUMENT where the session has no logits. */
int      ridge_sampler_next(ridge_sampler *s, const ridge_session *session, int32_t *token, ridge_error *err);

/* ---- Generation ----------------------------------------------------------------------------------------------------------- */

/* Receives each new token and the text that became final with it: complete UTF-8 characters that are no beginning of a stop text;
 * perhaps none. What was held back comes at the end, with token -1. text [n_bytes] is borrowed and terminated.
 * Returns false to end the generation. */
typedef bool ridge_token_callback(void *user, int32_t token, const char *text, size_t n_bytes);

typedef struct {
    ridge_sampler      *sampler;        /* required */
    size_t              max_tokens;     /* 0: until the model ends or the context is full */
    const char *const  *stop;           /* [n_stop] texts that end the generation and are not part of it */
    size_t              n_stop;
    bool                ignore_end;     /* go on behind tokens that end an answer */
    bool                show_special;   /* control tokens are part of the text */
    ridge_token_callback *on_token;     /* may be NULL */
    void               *user;           /* for on_token */
} ridge_generate_options;

typedef enum { RIDGE_ENDED, RIDGE_STOPPED, RIDGE_LENGTH, RIDGE_CONTEXT, RIDGE_CANCELLED } ridge_end;
/* "end", "stop", "length", "context", "cancelled". */
const char *ridge_end_name(ridge_end end);

typedef struct {
    ridge_end end;                      /* by an end token, a stop text, max_tokens, a full context, a cancel or the callback */
    size_t prompt_tokens;               /* all of the prompt */
    size_t reused_tokens;               /* of these, in the session's memory already */
    size_t processed_tokens;            /* the others, or, after a cancel or a failure, as many of them as were processed */
    size_t tokens;                      /* generated and given to on_token */
    double prompt_seconds;              /* to process those */
    double first_token_seconds;         /* from the call to the first token; 0 without one */
    double decode_seconds;              /* from the first token to the last */
    double prompt_tokens_per_second;    /* of those that were processed */
    double tokens_per_second;           /* behind the first; 0 where there are none */
} ridge_generation;

/* Continues prompt [n], n > 0. The session keeps what it shares with the prompt from the start and processes the rest, so a chat
 * hands in the whole conversation every time and pays for its new part. Afterwards the session holds the prompt and all generated
 * tokens except the last. *out is filled in after failures too. */
int ridge_generate(ridge_session *s, const int32_t *prompt, size_t n, const ridge_generate_options *options,
                   ridge_generation *out, ridge_error *err);

/* ---- Profiles: where the time goes ----------------------------------------------------------------------------------------
 * A profile collects while it is between begin and end, as often as wanted; its sums add up. It slows runs down a little (ridge
 * profile measures by how much), so speeds are never taken from it.
 *
 * All time between begin and end belongs to a phase: that of a run and of what follows it until the next (and, of the first run,
 * what precedes it). Only the time that collecting itself takes between runs is left out. A phase's total is the sum of its parts:
 *     total_ns = launch_ns + sampling_ns + host_ns + the sum over its rows of work_ns + imbalance_ns + barrier_ns
 * Inside a run everything is a mean over the threads. Without any run between begin and end nothing is counted. */
typedef struct ridge_profile ridge_profile;

typedef enum { RIDGE_PROFILE_PROMPT, RIDGE_PROFILE_DECODE } ridge_profile_phase;       /* runs of several tokens, and of one */

/* One step of the plan. A thread's time in it starts when it left the step before. */
typedef struct {
    const char *text;           /* "linear(norm; q k v; bias rope kv)": steps of other layers that do the same have the same text */
    const char *kind;           /* "linear" */
    int32_t     layer;          /* -1: outside layers */
    const char *arithmetic;     /* of most of its operations: "int8", "int24", "bf16", "f32"; "" where none are counted */
    uint64_t    calls;
    double      work_ns;        /* computing */
    double      imbalance_ns;   /* done, while the slowest thread still computed */
    double      barrier_ns;     /* from the slowest thread's end until all had left */
    double      bytes, operations;      /* that it must move and compute, from the plan: the numerators of rooflines */
} ridge_profile_row;

typedef struct {
    uint64_t runs, tokens;
    double   total_ns;
    double   launch_ns;         /* threads on their way into a run and out of it */
    double   sampling_ns;       /* choosing tokens */
    double   host_ns;           /* everything else between runs: text of tokens, the callback, the caller */
} ridge_profile_totals;

/* trace_runs: keep the times of so many last runs for ridge_profile_get_span; each takes 24 bytes a step and thread.
 * RIDGE_E_UNSUPPORTED where the backend cannot time steps ("reference"). */
int  ridge_profile_new(ridge_profile **out, ridge_model *m, size_t trace_runs, ridge_error *err);
void ridge_profile_free(ridge_profile *p);      /* before its model */
/* RIDGE_E_BAD_ARGUMENT while a profile of the same model collects. */
int  ridge_profile_begin(ridge_profile *p, ridge_error *err);
void ridge_profile_end(ridge_profile *p);

/* The rows of a phase [*n], in the plan's order, owned by the profile. totals may be NULL. Not between begin and end. */
const ridge_profile_row *ridge_profile_rows(const ridge_profile *p, ridge_profile_phase phase, size_t *n, ridge_profile_totals *totals);

/* What one thread did from start to end, on the system's monotonic clock. Thread 0 is the caller's: a run encloses its steps. */
typedef enum { RIDGE_SPAN_RUN, RIDGE_SPAN_SAMPLING, RIDGE_SPAN_STEP, RIDGE_SPAN_WAIT } ridge_span_kind;
typedef struct {
    ridge_span_kind kind;
    uint32_t    thread, tokens;         /* tokens: of the run */
    int32_t     layer;                  /* -1: outside layers */
    const char *text;                   /* of a step and of the wait behind it: the row's; else "prompt", "decode", "sampling" */
    uint64_t    start_ns, end_ns;       /* may be equal: a run behind which nothing was sampled */
    double      bytes, operations;      /* of runs and steps, over all threads */
} ridge_profile_span;
/* The i-th span of the runs kept; false at the end. */
bool ridge_profile_get_span(const ridge_profile *p, size_t i, ridge_profile_span *out);

/* ---- Quantising ----------------------------------------------------------------------------------------------------------- */

/* Tensors whose name the POSIX extended regular expression matches somewhere become `type`: a format, "q6_k". */
typedef struct { const char *pattern, *type; } ridge_tensor_type;

/* Told now and then, by the calling thread: bytes of the input that are done, of all. */
typedef void ridge_progress_callback(void *user, uint64_t done_bytes, uint64_t all_bytes);

typedef struct {
    const char *type;                   /* required: one of ridge_quantize_types(), such as "q4_k_m" */
    uint32_t    threads;                /* 0: as many as the machine and its limits allow. Same bytes for any number */
    bool        pure;                   /* all matrices alike; otherwise as llama-quantize mixes */
    bool        allow_requantize;       /* matrices that are quantised already may be quantised again, which adds up errors */
    const ridge_tensor_type *overrides; /* [n_overrides]: the first that matches wins, over `pure` too */
    size_t      n_overrides;
    const char *imatrix;                /* an importance matrix, as ridge_imatrix and llama-imatrix write them: errors count the more, the larger
                                         * a weight's inputs were. Matrices without an entry are an event. NULL: none */
    ridge_progress_callback *on_progress;       /* may be NULL */
    void       *user;                   /* for on_progress */
} ridge_quantize_options;

typedef struct { uint64_t tensors, changed, weighted, bytes_before, bytes_after; } ridge_quantized;   /* weighted: by importance; bytes of all tensors */

/* Writes the model at `input` (of a split one: any part) to the one file `output`, matrices in the type asked for; norms, biases and
 * metadata stay. Rows that are no multiple of a format's block become a near format, which is an event. `output` appears when all is
 * written, and is refused where it is the input. *out may be NULL.
 * RIDGE_E_BAD_ARGUMENT names the type or pattern, or what shows that the importance matrix is of another model; RIDGE_E_UNSUPPORTED a
 * tensor whose type Ridge cannot read, or that may not be quantised again; RIDGE_E_BAD_FILE one with values that are not finite, or what is wrong with the importance matrix. */
int ridge_quantize(const char *input, const char *output, const ridge_quantize_options *options, ridge_quantized *out, ridge_error *err);
/* Names that `type` may have, separated by spaces. */
const char *ridge_quantize_types(void);

typedef struct {
    uint32_t    chunk_tokens;           /* the text is cut into chunks of so many tokens, each read alone; 0: 512 */
    uint32_t    chunks;                 /* only the first so many; 0: all. Tokens behind the last whole chunk are not read */
    uint32_t    threads;                /* 0: as many as the machine and its limits allow, a chunk each. Same file for any number */
    int32_t     first;                  /* takes the place of each chunk's first token, as BOS should where a model wants it; -1: none does */
    const char *dataset;                /* a name of the text for the file; NULL: "" */
    void      (*on_progress)(void *user, uint64_t done_chunks, uint64_t all_chunks);   /* by any thread, one at a time; may be NULL */
    void       *user;                   /* for on_progress */
} ridge_imatrix_options;

/* Reads ids [n] in plain f32 (slow: a core reads about 50 tokens a second of a model of 135 million parameters) and writes for each matrix
 * of the layers the sums of squares of its inputs: an importance matrix for ridge_quantize and llama-quantize, in llama-imatrix's GGUF
 * format. The model was opened with RIDGE_LOAD_PLAN or more. RIDGE_E_BAD_ARGUMENT names a token that is not in the vocabulary, or
 * says that there is not one whole chunk, or that `output` is the model; RIDGE_E_BAD_FILE names a tensor whose inputs are not finite. */
int ridge_imatrix(const ridge_model *m, const int32_t *ids, size_t n, const char *output, const ridge_imatrix_options *options, ridge_error *err);

/* ---- Packing -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t    threads;                /* 0: as many as the machine and its limits allow. Same bytes for any number */
    ridge_progress_callback *on_progress;       /* may be NULL */
    void       *user;                   /* for on_progress */
} ridge_pack_options;

typedef struct { uint64_t matrices, bytes_before, bytes_after; } ridge_packed;      /* bytes of all tensors */

/* Writes the model at `input` (of a split one: any part) to the one file `output` with its matrices as the cpu backend keeps them:
 * ridge_model_open maps such a file and uses it in place, with the same bits and nothing to pack (docs/packed-file.md). Everything
 * else stays. `output` appears when all is written, and is refused where it is the input. options and out may be NULL.
 * What ridge_model_open says of a file that cannot be run; RIDGE_E_BAD_ARGUMENT: a packed file already. */
int ridge_pack(const char *input, const char *output, const ridge_pack_options *options, ridge_packed *out, ridge_error *err);

#ifdef __cplusplus
}
#endif
