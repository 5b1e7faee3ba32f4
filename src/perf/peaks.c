/* The list of loops, and the choice among them: see peaks.h. */
#include "perf/peaks.h"
#include <string.h>

#ifdef __x86_64__
#define PEAK_SETS(X) X(plain) X(avx2) X(avxvnni) X(avx512) X(avx512bf16)
#else
#define PEAK_SETS(X) X(plain)
#endif

#define PEAK_EXTERN(name) extern const peak_loops peak_loops_##name;
PEAK_SETS(PEAK_EXTERN)

const char *const peak_name[PEAK_COUNT] = {
#define PEAK_NAME(name, meaning) [PEAK_##name] = #name,
    PEAKS(PEAK_NAME)
};

static bool has_all(const machine *m, const char *features) {
    char one[64];
    for (const char *p = features; *p; p += strspn(p, " ")) {
        const size_t n = strcspn(p, " ");
        memcpy(one, p, n);
        one[n] = 0;
        if (!machine_has(m, one)) return false;
        p += n;
    }
    return true;
}

const peak_loops *const *peaks_of(const machine *m, size_t *n) {
    static const peak_loops *const all[] = {
#define PEAK_POINTER(name) &peak_loops_##name,
        PEAK_SETS(PEAK_POINTER)
    };
    static const peak_loops *usable[sizeof all / sizeof *all];
    *n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) if (has_all(m, all[i]->needs)) usable[(*n)++] = all[i];
    return usable;
}

const peak_loops *peaks_reader(const machine *m) {
    size_t n;
    const peak_loops *const *usable = peaks_of(m, &n);
    while (!usable[n - 1]->copy) n--;
    return usable[n - 1];
}

const peak_loops *peaks_limit(const machine *m, peak_kind kind, const char *isa) {
    size_t n, known = 0;
    const peak_loops *const *usable = peaks_of(m, &n), *best = NULL;
    for (size_t i = 1; i < n && isa; i++) if (!strcmp(usable[i]->isa, isa)) known = i;
    for (size_t i = 0; i < (known ? known + 1 : n); i++) if (usable[i]->peak[kind]) best = usable[i];
    return best;
}
