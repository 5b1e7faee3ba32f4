/* Fuzzes the GGUF reader: whatever the bytes are, opening them succeeds or fails with a sentence, and everything that an opened
 * file offers can be read. Without libFuzzer: replays the corpus, every truncation and thousands of mutations of a small file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "formats/unpack.h"
#include "fuzz/replay.h"
#include "model/gguf_packed.h"
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

/* Every panel lies inside a file, and its rows can be read. */
static void read_panels(const gguf *g, const gguf_tensor *t) {
    const gguf_type_info *type = gguf_type(t->type);
    CHECK(type && t->dimension[0] % type->block_k == 0 && !t->data && t->n_panels && t->part < gguf_n_parts(g));
    const mapped_file *file = gguf_part(g, t->part);
    const size_t n = (size_t)t->dimension[0];
    float *row = memory_new(n, sizeof *row);
    CHECK(row);
    for (size_t i = 0; i < t->n_panels; i++) {
        const gguf_panels *p = &t->panels[i];
        CHECK((uint64_t)p->first_row + p->rows <= t->dimension[1] && p->rows && (uintptr_t)p->data % 64 == 0 && p->layout.n == n);
        CHECK(p->data >= file->data && panel_layout_bytes(&p->layout) <= (size_t)(file->data + file->size - p->data));
        for (size_t r = 0; r < p->rows; r++) {
            panel_layout_row(&p->layout, row, p->data, r);
            sum += (double)row[0];
        }
    }
    memory_free(row);
}

static void read_tensor(const gguf *g, const gguf_tensor *t) {
    if (t->panels) {
        read_panels(g, t);
        return;
    }
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
        CHECK(strstr(err.text, "offset") || strstr(err.text, "is missing") || strstr(err.text, "empty") || strstr(err.text, "split model"));
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

/* A packed file: gate and up in one stream, a dense matrix kept as bf16 in two slices, one whose rows are two sections, and a vector. */
static void build_packed(buffer *file) {
    enum { N = 64, DOWN = 1056, GATE_PANEL = 1088, SLICE_PANEL = 2048, DOWN_PANEL = 9536 };
    const packed_matrix matrices[] = {
#define M(called, held, ...) { .name = { called, sizeof called - 1 }, .stream = { held, sizeof held - 1 }, __VA_ARGS__ }
        M("gate", "ridge.panels.gate", .columns = N, .type = 8, .tensor_rows = 40, .rows = 40, .panel_type = 8, .matrices = 2, .place = 0),
        M("up", "ridge.panels.gate", .columns = N, .type = 8, .tensor_rows = 40, .rows = 40, .panel_type = 8, .matrices = 2, .place = 1),
        M("qk", "ridge.panels.q", .columns = N, .type = 1, .tensor_rows = 48, .rows = 16, .panel_type = 30, .matrices = 1),
        M("qk", "ridge.panels.k", .columns = N, .type = 1, .tensor_rows = 48, .first_row = 16, .rows = 32, .panel_type = 30, .matrices = 1),
        M("down", "ridge.panels.down", .columns = DOWN, .type = 2, .tensor_rows = 20, .rows = 20, .panel_type = 2, .matrices = 1),
#undef M
    };
    gguf_header h = {0};
    gguf_packed_write(&h, 1024, matrices, sizeof matrices / sizeof *matrices);
    gguf_writer w = { .alignment = 64 };
    gguf_writer_string(&w, "general.architecture", "llama");
    buffer_append(&w.values, h.values.data, h.values.n);
    w.n_values += h.n_values;
    gguf_header_free(&h);
    gguf_writer_tensor(&w, "norm", 0, 1, (const uint64_t[]){ N }, NULL, N * sizeof(float));
    gguf_writer_tensor(&w, "ridge.panels.gate", 24, 2, (const uint64_t[]){ GATE_PANEL, 6 }, NULL, 6 * GATE_PANEL);
    gguf_writer_tensor(&w, "ridge.panels.q", 24, 2, (const uint64_t[]){ SLICE_PANEL, 1 }, NULL, SLICE_PANEL);
    gguf_writer_tensor(&w, "ridge.panels.k", 24, 2, (const uint64_t[]){ SLICE_PANEL, 2 }, NULL, 2 * SLICE_PANEL);
    gguf_writer_tensor(&w, "ridge.panels.down", 24, 2, (const uint64_t[]){ DOWN_PANEL, 2 }, NULL, 2 * DOWN_PANEL);
    gguf_writer_build(&w, file);
    gguf_writer_free(&w);
}

static void replay_packed(void) {
    buffer file = {0};
    build_packed(&file);
    const uint8_t *data = (const uint8_t *)file.data;
    const size_t opened_before = opened, refused_before = refused, head = file.n - (6 * 1088 + 3 * 2048 + 2 * 9536);      /* all before the panels */
    LLVMFuzzerTestOneInput(data, file.n);
    CHECK(opened == opened_before + 1 && refused == refused_before);
    replay_truncations(data, head);
    CHECK(opened == opened_before + 1 && refused == refused_before + head);
    replay_mutations(data, file.n, 6000, 2);
    CHECK(opened > opened_before + 1000 && refused > refused_before + head + 1000);
    buffer_free(&file);
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
    replay_packed();
    const size_t kept = replay_corpus("gguf");
    CHECK(kept > 0);
    printf("%zu opened, %zu refused, of these %zu from the corpus\n", opened, refused, kept);
    buffer_free(&file);
    return 0;
}
#endif
