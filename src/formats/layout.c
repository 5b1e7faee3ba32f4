/* Where the panels of a matrix lie: see layout.h. */
#include "formats/layout.h"
#include "base/round_up.h"
#include "formats/unpack.h"

size_t panel_sections(const panel_layout *l) {
    return l->format->arithmetic == ARITHMETIC_INT8 ? ((size_t)l->n + l->section_k - 1) / l->section_k : 1;
}

/* Of all sections but the last, which has what is left. */
static size_t section_k(const panel_layout *l) {
    const size_t sections = panel_sections(l);
    return sections < 2 ? l->n : round_up_size((l->n + sections - 1) / sections, SECTION_MULTIPLE);
}

static size_t bytes_of(const panel_layout *l, size_t n) { return round_up_size(l->format->panel_bytes(n), PANEL_ALIGNMENT); }

panel_section panel_section_at(const panel_layout *l, size_t i) {
    const size_t each = section_k(l), k = i * each, n = l->n - k < each ? l->n - k : each, bytes = bytes_of(l, n);
    return (panel_section){ .k = k, .n = n, .bytes = bytes, .stride = l->matrices * bytes,
                            .offset = i * l->panels * l->matrices * bytes_of(l, each) + l->place * bytes };
}

size_t panel_layout_panel_bytes(const panel_layout *l) {
    size_t bytes = 0;
    for (size_t i = 0; i < panel_sections(l); i++) bytes += panel_section_at(l, i).bytes;
    return bytes;
}

size_t panel_layout_bytes(const panel_layout *l) { return (size_t)l->panels * l->matrices * panel_layout_panel_bytes(l); }

void panel_layout_row(const panel_layout *l, float *y, const void *data, size_t i) {
    for (size_t s = 0; s < panel_sections(l); s++) {
        const panel_section section = panel_section_at(l, s);
        format_panel_row(l->format, y + section.k, (const char *)data + section.offset + i / PANEL_ROWS * section.stride, i % PANEL_ROWS, section.n);
    }
}
