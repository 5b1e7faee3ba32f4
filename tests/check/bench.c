/* Times the kernels on the matrices of Qwen2.5-0.5B, against what this machine can do in the same minute.
 *
 *   kernels --bench [t=THREADS] [ahead=PREFETCH_BYTES] [cpu] [decode] [prefill] [pack] [formats, instruction sets or forms of activations ...]
 *
 * cpu: count the threads' processor time, on a machine that others are using.
 * Decode: one token, all matrices; the ceiling is a plain read of the same bytes. Prefill: 512 tokens, all but the head; the ceiling is
 * the arithmetic that the kernel uses, from registers. Kernel and ceiling take turns, the best of each counts. Widths are rounded up
 * to the block of the format. */
#define _GNU_SOURCE
#include "data.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "cpu/isa.h"

enum { LAYERS = 24, PER_LAYER = 4, MATRICES = LAYERS * PER_LAYER + 1, TOKENS = 512, ROUNDS = 5, MOST_THREADS = 64 };
static const size_t shapes[PER_LAYER + 1][2] = { {1152, 896}, {896, 896}, {9728, 896}, {896, 4864}, {151936, 896} };
static int n_threads = 2;
static bool processor_time;
static size_t prefetch_bytes = 4096;

typedef struct { size_t rows, n, panel_bytes; const char *w; } matrix;
typedef struct { matrix m[MATRICES]; char *bytes; size_t n_bytes; double operations; } model;

typedef void job(void *user, int thread);
typedef struct { job *run; void *user; int thread; double seconds; } work;
static double thread_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
static void *work_main(void *argument) {
    work *w = argument;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(w->thread, &set);
    sched_setaffinity(0, sizeof set, &set);
    kernels_enter_thread();
    const double from = thread_seconds();
    w->run(w->user, w->thread);
    w->seconds = thread_seconds() - from;
    return NULL;
}
/* Seconds that all threads take for a job. */
static double timed(job *run, void *user) {
    pthread_t id[MOST_THREADS];
    work each[MOST_THREADS];
    const double from = clock_seconds();
    for (int t = 0; t < n_threads; t++) {
        each[t] = (work){ run, user, t, 0 };
        if (pthread_create(&id[t], NULL, work_main, &each[t])) { fprintf(stderr, "no threads\n"); exit(1); }
    }
    double busy = 0;
    for (int t = 0; t < n_threads; t++) {
        pthread_join(id[t], NULL);
        if (each[t].seconds > busy) busy = each[t].seconds;
    }
    return processor_time ? busy : clock_seconds() - from;
}

/* Ceilings. */
static void read_all(void *user, int thread) {
    const model *m = user;
    const size_t part = m->n_bytes / (size_t)n_threads / 64 * 64;
    const char *p = m->bytes + part * (size_t)thread;
    for (size_t i = 0; i < part; i += 64) {
        __builtin_prefetch(p + i + 4096);
        __asm__ volatile("movdqa (%0), %%xmm0\n movdqa 16(%0), %%xmm1\n movdqa 32(%0), %%xmm2\n movdqa 48(%0), %%xmm3\n"
                         :: "r"(p + i) : "xmm0", "xmm1", "xmm2", "xmm3", "memory");
    }
}
enum { PEAK_LOOPS = 4000000, PEAK_CHAINS = 16, PEAK_FEWER_CHAINS = 12 };
#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define ZMM_DOT(i) "vpdpbusd %%zmm31, %%zmm30, %%zmm" #i "\n"
#define ZMM_FMA(i) "vfmadd231ps %%zmm31, %%zmm30, %%zmm" #i "\n"
#define YMM_FMA(i) "vfmadd231ps %%ymm15, %%ymm14, %%ymm" #i "\n"
#define FEWER_CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)     /* of 16 registers */
#define PEAK(name, chains, instruction)                                                                             \
static void name(void *user, int thread) {                                                                  \
    (void)user; (void)thread;                                                                               \
    for (int i = 0; i < PEAK_LOOPS; i++) __asm__ volatile(chains(instruction) ::: "memory");                \
}
PEAK(peak_zmm_dot, CHAINS, ZMM_DOT)
PEAK(peak_zmm_fma, CHAINS, ZMM_FMA)
PEAK(peak_ymm_fma, FEWER_CHAINS, YMM_FMA)

/* Operations a second of the arithmetic that a kernel of this table uses. 0: not measured. */
static double peak(const cpu_kernels *k, bool dense) {
    const bool wide = !strncmp(k->name, "avx512", 6);
    if (!strcmp(k->name, "scalar") || (!dense && !wide)) return 0;
    const double lanes = dense ? (wide ? 32 : 16) : 128, seconds = timed(dense ? (wide ? peak_zmm_fma : peak_ymm_fma) : peak_zmm_dot, NULL);
    return lanes * (wide ? PEAK_CHAINS : PEAK_FEWER_CHAINS) * PEAK_LOOPS * n_threads / seconds;
}

typedef struct { const model *m; const cpu_kernels *k; format_id id; activation_kind kind; random_tokens *x; size_t tokens, n_matrices; float *y; } run;
static void multiply(void *user, int thread) {
    const run *r = user;
    for (size_t i = 0; i < r->n_matrices; i++) {
        const matrix *m = &r->m->m[i];
        const size_t panels = m->rows / PANEL_ROWS, from = panels * (size_t)thread / (size_t)n_threads, to = panels * (size_t)(thread + 1) / (size_t)n_threads;
        const activations x = tokens_for(&r->x[m->n > 2000], r->k, r->kind);
        const matmul_args a = { .w = m->w + from * m->panel_bytes, .panels = to - from, .panel_stride = m->panel_bytes, .x = &x, .tokens = r->tokens,
                                .y = r->y + from * PANEL_ROWS, .ldy = m->rows, .prefetch_bytes = prefetch_bytes };
        r->k->matmul[r->id][r->kind](&a);
    }
}

static int model_new(model *m, const format *f) {
    m->n_bytes = 0;
    m->operations = 0;
    for (int i = 0; i < MATRICES; i++) {
        const size_t *s = shapes[i == MATRICES - 1 ? PER_LAYER : i % PER_LAYER];
        const size_t n = (s[1] + f->block_k - 1) / f->block_k * f->block_k;
        m->m[i] = (matrix){ s[0], n, f->panel_bytes(n), NULL };
        m->n_bytes += s[0] / PANEL_ROWS * m->m[i].panel_bytes;
        if (i < MATRICES - 1) m->operations += 2.0 * (double)s[0] * (double)n;
    }
    m->bytes = memory_map(m->n_bytes + (1 << 20));
    if (!m->bytes) { fprintf(stderr, "%zu MB are too much\n", m->n_bytes >> 20); return 1; }
    for (size_t i = 0; i < m->n_bytes; i += 8) { const uint64_t v = random_bits() & 0x1fff1fff1fff1fff; memcpy(m->bytes + i, &v, 8); }
    const char *next = m->bytes;
    for (int i = 0; i < MATRICES; i++) { m->m[i].w = next; next += m->m[i].rows / PANEL_ROWS * m->m[i].panel_bytes; }
    return 0;
}

/* Packing: the first layers' rows from one place to another, against a plain copy of the same bytes. */
typedef struct { const cpu_kernels *k; format_id id; const char *from; char *to; size_t rows, n; } packing;
static void pack_share(void *user, int thread) {
    const packing *p = user;
    const size_t panels = p->rows / PANEL_ROWS, from = panels * (size_t)thread / (size_t)n_threads, to = panels * (size_t)(thread + 1) / (size_t)n_threads;
    const size_t row_bytes = format_row_bytes(&formats[p->id], p->n), panel_bytes = formats[p->id].panel_bytes(p->n);
    for (size_t i = from; i < to; i++) p->k->pack[p->id](p->to + i * panel_bytes, p->from + i * PANEL_ROWS * row_bytes, row_bytes, PANEL_ROWS, p->n);
}
static void copy_share(void *user, int thread) {
    const packing *p = user;
    const size_t bytes = p->rows * format_row_bytes(&formats[p->id], p->n), part = bytes / (size_t)n_threads;
    memcpy(p->to + part * (size_t)thread, p->from + part * (size_t)thread, part);
}
static void least(double *best, double seconds);
static void bench_packing(const model *m, const cpu_kernels *k, format_id id) {
    packing p = { .k = k, .id = id, .n = m->m[0].n, .from = m->bytes };
    p.rows = (m->n_bytes / 2 / format_row_bytes(&formats[id], p.n)) / PANEL_ROWS * PANEL_ROWS;
    const size_t bytes = p.rows * format_row_bytes(&formats[id], p.n);
    p.to = m->bytes + (m->n_bytes - bytes) / 64 * 64;
    double copy = 0, pack = 0;
    for (int i = 0; i < ROUNDS; i++) {
        least(&copy, timed(copy_share, &p));
        least(&pack, timed(pack_share, &p));
    }
    printf("%-5s pack  %-10s  %5.1f GB/s = %5.1f %% of a copy's %5.1f\n", formats[id].name, k->name, (double)bytes / pack / 1e9, 100 * copy / pack, (double)bytes / copy / 1e9);
    fflush(stdout);
}

static void least(double *best, double seconds) { if (*best <= 0 || seconds < *best) *best = seconds; }

static void bench_one(const run *base, bool decode, bool prefill) {
    static const char *const kinds[] = { "int8", "int16", "bf16", "f32" };
    run r = *base;
    const double bytes = (double)r.m->n_bytes;
    double one = 0, read = 0, many = 0, most = 0;
    for (int i = 0; i < ROUNDS; i++) {
        if (decode) {
            r.tokens = 1;
            r.n_matrices = MATRICES;
            least(&read, timed(read_all, (void *)r.m));
            least(&one, timed(multiply, &r));
            least(&one, timed(multiply, &r));
            least(&read, timed(read_all, (void *)r.m));
        }
        if (prefill && i < 2) {
            r.tokens = TOKENS;
            r.n_matrices = MATRICES - 1;
            const double p = peak(r.k, r.kind >= ACTIVATION_BF16);
            if (p > most) most = p;
            least(&many, timed(multiply, &r));
        }
    }
    printf("%-5s %-5s %-10s", formats[r.id].name, kinds[r.kind], r.k->name);
    if (decode) printf("  decode %6.1f tok/s %5.1f GB/s = %5.1f %% of %5.1f", 1 / one, bytes / one / 1e9, 100 * read / one, bytes / read / 1e9);
    if (prefill) printf("  prefill %6.0f tok/s %5.0f Gop/s", TOKENS / many, r.m->operations * TOKENS / many / 1e9);
    if (prefill && most > 0) printf(" = %4.1f %% of %4.0f", 100 * r.m->operations * TOKENS / many / most, most / 1e9);
    printf("\n");
    fflush(stdout);
}

/* True where none of the words that name something of this list is given, or `name` is. */
static bool wanted(const char *name, const char *const *list, size_t n_list, int n_words, char **words) {
    bool any = false;
    for (int w = 0; w < n_words; w++) {
        if (!strcmp(words[w], name)) return true;
        for (size_t i = 0; i < n_list; i++) any |= !strcmp(words[w], list[i]);
    }
    return !any;
}

int bench(int n_words, char **words) {
    static const char *const kinds[] = { "x=int8", "x=int16", "x=bf16", "x=f32" }, *const parts[] = { "decode", "prefill", "pack" };
    const char *names[FORMAT_COUNT], *isas[16];
    for (int f = 0; f < FORMAT_COUNT; f++) names[f] = formats[f].name;
    for (size_t i = 0; i < kernels_all_n; i++) isas[i] = kernels_all[i]->name;
    for (int w = 0; w < n_words; w++) {
        if (!strncmp(words[w], "t=", 2)) n_threads = atoi(words[w] + 2);
        if (!strncmp(words[w], "ahead=", 6)) prefetch_bytes = (size_t)atol(words[w] + 6);
        processor_time |= !strcmp(words[w], "cpu");
    }
    if (n_threads < 1 || n_threads > MOST_THREADS) return 1;

    float *y = memory_new_aligned(TOKENS * 9728 * sizeof(float));
    if (!y) return 1;
    for (int f = 0; f < FORMAT_COUNT; f++) {
        if (!wanted(names[f], names, FORMAT_COUNT, n_words, words)) continue;
        model m;
        random_tokens x[2];
        if (model_new(&m, &formats[f])) return 1;
        random_tokens_new(&x[0], TOKENS, m.m[0].n);
        random_tokens_new(&x[1], TOKENS, m.m[3].n);
        for (size_t i = 0; i < kernels_all_n; i++)
            if (wanted("pack", parts, 3, n_words, words) && kernels_all[i]->supported() && wanted(isas[i], isas, kernels_all_n, n_words, words))
                bench_packing(&m, kernels_all[i], f);
        for (size_t i = 0; i < kernels_all_n; i++)
            for (int kind = 0; kind < ACTIVATION_COUNT; kind++)
                if (kernels_all[i]->supported() && kernels_all[i]->matmul[f][kind]
                    && (strcmp(isas[i], "scalar") || !wanted("", (const char *[]){ "scalar" }, 1, n_words, words))      /* slow: only when named */
                    && wanted(isas[i], isas, kernels_all_n, n_words, words) && wanted(kinds[kind], kinds, 4, n_words, words)) {
                    const run r = { .m = &m, .k = kernels_all[i], .id = f, .kind = kind, .x = x, .y = y };
                    if (wanted("decode", parts, 3, n_words, words) || wanted("prefill", parts, 3, n_words, words)) bench_one(&r, wanted("decode", parts, 3, n_words, words), wanted("prefill", parts, 3, n_words, words));
                }
        random_tokens_free(&x[0]);
        random_tokens_free(&x[1]);
        memory_unmap(m.bytes, m.n_bytes + (1 << 20));
    }
    memory_free(y);
    return 0;
}
