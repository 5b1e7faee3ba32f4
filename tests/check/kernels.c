/* Every kernel: the scalar words against the dequantised oracle in double, every other ISA against the scalar words by memcmp.
 * `kernels --seed N` repeats a run, `kernels --bench [WORD ...]` times the kernels (timing.h). */
#include "data.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/half.h"
#include "base/memory.h"
#include "cpu/isa.h"

enum { MOST_TOKENS = 13, MOST_ROWS = 80 };
static int failures;

static const char *const kind_names[ACTIVATION_COUNT] = { "int8", "int24", "bf16", "f32" };

typedef struct { format_id file, panel; activation_kind kind; size_t rows, n, gap; } matmul_case;

/* Whether a quantised format has minima, and the parts of its units. */
#define DENSE(name, ...)
#define QUANTISED(name, type, block, part, joint, offset, most, minima, quantizer) [FORMAT_##name] = { minima, UNIT / part },
static const struct { size_t minima, halves; } parts[FORMAT_COUNT] = {
#include "formats/list.h"
};

/* What rounding may cost, relative to the sum that worst_error takes. int24, in units of 2^-24: each step of the chain 1; before it a
 * part 3 (its integer sum, the upper half of that, the product with the scale), the dequantised weight 1, the sum of two parts 1 and an
 * activation 4 (1/2 d, and three roundings of what it is made of: docs/arithmetic.md, section 2). */
static double tolerance(const matmul_case *c) {
    if (formats[c->panel].block_k == 1) return 4e-6;
    return c->kind == ACTIVATION_INT24 ? (double)(c->n / UNIT * (1 + parts[c->panel].minima * parts[c->panel].halves) + 9) * 0x1p-24 : 1e-6;
}

/* The largest |scalar - oracle| / sum |w x| of a case; y: [tokens][ldy] of the scalar words. With int24, whose activations are rounded here,
 * relative to the sum of |w| times the largest |x| of the unit. */
static double worst_error(const matmul_case *c, const void *rows, const random_tokens *x, const float *y, size_t ldy) {
    const format *f = &formats[c->file];
    float *row = memory_new(c->n, sizeof *row);
    double worst = 0;
    for (size_t r = 0; row && r < c->rows; r++) {
        f->dequantize(row, (const char *)rows + r * format_row_bytes(f, c->n), c->n);
        for (size_t t = 0; t < MOST_TOKENS; t++) {
            const size_t units = (c->n + UNIT - 1) / UNIT;
            const float *plain = x->plain[c->kind] + t * units * UNIT, *largest = x->largest + t * units;
            double sum = 0, size = 1e-30;
            for (size_t k = 0; k < c->n; k++) {
                sum += (double)row[k] * plain[k];
                size += fabs((double)row[k] * (c->kind == ACTIVATION_INT24 ? largest[k / UNIT] : plain[k]));
            }
            const double off = fabs(sum - y[t * ldy + r]) / size;
            if (!(off <= worst)) worst = off;
        }
    }
    memory_free(row);
    return worst;
}

static void complain(const matmul_case *c, const char *isa, const char *what) {
    printf("FAILED: %s as %s, %s activations, %zu rows of %zu, %s: %s\n", formats[c->file].name, formats[c->panel].name,
           kind_names[c->kind], c->rows, c->n, isa, what);
    failures++;
}

/* As one call, or as two for the sections that the panels are made of: the second goes on from the first. */
static void multiply_in(int calls, const cpu_kernels *k, const matmul_case *c, const matmul_args *whole) {
    const format *panel = &formats[c->panel];
    if (calls == 1) {
        k->matmul[c->panel][c->kind](whole);
        return;
    }
    const size_t first = c->n / panel->block_k / 2 * panel->block_k;
    activations x = *whole->x;
    matmul_args m = *whole;
    m.x = &x;
    x.n = first;
    k->matmul[c->panel][c->kind](&m);
    x.n = c->n - first;
    x.data = (const char *)x.data + kernels_activation_bytes(k, c->kind, first);
    m.w = (const char *)m.w + panel->panel_bytes(first);
    m.goes_on = true;
    k->matmul[c->panel][c->kind](&m);
}

static double check_matmul(const matmul_case *c) {
    const format *f = &formats[c->file];
    const size_t panel_bytes = formats[c->panel].panel_bytes(c->n), stride = panel_bytes + c->gap;
    const size_t panels = (c->rows + PANEL_ROWS - 1) / PANEL_ROWS, ldy = panels * PANEL_ROWS + 3;
    void *rows = random_rows(f, c->rows, c->n, c->panel == FORMAT_bf16);
    void *w = pack_rows(f, c->panel != c->file, rows, c->rows, c->n, stride);
    random_tokens x;
    random_tokens_new(&x, MOST_TOKENS, c->n);
    const size_t bytes = MOST_TOKENS * ldy * sizeof(float);
    float *want = memory_new_aligned(bytes), *got = memory_new_aligned(bytes);
    if (!want || !got) exit(1);
    memset(want, -1, bytes);

    activations a = tokens_for(&x, &kernels_scalar, c->kind);
    matmul_args m = { .w = w, .panels = panels, .panel_stride = stride, .x = &a, .tokens = MOST_TOKENS, .y = want, .ldy = ldy, .prefetch_bytes = 4096 };
    kernels_scalar.matmul[c->panel][c->kind](&m);
    const double worst = worst_error(c, rows, &x, want, ldy);
    if (!(worst <= tolerance(c))) complain(c, "scalar", "too far from the oracle");

    for (size_t i = 0; i < kernels_all_n; i++) {
        const cpu_kernels *k = kernels_all[i];
        if (!k->supported()) continue;
        a = tokens_for(&x, k, c->kind);
        m.y = got;
        const int most_calls = formats[c->panel].block_k > 1 && c->n / formats[c->panel].block_k > 1 ? 2 : 1;
        for (size_t way = 0; way < (size_t)most_calls * MOST_TOKENS; way++) {
            const int calls = 1 + (int)(way / MOST_TOKENS);
            m.tokens = 1 + way % MOST_TOKENS;
            m.panels = 1 + m.tokens % panels;                       /* any number of panels: the same bits, and nothing else is written */
            if (m.tokens == MOST_TOKENS) m.panels = panels;
            memset(got, -1, bytes);
            multiply_in(calls, k, c, &m);
            for (size_t t = 0; t < MOST_TOKENS; t++) {
                const size_t written = t < m.tokens ? m.panels * PANEL_ROWS : 0;
                for (size_t r = 0; r < ldy; r++) {
                    uint32_t g, e = 0xffffffff;
                    memcpy(&g, got + t * ldy + r, 4);
                    if (r < written) memcpy(&e, want + t * ldy + r, 4);
                    if (g != e) {
                        char what[100];
                        snprintf(what, sizeof what, "%zu tokens, %zu panels, calls %d: token %zu, row %zu is %08x, not %08x", m.tokens, m.panels, calls, t, r, g, e);
                        complain(c, k->name, what);
                        goto next;
                    }
                }
            }
        }
    next:;
    }
    memory_free(want); memory_free(got); memory_free(w); memory_free(rows);
    random_tokens_free(&x);
    return worst;
}

/* Cases of one panel and form of activations: several sizes, row counts and distances between panels. */
static void check_pair(format_id file, format_id panel, activation_kind kind) {
    static const size_t dense_n[] = { 1, 7, 64, 130, 768 }, unit_n[] = { 32, 96, 896 }, block_n[] = { 256, 768 };
    const size_t block = formats[panel].block_k;
    const size_t *n = block == 1 ? dense_n : block == UNIT ? unit_n : block_n;
    const int count = block == 1 ? 5 : block == UNIT ? 3 : 2;
    double worst = 0;
    for (int i = 0; i < count; i++) {
        static const size_t rows[] = { 16, 48, 80, 33, 64 };
        const matmul_case c = { file, panel, kind, rows[(i + (int)kind) % 5], n[i], i % 2 ? formats[panel].panel_bytes(n[i]) : 0 };
        const double off = check_matmul(&c);
        if (off > worst) worst = off;
    }
    printf("%-5s %-5s %-5s scalar off by %.1e of the sum of magnitudes at most\n", formats[file].name, formats[panel].name, kind_names[kind], worst);
}

/* Records of whole rows, from every ISA, are those of the definition; among the values many that are their unit's largest. One by one, and rows of
 * whole units some at a time, with a gap between their records that stays as it was. */
static void check_prepare(size_t n) {
    static const activation_kind kinds[] = { ACTIVATION_INT8, ACTIVATION_INT24 };
    enum { TOKENS = 400, GAP = 64 };
    static const char untouched[GAP] = {0};
    random_tokens x;
    random_tokens_new(&x, TOKENS, n);
    const size_t padded = (n + UNIT - 1) / UNIT * UNIT, at_once = n % UNIT ? 1 : 7;
    for (size_t i = 0; i < kernels_all_n; i++)
        for (int j = 0; j < 2 && kernels_all[i]->supported(); j++) {
            const activations want = tokens_for(&x, kernels_all[i], kinds[j]);
            const size_t row_bytes = want.token_bytes + GAP;
            char *got = memory_new_aligned(row_bytes * at_once);
            if (!got) exit(1);
            memset(got, 0, row_bytes * at_once);
            for (size_t t = 0; t < TOKENS; t++) {
                const size_t row = t % at_once, rows = TOKENS - t < at_once ? TOKENS - t : at_once;
                if (!row) kernels_all[i]->rows.prepare[kinds[j]](got, row_bytes, x.plain[ACTIVATION_F32] + t * padded, rows, n);
                if (!memcmp(got + row * row_bytes, (const char *)want.data + t * want.token_bytes, want.token_bytes)
                    && !memcmp(got + row * row_bytes + want.token_bytes, untouched, GAP)) continue;
                printf("FAILED: preparing %zu values of %zu rows as %s, %s\n", n, rows, kind_names[kinds[j]], kernels_all[i]->name);
                failures++;
                break;
            }
            memory_free(got);
        }
    random_tokens_free(&x);
}

/* What the KV cache keeps of values in 16 bits, from every ISA: the nearest; beyond the type's range, and of NaN, its largest. */
static void check_halves(const char *name, uint16_t most, uint16_t (*nearest)(float), float (*value)(uint16_t), bool bf16) {
    enum { N = 53 };        /* no whole number of vectors */
    float x[N] = { NAN, -NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 65504, 65519, 65520, -65520, 1e5f, 0x1.fefffep+127f, 0x1.ffp+127f, 0, -0.0f, 1 };
    uint16_t want[N], got[N];
    for (size_t i = 16; i < N; i++) x[i] = ((float)(random_bits() >> 40) - 0x1p23f) * 0x1p-20f;
    for (size_t i = 0; i < N; i++) {
        const float top = value(most);
        want[i] = nearest(!(x[i] < top) ? top : !(x[i] > -top) ? -top : x[i]);
    }
    for (size_t k = 0; k < kernels_all_n; k++) {
        if (!kernels_all[k]->supported()) continue;
        const row_kernels *rows = &kernels_all[k]->rows;
        (bf16 ? rows->to_bf16 : rows->to_f16)(got, x, N);
        if (memcmp(want, got, sizeof want)) { printf("FAILED: rounding to %s, %s\n", name, kernels_all[k]->name); failures++; }
    }
}

static void compare_packed(format_id id, bool as_bf16, size_t n, size_t n_rows) {
    const format *f = &formats[id];
    const size_t bytes = formats[as_bf16 ? FORMAT_bf16 : id].panel_bytes(n), row_bytes = format_row_bytes(f, n);
    void *rows = random_rows(f, n_rows, n, as_bf16);
    unsigned char *want = memory_new_aligned(bytes + 64), *got = memory_new_aligned(bytes + 64);
    if (!want || !got) exit(1);
    memset(want, 0xab, bytes + 64);
    if (as_bf16) format_pack_as_bf16(f, want, rows, row_bytes, n_rows, n);
    else         f->pack(want, rows, row_bytes, n_rows, n);
    for (size_t i = 0; i < kernels_all_n; i++) {
        const cpu_kernels *k = kernels_all[i];
        if (!k->supported()) continue;
        memset(got, 0xab, bytes + 64);
        (as_bf16 ? k->pack_as_bf16 : k->pack)[id](got, rows, row_bytes, n_rows, n);
        if (memcmp(want, got, bytes + 64)) { printf("FAILED: packing %s%s, %zu rows of %zu, %s\n", f->name, as_bf16 ? " as bf16" : "", n_rows, n, k->name); failures++; }
    }
    memory_free(want); memory_free(got); memory_free(rows);
}

/* The packers of every ISA give the plain packer's bytes, for any number of rows. */
static void check_pack(format_id id) {
    static const size_t sizes[] = { 256, 768, 2048, 33, 896, 2050, 4 };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        if (sizes[s] % formats[id].block_k) continue;
        for (int whole = 0; whole < 2; whole++) {
            const size_t n_rows = whole ? PANEL_ROWS : 1 + random_bits() % (PANEL_ROWS - 1);
            compare_packed(id, false, sizes[s], n_rows);
            if (formats[id].block_k == 1) compare_packed(id, true, sizes[s], n_rows);
        }
    }
}

static void choosing_refuses_what_is_not_there(void) {
    const cpu_kernels *k = NULL;
    error e;
    if (kernels_choose(&k, NULL, &e) || !k || !k->supported()) { printf("FAILED: no kernels chosen\n"); failures++; }
    if (kernels_choose(&k, "scalar", &e) || k != &kernels_scalar) { printf("FAILED: scalar is not chosen by name\n"); failures++; }
    if (kernels_choose(&k, "altivec", &e) != RIDGE_E_BAD_ARGUMENT || !strstr(e.text, "avx2")) { printf("FAILED: altivec is chosen\n"); failures++; }
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "--bench")) return bench(argc - 2, argv + 2);
    const uint64_t seed = argc > 2 && !strcmp(argv[1], "--seed") ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu; instruction sets:", (unsigned long long)seed);
    for (size_t i = 0; i < kernels_all_n; i++) printf(" %s%s", kernels_all[i]->name, kernels_all[i]->supported() ? "" : " (not on this processor)");
    printf("\n");
    random_seed(seed);
    const uint32_t mode = kernels_enter_thread();
    choosing_refuses_what_is_not_there();
    check_prepare(40);
    check_prepare(64);
    check_prepare(96);
    check_prepare(16 * UNIT + 64);
    check_halves("f16", 0x7bff, f32_to_f16, f16_to_f32, false);
    check_halves("bf16", 0x7f7f, f32_to_bf16, bf16_to_f32, true);
    for (int f = 0; f < FORMAT_COUNT; f++) {
        check_pack(f);
        if (formats[f].block_k > 1) {
            check_pair(f, f, ACTIVATION_INT8);
            check_pair(f, f, ACTIVATION_INT24);
        } else {
            check_pair(f, f, ACTIVATION_F32);
            check_pair(f, FORMAT_bf16, ACTIVATION_BF16);
            check_pair(f, FORMAT_bf16, ACTIVATION_F32);
        }
    }
    kernels_leave_thread(mode);
    printf(failures ? "%d FAILED\n" : "every instruction set and number of tokens: the same bits\n", failures);
    return failures != 0;
}
