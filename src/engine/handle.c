/* Opening a model, as far as it is asked for. */
#include "engine/handle.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/events.h"
#include "engine/backends.h"
#include "engine/tuning.h"
#include "model/vocabulary.h"
#include "plan/cost.h"

ridge_model_options ridge_model_options_default(void) { return (ridge_model_options){ .load = RIDGE_LOAD_ALL, .pack = true, .tuned = true }; }

/* A text of the file's metadata, or "". NULL when memory ran out. */
static const char *copy_metadata(ridge_model *m, const char *key) {
    const gguf_value *v = gguf_find(m->file, key);
    gguf_string text = { "", 0 };
    if (v && v->type == GGUF_STRING && !v->is_array) {
        error ignored;
        gguf_get_string(m->file, key, &text, &ignored);
    }
    return arena_copy_text(&m->memory, text.text, text.n);
}

static int describe_file(ridge_model *m, const char *path, error *err) {
    m->info.path = arena_copy_text(&m->memory, path, strlen(path));
    m->info.architecture = copy_metadata(m, "general.architecture");
    m->info.name = copy_metadata(m, "general.name");
    m->info.backend = m->backend_text;
    m->info.cache_type_k = m->info.cache_type_v = m->info.shape = "";
    m->info.bos = m->info.eos = -1;
    if (!m->info.path || !m->info.architecture || !m->info.name) return fail_memory(err, 64, "a model's description");
    m->info.packed_version = gguf_packed_version(m->file);
    for (size_t i = 0; i < gguf_n_parts(m->file); i++) m->info.file_bytes += gguf_part(m->file, i)->size;
    for (size_t i = 0; i < gguf_n_tensors(m->file); i++) {
        const gguf_tensor *t = gguf_tensor_at(m->file, i);
        uint64_t values = 1;
        for (int d = 0; d < GGUF_MAX_DIMENSIONS; d++) values *= t->dimension[d];
        m->info.parameters += values;
    }
    return 0;
}

/* The spelling of a special token; NULL where there is none. */
static int copy_token(ridge_model *m, int32_t id, const char **text, error *err) {
    if (id < 0) return 0;
    const text_slice piece = tokenizer_piece(m->tokenizer, id);
    *text = arena_copy_text(&m->memory, piece.text, piece.n);
    return *text ? 0 : fail_memory(err, piece.n, "a token's text");
}

void template_failed(const ridge_model *m, error *err) {
    const gguf_value *v = m->info.has_chat_template ? gguf_find(m->file, TEMPLATE_KEY) : NULL;
    if (v && err && (err->code == RIDGE_E_BAD_FILE || err->code == RIDGE_E_UNSUPPORTED)) gguf_fail_key(err, err->code, m->file, v, "%s", err->text);
}

/* A template in error matters only to chats: it is kept for them. */
static int load_template(ridge_model *m, error *err) {
    gguf_string source;
    const gguf_value *v = gguf_find(m->file, TEMPLATE_KEY);
    m->info.has_chat_template = v && v->type == GGUF_STRING && !v->is_array;
    int code = m->info.has_chat_template ? gguf_get_string(m->file, TEMPLATE_KEY, &source, err) : 0;
    if (code) return code;
    code = m->info.has_chat_template ? chat_template_new(&m->template, source.text, source.n, &m->template_error)
                                     : chat_template_fallback(&m->template, &m->template_error);
    if (code != RIDGE_E_NO_MEMORY) return code ? template_failed(m, &m->template_error), 0 : 0;
    if (err) *err = m->template_error;
    return code;
}

static int load_vocabulary(ridge_model *m, error *err) {
    int code = vocabulary_open(&m->tokenizer, m->file, err);
    if (code) return code;
    if (!m->model) m->info.n_vocab = (uint32_t)tokenizer_n_tokens(m->tokenizer);
    m->info.bos = tokenizer_bos(m->tokenizer);
    m->info.eos = tokenizer_eos(m->tokenizer);
    code = copy_token(m, m->info.bos, &m->bos_text, err);
    if (!code) code = copy_token(m, m->info.eos, &m->eos_text, err);
    return code ? code : load_template(m, err);
}

/* The context that was asked for, or what suits the model. */
static int choose_context(ridge_model *m, const ridge_model_options *o, error *err) {
    const uint32_t trained = m->model->plan->n_context_trained;
    if (o->context_tokens > CONTEXT_MAX)
        return fail(err, RIDGE_E_BAD_ARGUMENT, "a context of %u tokens is more than the %d that are possible", o->context_tokens, CONTEXT_MAX);
    m->context_tokens = o->context_tokens ? o->context_tokens : trained && trained < CONTEXT_DEFAULT ? trained : CONTEXT_DEFAULT;
    if (trained && m->context_tokens > trained)
        event(EVENT_context_extended, "a context of %u tokens is more than the %u that the model was trained for: expect worse answers there",
              m->context_tokens, trained);
    const uint32_t chunk = o->chunk_tokens ? o->chunk_tokens : CHUNK_DEFAULT;
    m->chunk_tokens = chunk < m->context_tokens ? chunk : m->context_tokens;
    m->max_sessions = o->max_sessions ? o->max_sessions : 1;
    m->all_logits = o->all_logits;
    m->precise = o->precise;
    return 0;
}

/* What K or V are kept as; name NULL: as the arithmetic asks. */
static int cache_type(format_id *type, const char *name, error *err) {
    static const format_id known[] = { FORMAT_bf16, FORMAT_f16, FORMAT_f32, FORMAT_q8_0 };
    if (!name) return 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, formats[known[i]].name)) { *type = known[i]; return 0; }
    return fail(err, RIDGE_E_BAD_ARGUMENT, "the KV cache cannot be kept as \"%s\"; it can be bf16, f16, f32 or q8_0", name);
}

static int load_plan(ridge_model *m, const ridge_model_options *o, error *err) {
    fuse_level fuse = FUSE_ALL;
    int code = o->fuse ? fuse_level_parse(o->fuse, &fuse, err) : 0;
    if (!code) code = plan_fuse(m->model->plan, fuse, err);
    kv_shape *kv = &m->model->plan->kv;
    if (o->precise) kv->k_type = kv->v_type = FORMAT_f32;
    if (!code) code = cache_type(&kv->k_type, o->cache_type_k, err);
    if (!code) code = cache_type(&kv->v_type, o->cache_type_v, err);
    if (!code) code = choose_context(m, o, err);
    if (code) return code;
    const plan *p = m->model->plan;
    m->info.n_vocab = p->n_vocab;
    m->info.n_layers = p->n_layers;
    m->info.width = p->width;
    m->info.context_trained = p->n_context_trained;
    m->info.context_tokens = m->context_tokens;
    m->info.cache_type_k = formats[kv->k_type].name;
    m->info.cache_type_v = formats[kv->v_type].name;
    m->info.kv_bytes_per_token = (uint64_t)p->kv.n_layers * kv_position_bytes(&p->kv);
    for (size_t i = 0; i < m->model->weights.n; i++) {
        const weight *w = &m->model->weights.weight[i];
        m->info.weight_bytes += (uint64_t)w->row_bytes * w->rows;
    }
    return tuning_name_shape(m, err);
}

static void describe_backend(ridge_model *m) {
    snprintf(m->backend_text, sizeof m->backend_text, "%s: %s", m->api->name, m->api->describe(m->backend));
    m->info.threads = m->api->n_threads(m->backend);
}

/* Where nobody says how many threads, a record may: of the backend as it is by default. */
static int open_backend(ridge_model *m, backend_options *options, const tuning_record *record, error *err) {
    int code = m->api->open(&m->backend, options, err);
    if (code) return code;
    describe_backend(m);
    if (options->n_threads || !tuning_threads(m, record, &options->n_threads)) return 0;
    m->api->close(m->backend);
    code = m->api->open(&m->backend, options, err);
    if (!code) describe_backend(m);
    return code;
}

static int load_weights(ridge_model *m, const ridge_model_options *o, error *err) {
    const uint64_t pages = ((uint64_t)m->context_tokens + KV_PAGE_POSITIONS - 1) / KV_PAGE_POSITIONS * m->max_sessions;
    if (pages > INT32_MAX)
        return fail(err, RIDGE_E_BAD_ARGUMENT, "%u sessions of %u tokens are more than the KV cache can count", m->max_sessions, m->context_tokens);
    backend_options options = {
        .n_threads = o->threads, .isa = o->isa, .precise = o->precise, .no_pack = !o->pack && !m->info.packed_version, .max_tokens = m->chunk_tokens,
        .max_outputs = m->all_logits ? m->chunk_tokens : 1, .n_pages = (uint32_t)pages,
    };
    int code = backend_find(&m->api, o->backend ? o->backend : "cpu", err);
    if (code) return code;
    tuning_record *record = o->tuned && m->api->knobs ? tuning_record_open() : NULL;
    code = open_backend(m, &options, record, err);
    if (!code) code = m->api->bind(m->backend, m->model->plan, &m->model->weights, err);
    if (!code) code = tuning_apply(m, record, err);
    if (!code) code = kv_pool_new(&m->pool, (uint32_t)pages, err);
    tuning_record_close(record);
    return code;
}

/* The tokeniser is made while the weights are packed: it takes longer than anything else that could wait. */
typedef struct { ridge_model *model; int code; error err; } vocabulary_task;

static void *run_vocabulary_task(void *argument) {
    vocabulary_task *task = argument;
    task->code = load_vocabulary(task->model, &task->err);
    return NULL;
}

static int load_vocabulary_and_weights(ridge_model *m, const ridge_model_options *o, error *err) {
    vocabulary_task task = { .model = m };
    pthread_t thread;
    const bool beside = !pthread_create(&thread, NULL, run_vocabulary_task, &task);     /* before a backend binds this thread to a core */
    if (!beside) run_vocabulary_task(&task);
    const int code = load_weights(m, o, err);
    if (beside) pthread_join(thread, NULL);
    if (!code && task.code && err) *err = task.err;
    return code ? code : task.code;
}

static int load(ridge_model *m, const char *path, const ridge_model_options *o, error *err) {
    int code = o->load >= RIDGE_LOAD_PLAN ? model_open(&m->model, path, err) : gguf_open(&m->file, path, err);
    if (code) return code;
    if (m->model) m->file = m->model->file;
    code = describe_file(m, path, err);
    if (!code && o->load >= RIDGE_LOAD_PLAN) code = load_plan(m, o, err);
    if (!code && o->load >= RIDGE_LOAD_ALL) return load_vocabulary_and_weights(m, o, err);
    return !code && o->load >= RIDGE_LOAD_VOCABULARY ? load_vocabulary(m, err) : code;
}

int ridge_model_open(ridge_model **out, const char *path, const ridge_model_options *options, error *err) {
    *out = NULL;
    const ridge_model_options o = options ? *options : ridge_model_options_default();
    const double started = clock_seconds();
    ridge_model *m = memory_new(1, sizeof *m);
    if (!m) return fail_memory(err, sizeof *m, "a model");
    m->load = o.load;
    const int code = load(m, path, &o, err);
    if (code) {
        ridge_model_close(m);
        return code;
    }
    m->info.load_seconds = clock_seconds() - started;
    *out = m;
    return 0;
}

void ridge_model_close(ridge_model *m) {
    if (!m) return;
    if (m->api) m->api->close(m->backend);
    kv_pool_free(m->pool);
    memory_free(m->knob);
    chat_template_free(m->template);
    tokenizer_free(m->tokenizer);
    if (m->model) model_close(m->model);
    else gguf_close(m->file);
    arena_free(&m->memory);
    memory_free(m);
}
