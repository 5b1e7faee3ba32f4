/* Where panels lie: sections cover each row once, and no two panels of a layout share a byte. */
#include "test.h"
#include "base/memory.h"
#include "formats/layout.h"

enum { SECTION_K = 1024 };

static void sections_cover_a_row(void **state) {
    static const uint32_t lengths[] = { 256, 768, 1024, 1280, 2048, 2304, 3072, 4864, 5120, 14336, 53248 };
    for (int f = 0; f < FORMAT_COUNT; f++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            const panel_layout l = { .format = &formats[f], .n = lengths[i], .section_k = SECTION_K, .panels = 3, .matrices = 1 };
            const size_t n = panel_sections(&l);
            size_t k = 0;
            for (size_t s = 0; s < n; s++) {
                const panel_section section = panel_section_at(&l, s);
                assert_int_equal(section.k, k);
                assert_true(section.n && section.n % formats[f].block_k == 0);
                if (formats[f].block_k > 1) assert_true(section.n <= SECTION_K);
                if (s + 1 < n) assert_int_equal(section.n, panel_section_at(&l, 0).n);
                k += section.n;
            }
            assert_int_equal(k, l.n);
            if (formats[f].block_k == 1 || l.n <= SECTION_K) assert_int_equal(n, 1);
        }
}

/* Rows of 4864 values, as Qwen2.5-0.5B has them: four sections of 1024 and one of 768, written out so that the layout does not change unnoticed. */
static void the_layout_of_a_known_shape(void **state) {
    const panel_layout up = { .format = &formats[FORMAT_q4_0], .n = 4864, .section_k = SECTION_K, .panels = 10, .matrices = 2, .place = 1 };
    assert_int_equal(panel_sections(&up), 5);
    const panel_section first = panel_section_at(&up, 0), last = panel_section_at(&up, 4);
    assert_int_equal(first.bytes, 9216);
    assert_int_equal(first.offset, 9216);
    assert_int_equal(first.stride, 18432);
    assert_int_equal(last.k, 4096);
    assert_int_equal(last.n, 768);
    assert_int_equal(last.bytes, 6912);
    assert_int_equal(last.offset, 4 * 10 * 18432 + 6912);
    assert_int_equal(last.stride, 13824);
    assert_int_equal(panel_layout_panel_bytes(&up), 4 * 9216 + 6912);
    assert_int_equal(panel_layout_bytes(&up), 20 * (4 * 9216 + 6912));
}

static void panels_share_no_byte(void **state) {
    static const uint32_t lengths[] = { 256, 1280, 2304 };
    for (int f = 0; f < FORMAT_COUNT; f++)
        for (size_t i = 0; i < 3; i++)
            for (uint32_t matrices = 1; matrices <= 2; matrices++) {
                panel_layout l = { .format = &formats[f], .n = lengths[i], .section_k = SECTION_K, .panels = 5, .matrices = matrices };
                const size_t bytes = panel_layout_bytes(&l);
                unsigned char *taken = memory_new(bytes, 1);
                assert_non_null(taken);
                for (l.place = 0; l.place < matrices; l.place++)
                    for (size_t s = 0; s < panel_sections(&l); s++) {
                        const panel_section section = panel_section_at(&l, s);
                        for (size_t p = 0; p < l.panels; p++)
                            for (size_t b = 0; b < section.bytes; b++) {
                                const size_t at = section.offset + p * section.stride + b;
                                assert_true(at < bytes && !taken[at]);
                                taken[at] = 1;
                            }
                    }
                for (size_t b = 0; b < bytes; b++) assert_true(taken[b]);
                memory_free(taken);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_cover_a_row),
        cmocka_unit_test(the_layout_of_a_known_shape),
        cmocka_unit_test(panels_share_no_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
