/* Synthetic models: see synth.h. */
#include "perf/synth.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/events.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "model/gguf_write.h"
#include "perf/crew.h"
#include "perf/synth_weights.h"

enum { ALIGNMENT = 32, CHUNK_BYTES = 1 << 20, TENSORS_MOST = 512, NAME_ROOM = 48, CONTEXT = 32768 };

static const synth_shape shapes[] = {
    { "qwen2.5-0.5b", "qwen2", 896,  4864,  24, 14, 2, 64,  151936, true,  true,  1e6f, 1e-6f },
    { "qwen2.5-1.5b", "qwen2", 1536, 8960,  28, 12, 2, 128, 151936, true,  true,  1e6f, 1e-6f },
    { "llama-3.2-1b", "llama", 2048, 8192,  16, 32, 8, 64,  128256, true,  false, 5e5f, 1e-5f },
    { "smollm2-135m", "llama", 576,  1536,  30, 9,  3, 64,  49152,  true,  false, 1e5f, 1e-5f },
    { "llama-3-8b",   "llama", 4096, 14336, 32, 32, 8, 128, 128256, false, false, 5e5f, 1e-5f },
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

const synth_shape *synth_shapes(size_t *n) { *n = N_SHAPES; return shapes; }

int synth_shape_find(const synth_shape **out, const char *name, error *err) {
    const char *names[N_SHAPES];
    char all[200] = "";
    for (size_t i = 0; i < N_SHAPES; i++) {
        names[i] = shapes[i].name;
        if (!strcmp(name, names[i])) { *out = &shapes[i]; return 0; }
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = nearest(name, names, N_SHAPES);
    if (near) return fail(err, RIDGE_E_BAD_ARGUMENT, "shape \"%s\" is unknown: did you mean %s?", name, near);
    return fail(err, RIDGE_E_BAD_ARGUMENT, "shape \"%s\" is unknown: %s", name, all);
}

typedef enum { ONES, ZEROS, RANDOM } content;

typedef struct {
    char              name[NAME_ROOM];
    uint32_t          n, rows;              /* rows 1: a vector of f32 */
    content           content;
    const synth_type *type;                 /* of RANDOM */
    uint64_t          offset, bytes;        /* within the file's data; put_tensors sets the offset */
} tensor;

typedef struct { tensor tensor[TENSORS_MOST]; size_t n; } tensors;

/* ---- what the file contains ---------------------------------------------------------------------------------------- */

/* The type itself, or the nearest whose blocks fit rows of n values; said once for each pair. */
static const synth_type *fitting(const synth_type *type, uint32_t n) {
    const synth_type *fits = type;
    while (n % formats[fits->format].block_k && fits->fallback && !synth_type_find(&fits, fits->fallback, NULL)) { }
    if (fits != type) event(EVENT_format_replaced, "rows of %u values are no multiple of %s's block of %zu: those matrices are %s",
                            n, type->name, formats[type->format].block_k, fits->name);
    return fits;
}

static void add(tensors *t, content c, const synth_type *type, uint32_t rows, uint32_t n, const char *name, int layer) {
    tensor *x = &t->tensor[t->n++];
    *x = (tensor){ .n = n, .rows = rows, .content = c };
    if (layer < 0) snprintf(x->name, sizeof x->name, "%s", name);
    else           snprintf(x->name, sizeof x->name, "blk.%d.%s", layer, name);
    if (c == RANDOM) x->type = fitting(type, n);
    x->bytes = rows * (uint64_t)(c == RANDOM ? format_row_bytes(&formats[x->type->format], n) : n * sizeof(float));
}

static void list_tensors(tensors *t, const synth_shape *s, const synth_type *type) {
    const uint32_t q = s->n_heads * s->head_size, kv = s->n_kv_heads * s->head_size;
    add(t, RANDOM, type, s->n_vocab, s->width, "token_embd.weight", -1);
    add(t, ONES, NULL, 1, s->width, "output_norm.weight", -1);
    if (!s->tied) add(t, RANDOM, type, s->n_vocab, s->width, "output.weight", -1);
    for (int l = 0; l < (int)s->n_layers; l++) {
        add(t, ONES, NULL, 1, s->width, "attn_norm.weight", l);
        add(t, ONES, NULL, 1, s->width, "ffn_norm.weight", l);
        add(t, RANDOM, type, q, s->width, "attn_q.weight", l);
        add(t, RANDOM, type, kv, s->width, "attn_k.weight", l);
        add(t, RANDOM, type, kv, s->width, "attn_v.weight", l);
        add(t, RANDOM, type, s->width, q, "attn_output.weight", l);
        add(t, RANDOM, type, s->hidden, s->width, "ffn_gate.weight", l);
        add(t, RANDOM, type, s->hidden, s->width, "ffn_up.weight", l);
        add(t, RANDOM, type, s->width, s->hidden, "ffn_down.weight", l);
        if (!s->bias) continue;
        add(t, ZEROS, NULL, 1, q, "attn_q.bias", l);
        add(t, ZEROS, NULL, 1, kv, "attn_k.bias", l);
        add(t, ZEROS, NULL, 1, kv, "attn_v.bias", l);
    }
}

/* ---- the metadata -------------------------------------------------------------------------------------------------- */

static const char *with(const char *architecture, const char *key, char full[100]) {
    snprintf(full, 100, "%s.%s", architecture, key);
    return full;
}

/* GPT-2's way to write any byte as a visible character: printable ones stand for themselves, others follow from 256 on. */
static void byte_character(unsigned byte, char out[3]) {
    unsigned c = byte, hidden = 0;
    for (unsigned b = 0; b <= byte; b++) {
        const bool visible = (b >= 33 && b < 127) || (b >= 161 && b < 173) || b >= 174;
        if (b == byte && !visible) c = 256 + hidden;
        hidden += !visible;
    }
    if (c < 128) { out[0] = (char)c; out[1] = 0; }
    else         { out[0] = (char)(0xc0 | c >> 6); out[1] = (char)(0x80 | (c & 63)); out[2] = 0; }
}

/* A byte-level vocabulary that works: 256 bytes, one merge and its token, fillers, three control tokens. */
static void put_tokenizer(gguf_header *h, const synth_shape *s) {
    static const char *const control[] = { "<|endoftext|>", "<|im_start|>", "<|im_end|>" };
    char one[24];
    gguf_write_text(h, "tokenizer.ggml.model", "gpt2");
    gguf_write_text(h, "tokenizer.ggml.pre", "qwen2");
    gguf_write_array(h, "tokenizer.ggml.tokens", GGUF_STRING, s->n_vocab);
    for (uint32_t i = 0; i < s->n_vocab; i++) {
        if (i < 256) byte_character(i, one);
        else if (i == 256) snprintf(one, sizeof one, "ab");
        else snprintf(one, sizeof one, "<t%u>", i);
        gguf_write_element_text(h, i >= s->n_vocab - 3 ? control[i - (s->n_vocab - 3)] : one);
    }
    gguf_write_array(h, "tokenizer.ggml.token_type", GGUF_I32, s->n_vocab);
    for (uint32_t i = 0; i < s->n_vocab; i++) gguf_write_element_u32(h, i >= s->n_vocab - 3 ? 3 : 1);
    gguf_write_array(h, "tokenizer.ggml.merges", GGUF_STRING, 1);
    gguf_write_element_text(h, "a b");
    gguf_write_u32(h, "tokenizer.ggml.eos_token_id", s->n_vocab - 1);
    gguf_write_u32(h, "tokenizer.ggml.bos_token_id", s->n_vocab - 3);
    gguf_write_u32(h, "tokenizer.ggml.padding_token_id", s->n_vocab - 3);
}

static void put_metadata(gguf_header *h, const synth_shape *s, const synth_type *type) {
    const struct { const char *key; uint32_t value; } number[] = {
        { "block_count", s->n_layers }, { "context_length", CONTEXT }, { "embedding_length", s->width }, { "feed_forward_length", s->hidden },
        { "attention.head_count", s->n_heads }, { "attention.head_count_kv", s->n_kv_heads }, { "attention.key_length", s->head_size },
        { "attention.value_length", s->head_size }, { "rope.dimension_count", s->head_size }, { "vocab_size", s->n_vocab },
    };
    char name[100];
    snprintf(name, sizeof name, "synthetic %s", s->name);
    gguf_write_text(h, "general.architecture", s->architecture);
    gguf_write_text(h, "general.name", name);
    gguf_write_u32(h, "general.file_type", type->file_type);
    gguf_write_u32(h, "general.alignment", ALIGNMENT);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) gguf_write_u32(h, with(s->architecture, number[i].key, name), number[i].value);
    gguf_write_f32(h, with(s->architecture, "rope.freq_base", name), s->rope_base);
    gguf_write_f32(h, with(s->architecture, "attention.layer_norm_rms_epsilon", name), s->eps);
    put_tokenizer(h, s);
}

static void put_tensors(gguf_header *h, tensors *t) {
    for (size_t i = 0; i < t->n; i++) {
        tensor *x = &t->tensor[i];
        const uint32_t type = x->content == RANDOM ? formats[x->type->format].gguf_type : formats[FORMAT_f32].gguf_type;
        x->offset = gguf_write_tensor(h, (gguf_string){ x->name, strlen(x->name) }, type, x->rows > 1 ? 2 : 1, (uint64_t[]){ x->n, x->rows }, x->bytes);
    }
}

/* ---- the data ------------------------------------------------------------------------------------------------------ */

typedef struct { uint32_t tensor; uint64_t first_block, n_blocks; } chunk;

typedef struct {
    const tensors *tensors;
    gguf_output   *file;
    chunk         *chunk;
    size_t         n_chunks;
    atomic_size_t  next;
    atomic_int     failed;          /* errno of the first failure */
} writing;

static void fill_vector(float *data, size_t n, float v) { for (size_t i = 0; i < n; i++) data[i] = v; }

static void write_chunks(void *user, team *t, uint32_t rank) {
    writing *w = user;
    (void)t; (void)rank;
    unsigned char *data = memory_new_aligned(CHUNK_BYTES + 8);
    int expected = 0;
    if (!data) atomic_compare_exchange_strong(&w->failed, &expected, ENOMEM);
    for (size_t i; !atomic_load(&w->failed) && (i = atomic_fetch_add(&w->next, 1)) < w->n_chunks; ) {
        const chunk *c = &w->chunk[i];
        const tensor *x = &w->tensors->tensor[c->tensor];
        const size_t block_bytes = x->content == RANDOM ? formats[x->type->format].block_bytes : sizeof(float);
        if (x->content == RANDOM) synth_fill(x->type, data, c->n_blocks, i + 1);
        else fill_vector((float *)data, c->n_blocks, x->content == ONES ? 1 : 0);
        expected = 0;
        const int failed = gguf_write_data(w->file, x->offset + c->first_block * block_bytes, data, c->n_blocks * block_bytes);
        if (failed) atomic_compare_exchange_strong(&w->failed, &expected, failed);
    }
    memory_free(data);
}

static size_t list_chunks(const tensors *t, chunk *out) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const tensor *x = &t->tensor[i];
        const uint64_t block_bytes = x->content == RANDOM ? formats[x->type->format].block_bytes : sizeof(float);
        const uint64_t blocks = x->bytes / block_bytes, most = CHUNK_BYTES / block_bytes;
        for (uint64_t at = 0; at < blocks; at += most, n++)
            if (out) out[n] = (chunk){ (uint32_t)i, at, blocks - at < most ? blocks - at : most };
    }
    return n;
}

static int write_data(gguf_output *file, const tensors *t, error *err) {
    writing w = { .tensors = t, .file = file, .n_chunks = list_chunks(t, NULL) };
    w.chunk = memory_new(w.n_chunks, sizeof *w.chunk);
    if (!w.chunk) return fail_memory(err, w.n_chunks * sizeof *w.chunk, "a list of the file's parts");
    list_chunks(t, w.chunk);
    int code = crew_each(crew_cores(), write_chunks, &w, err);
    const int failed = atomic_load(&w.failed);
    if (!code && failed) code = fail(err, failed == ENOMEM ? RIDGE_E_NO_MEMORY : RIDGE_E_IO, "cannot write: %s", strerror(failed));
    memory_free(w.chunk);
    return code;
}

int synth_write(const char *path, const synth_shape *shape, const char *type_name, error *err) {
    const synth_type *type;
    int code = synth_type_find(&type, type_name, err);
    if (code) return code;
    gguf_header head = { .alignment = ALIGNMENT };
    gguf_output *file;
    tensors *t = memory_new(1, sizeof *t);
    if (!t) return fail_memory(err, sizeof *t, "a list of tensors");
    list_tensors(t, shape, type);
    put_metadata(&head, shape, type);
    put_tensors(&head, t);
    code = gguf_write_open(&file, path, &head, err);
    if (!code && (code = write_data(file, t, err))) {
        fail_within(err, "%s", path);
        gguf_write_discard(file);
    } else if (!code) code = gguf_write_finish(file, false, err);
    gguf_header_free(&head);
    memory_free(t);
    return code;
}

int synth_cached(buffer *path, const synth_shape *shape, const char *type, bool *made, error *err) {
    const synth_type *known;
    *made = false;
    int code = synth_type_find(&known, type, err);
    if (!code) code = files_cache_directory(path, err);
    if (code) return code;
    buffer_append_text(path, "/synthetic");
    code = make_directories(buffer_text(path), err);
    if (!code) buffer_printf(path, "/%s-%s.gguf", shape->name, known->name);
    if (!code && path->failed) code = fail_memory(err, path->n, "a path");
    if (code || !access(path->data, R_OK)) return code;
    *made = true;
    return synth_write(path->data, shape, type, err);
}
