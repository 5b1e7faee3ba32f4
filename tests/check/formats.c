/* Formats: values and quantisers, with importance and without, against other implementations' bytes. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buffer.h"
#include "base/files.h"
#include "base/half.h"
#include "base/memory.h"
#include "formats/unpack.h"
#include "vectors.h"

/* Says what was wrong, then fails the test. */
#define fail_test(...) (print_error(__VA_ARGS__), print_error("\n"), assert_true(false))

enum { ROWS = 16, SOURCE_ROWS = 10, N = 512 };
static uint64_t seed = 88172645463325252u;
static uint64_t random_bits(void) { seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17; return seed; }

/* Reads formats/<name>.<extension> of the vectors; the caller skips the test where that is impossible. */
static bool read_vector(const char *name, const char *extension, buffer *out) {
    char relative[64];
    snprintf(relative, sizeof relative, "formats/%s.%s", name, extension);
    const char *path = vectors_path(relative);
    if (!path) {
        printf("skipped: no reference vectors (%s); set RIDGE_VECTORS\n", relative);
        return false;
    }
    error e;
    assert_int_equal(read_whole_file(path, 1 << 20, out, &e), 0);
    return true;
}

static void values_are_exact(void **state) {
    (void)state;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        const format *f = &formats[i];
        if (i == FORMAT_f32) continue;              /* its values are its bytes */
        buffer blocks = {0}, values = {0};
        if (!read_vector(f->name, "bin", &blocks) || !read_vector(f->name, "f32", &values)) skip();
        const size_t row_bytes = format_row_bytes(f, N);
        assert_int_equal(blocks.n, ROWS * row_bytes);
        assert_int_equal(values.n, ROWS * N * sizeof(float));
        for (size_t r = 0; r < ROWS; r++) {
            float y[N];
            f->dequantize(y, blocks.data + r * row_bytes, N);
            for (size_t k = 0; k < N; k++) {
                float want;
                memcpy(&want, values.data + (r * N + k) * sizeof want, sizeof want);
                if (!(y[k] == want)) fail_test("%s: row %zu, value %zu is %a, expected %a", f->name, r, k, (double)y[k], (double)want);
            }
        }
        buffer_free(&blocks);
        buffer_free(&values);
    }
}

static double squared_error(const format *f, const void *row, const float *x) {
    float y[N];
    double sum = 0;
    f->dequantize(y, row, N);
    for (int k = 0; k < N; k++) sum += ((double)y[k] - x[k]) * ((double)y[k] - x[k]);
    return sum;
}

/* Also those of the searches of q2_k to q6_k: their sums run in the reference's order. */
static void quantisers_give_the_reference_bytes(void **state) {
    (void)state;
    buffer source = {0};
    if (!read_vector("source", "f32", &source)) skip();
    float *x = memory_new(SOURCE_ROWS * N, sizeof *x);
    assert_non_null(x);
    memcpy(x, source.data, SOURCE_ROWS * N * sizeof *x);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        const format *f = &formats[i];
        if (!f->quantize || i == FORMAT_f32) continue;
        buffer blocks = {0};
        if (!read_vector(f->name, "bin", &blocks)) skip();
        const size_t row_bytes = format_row_bytes(f, N);
        unsigned char *row = memory_new(row_bytes, 1);
        assert_non_null(row);
        for (size_t r = 0; r < SOURCE_ROWS; r++) {
            f->quantize(row, x + r * N, N);
            if (!memcmp(row, blocks.data + r * row_bytes, row_bytes)) continue;
            fail_test("%s: row %zu differs from the reference's bytes; its squared error is %g, theirs %g", f->name, r,
                      squared_error(f, row, x + r * N), squared_error(f, blocks.data + r * row_bytes, x + r * N));
        }
        memory_free(row);
        buffer_free(&blocks);
    }
    memory_free(x);
    buffer_free(&source);
}

/* importance/rows.bin, read from front to back. */
static const unsigned char *take(const buffer *file, size_t *at, size_t n) {
    assert_true(n <= file->n - *at);
    const unsigned char *data = (const unsigned char *)file->data + *at;
    *at += n;
    return data;
}

static void importance_gives_the_reference_bytes(void **state) {
    (void)state;
    enum { WEIGHTED_ROWS = 3 };
    float importance[N], x[WEIGHTED_ROWS][N];
    buffer file = {0};
    size_t at = 0;
    error e;
    if (read_whole_file(RIDGE_TESTS "/check/importance/rows.bin", 1 << 20, &file, &e)) fail_test("%s", e.text);
    memcpy(importance, take(&file, &at, sizeof importance), sizeof importance);
    memcpy(x, take(&file, &at, sizeof x), sizeof x);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        const format *f = &formats[i];
        if (!f->quantize_weighted) continue;
        unsigned char row[N * 4];
        const size_t row_bytes = format_row_bytes(f, N);
        for (size_t r = 0; r < WEIGHTED_ROWS; r++) {
            const unsigned char *expected = take(&file, &at, row_bytes);
            f->quantize_weighted(row, x[r], importance, N);
            if (memcmp(row, expected, row_bytes)) fail_test("%s: row %zu differs from the reference's bytes with importance", f->name, r);
            f->quantize(row, x[r], N);
            if (!memcmp(row, expected, row_bytes)) fail_test("%s: importance changes nothing in row %zu", f->name, r);
        }
    }
    assert_int_equal(at, file.n);
    buffer_free(&file);
}

static void quantising_is_close_and_keeps_zero(void **state) {
    (void)state;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        const format *f = &formats[i];
        if (!f->quantize) continue;
        float x[N], y[N];
        double size = 0, off = 0;
        for (int k = 0; k < N; k++) x[k] = (float)((double)(int64_t)random_bits() * 0x1p-63);
        unsigned char row[N * 4];
        f->quantize(row, x, N);
        f->dequantize(y, row, N);
        for (int k = 0; k < N; k++) { size += (double)x[k] * x[k]; off += ((double)y[k] - x[k]) * ((double)y[k] - x[k]); }
        const double bits = i == FORMAT_f32 ? 24 : i == FORMAT_f16 ? 11 : i == FORMAT_bf16 ? 8 : 8.0 * (double)f->block_bytes / (double)f->block_k;
        const double relative = sqrt(off / size);
        if (!(relative < exp2(3 - bits))) fail_test("%s: relative error %g with %g bits", f->name, relative, bits);
        memset(x, 0, sizeof x);
        f->quantize(row, x, N);
        f->dequantize(y, row, N);
        for (int k = 0; k < N; k++) assert_true(y[k] == 0);
    }
}

static void bf16_holds_what_it_says(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        const uint16_t half = (uint16_t)h;
        const float value = f16_to_f32(half);
        if (value != value) continue;
        const bool exact = bf16_to_f32(f32_to_bf16(value)) == value;        /* no half is subnormal in bf16 */
        assert_int_equal(format_row_fits_bf16(&formats[FORMAT_f16], &half, 1), exact);
        const float wide = bf16_to_f32(half);
        const bool normal = wide == 0 || fabsf(wide) >= 0x1p-126f;
        if (wide != wide) continue;
        assert_int_equal(format_row_fits_bf16(&formats[FORMAT_bf16], &half, 1), normal);
        assert_int_equal(format_row_fits_bf16(&formats[FORMAT_f32], &wide, 1), normal);
    }
    const float third = 1.0f / 3;
    assert_false(format_row_fits_bf16(&formats[FORMAT_f32], &third, 1));
}

static void expect_row(const format *f, const void *panel, size_t r, size_t n, const float *want) {
    float got[N];
    format_panel_row(f, got, panel, r, n);
    if (memcmp(got, want, n * sizeof *got)) fail_test("%s: row %zu of %zu values is another one behind packing", f->name, r, n);
}

/* Random values through the quantiser, so that every bit of a block is used; a full panel and one of five rows. */
static void rows_come_out_of_panels_as_they_went_in(void **state) {
    (void)state;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        const format *f = &formats[i];
        const size_t n = f->block_k > 1 ? N : N - 3, row_bytes = format_row_bytes(f, n);       /* dense panels pad k to a multiple of four */
        unsigned char *rows = memory_new_aligned(ROWS * row_bytes), *panel = memory_new_aligned(f->panel_bytes(n));
        assert_true(rows && panel);
        static float x[N], want[ROWS][N];
        for (size_t r = 0; r < ROWS; r++) {
            for (size_t k = 0; k < n; k++) x[k] = (float)((double)(int64_t)random_bits() * 0x1p-63);
            f->quantize(rows + r * row_bytes, x, n);
            f->dequantize(want[r], rows + r * row_bytes, n);
        }
        f->pack(panel, rows, row_bytes, ROWS, n);
        for (size_t r = 0; r < ROWS; r++) expect_row(f, panel, r, n, want[r]);
        f->pack(panel, rows, row_bytes, 5, n);
        for (size_t r = 0; r < 5; r++) expect_row(f, panel, r, n, want[r]);
        if (f->arithmetic == ARITHMETIC_F32) {                          /* what bf16 holds is kept in bf16 panels */
            for (size_t r = 0; r < ROWS; r++) {
                for (size_t k = 0; k < n; k++) want[r][k] = bf16_to_f32(f32_to_bf16(want[r][k] + (want[r][k] < 0 ? -1 : 1)));
                f->quantize(rows + r * row_bytes, want[r], n);
                assert_true(format_row_fits_bf16(f, rows + r * row_bytes, n));
            }
            format_pack_as_bf16(f, panel, rows, row_bytes, ROWS, n);
            for (size_t r = 0; r < ROWS; r++) expect_row(&formats[FORMAT_bf16], panel, r, n, want[r]);
        }
        memory_free(rows);
        memory_free(panel);
    }
}

static void formats_are_found(void **state) {
    (void)state;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        assert_ptr_equal(format_by_name(formats[i].name), &formats[i]);
        assert_ptr_equal(format_by_gguf_type(formats[i].gguf_type), &formats[i]);
        const gguf_type_info *info = gguf_type(formats[i].gguf_type);
        assert_non_null(info);
        assert_string_equal(info->name, formats[i].name);
        assert_int_equal(info->block_k, formats[i].block_k);
        assert_int_equal(info->block_bytes, formats[i].block_bytes);
        assert_int_equal(formats[i].panel_bytes(N), PANEL_ROWS * format_row_bytes(&formats[i], N));     /* not a byte more than the file */
    }
    assert_null(format_by_name("q4_k_m"));
    assert_null(format_by_gguf_type(9999));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_found),
        cmocka_unit_test(bf16_holds_what_it_says),
        cmocka_unit_test(quantising_is_close_and_keeps_zero),
        cmocka_unit_test(rows_come_out_of_panels_as_they_went_in),
        cmocka_unit_test(values_are_exact),
        cmocka_unit_test(quantisers_give_the_reference_bytes),
        cmocka_unit_test(importance_gives_the_reference_bytes),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed ? failed : vectors_path("formats/index.json") ? 0 : 77;
}
