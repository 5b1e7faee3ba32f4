/* Fuzzes the GGUF reader: whatever the bytes are, opening them succeeds or fails with a sentence, and everything that an opened
 * file offers can be read. Without libFuzzer: replays the corpus, every truncation and thousands of mutations of a small file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "fuzz/replay.h"
#include "model/gguf.h"
#include "support/gguf_writer.h"
#include "support/memory_file.h"

#define CHECK(condition) do { if (!(condition)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); abort(); } } while (0)

static volatile double sum;             /* keeps the reads alive */
static size_t opened, refused;

static void read_value(const gguf *g, const gguf_value *v) {
    gguf_string s;
    size_t bytes = 0;
    if (v->type == GGUF_STRING) {
        uint64_t n = 0;
        for (gguf_cursor c = {0}; gguf_next_string(v, &c, &s); n++) {
            for (size_t i = 0; i < s.n; i++) bytes += (unsigned char)s.text[i] + 1u;
        }
        CHECK(n == v->count);
    } else {
        for (uint64_t i = 0; i < v->count; i++) sum += gguf_element_f64(v, i) + (double)gguf_element_i64(v, i);
    }
    for (size_t i = 0; i < v->bytes; i++) bytes += v->data[i];
    sum += (double)bytes;
    /* By name, as every type. A name with a 0 inside cannot be asked for. */
    char *key = memory_copy_text(v->key.text, v->key.n);
    CHECK(key);
    if (strlen(key) == v->key.n) {
        uint32_t u32;
        uint64_t u64;
        float f32;
        bool truth;
        error err = {0};
        CHECK(gguf_find(g, key) == v);
        const int codes[] = {
            gguf_get_u32(g, key, &u32, &err), gguf_get_u64(g, key, &u64, &err), gguf_get_f32(g, key, &f32, &err), gguf_get_bool(g, key, &truth, &err),
            gguf_get_string(g, key, &s, &err),
        };
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) CHECK(codes[i] == 0 || codes[i] == RIDGE_E_BAD_FILE);
    }
    memory_free(key);
}

static void read_tensor(const gguf *g, const gguf_tensor *t) {
    const gguf_type_info *type = gguf_type(t->type);
    CHECK(type && t->dimension[0] % type->block_k == 0);
    CHECK(t->bytes == t->dimension[0] / type->block_k * type->block_bytes * t->dimension[1] * t->dimension[2] * t->dimension[3]);
    CHECK(t->offset <= gguf_part(g, t->part)->size && t->bytes <= gguf_part(g, t->part)->size - t->offset);
    CHECK(t->data == gguf_part(g, t->part)->data + t->offset);
    unsigned bytes = 0;
    for (size_t i = 0; i < t->bytes; i++) bytes += t->data[i];
    sum += bytes;
    char *name = memory_copy_text(t->name.text, t->name.n);
    CHECK(name && (strlen(name) != t->name.n || gguf_find_tensor(g, name) == t));
    memory_free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    gguf *g;
    error err = {0};
    const int code = gguf_open(&g, memory_file(data, n), &err);
    if (code) {
        CHECK(code == RIDGE_E_BAD_FILE || code == RIDGE_E_UNSUPPORTED);
        CHECK(!g && err.code == code && strstr(err.text, "/proc/self/fd/"));
        CHECK(strstr(err.text, "offset") || strstr(err.text, "split.") || strstr(err.text, "empty") || strstr(err.text, "split model"));
        refused++;
        return 0;
    }
    for (size_t i = 0; i < gguf_n_values(g); i++) read_value(g, gguf_value_at(g, i));
    for (size_t i = 0; i < gguf_n_tensors(g); i++) read_tensor(g, gguf_tensor_at(g, i));
    gguf_close(g);
    opened++;
    return 0;
}

#ifndef RIDGE_FUZZ
/* A few KB with one of everything. */
static void build_small(buffer *file) {
    gguf_writer w = {0};
    const int64_t i64 = -5;
    const double f64s[] = { 1, -2, 1e300 };
    gguf_writer_string(&w, "general.architecture", "llama");
    gguf_writer_u32(&w, "general.alignment", 32);
    gguf_writer_u32(&w, "llama.block_count", 2);
    gguf_writer_f32(&w, "llama.rope.freq_base", 10000);
    gguf_writer_scalar(&w, "i64", GGUF_I64, &i64);
    gguf_writer_array(&w, "f64s", GGUF_F64, f64s, 3);
    gguf_writer_array(&w, "truths", GGUF_BOOL, (const uint8_t[]){ 0, 1, 1 }, 3);
    gguf_writer_strings(&w, "tokenizer.ggml.tokens", (const char *const[]){ "a", "b", "", "Ġthe", "<|im_end|>" }, 5);
    gguf_writer_u32(&w, "split.count", 1);
    gguf_writer_tensor(&w, "token_embd.weight", 2, 2, (const uint64_t[]){ 64, 5 }, NULL, 180);
    gguf_writer_tensor(&w, "output_norm.weight", 0, 1, (const uint64_t[]){ 64 }, NULL, 256);
    gguf_writer_tensor(&w, "blk.0.attn_q.weight", 12, 2, (const uint64_t[]){ 256, 4 }, NULL, 576);
    gguf_writer_tensor(&w, "last", 1, 4, (const uint64_t[]){ 3, 2, 2, 1 }, NULL, 24);
    gguf_writer_build(&w, file);
    gguf_writer_free(&w);
}

int main(void) {
    buffer file = {0};
    build_small(&file);
    const uint8_t *data = (const uint8_t *)file.data;
    const size_t padding = 8;               /* behind the last tensor's 24 bytes: a file without it is whole */
    LLVMFuzzerTestOneInput(data, file.n);
    CHECK(opened == 1 && refused == 0);
    replay_truncations(data, file.n);
    CHECK(opened == 1 + padding && refused == file.n - padding);
    replay_mutations(data, file.n, 3000, 1);
    CHECK(opened > 100 && refused > 1000);
    const size_t kept = replay_corpus("gguf");
    CHECK(kept > 0);
    printf("%zu opened, %zu refused, of these %zu from the corpus\n", opened, refused, kept);
    buffer_free(&file);
    return 0;
}
#endif
