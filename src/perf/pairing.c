/* Pairing: see pairing.h. */
#include "perf/pairing.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static const double LEAST_BYTES = 32 << 20, READ_SECONDS = 0.02, PEAK_SECONDS = 0.01;
enum { SAMPLES = 3, SETTLE_NS = 2000000 };      /* longer than a backend's threads spin before they sleep */

int pairing_open(pairing *p, int threads, double bytes, const char *arithmetic, const char *isa, error *err) {
    *p = (pairing){ .threads = threads > crew_most() ? crew_most() : threads, .dots = 1, .kind = PEAK_f32 };
    if (!strcmp(arithmetic, "bf16")) p->kind = PEAK_bf16;
    if (!strcmp(arithmetic, "int8")) p->kind = PEAK_int8;
    if (!strcmp(arithmetic, "int24")) { p->kind = PEAK_int8; p->dots = 3; }
    p->loops = peaks_limit(machine_here(), p->kind, isa);
    if (!p->loops && p->kind == PEAK_bf16) { p->kind = PEAK_f32; p->loops = peaks_limit(machine_here(), p->kind, isa); }
    const double most = (double)probe_memory_bytes(), clamped = bytes < LEAST_BYTES ? LEAST_BYTES : bytes > most ? most : bytes;
    return probe_memory_open(&p->memory, p->threads, (size_t)clamped, 0, err);
}

void pairing_close(pairing *p) { probe_memory_close(&p->memory); }

int pairing_take(const pairing *p, pairing_probe *out, error *err) {
    probe_samples s;
    nanosleep(&(struct timespec){ .tv_nsec = SETTLE_NS }, NULL);
    int code = probe_read(&p->memory, READ_SECONDS, SAMPLES, &s, err);
    if (code) return code;
    *out = (pairing_probe){ .read = probe_median(&s) };
    if (!p->loops) return 0;
    code = probe_peak(p->threads, p->loops, p->kind, PEAK_SECONDS, SAMPLES, &s, err);
    if (!code) out->peak = probe_median(&s) / p->dots;
    return code;
}

void pairing_peak_name(const pairing *p, char *text, size_t room) {
    if (!p->loops) snprintf(text, room, "none");
    else snprintf(text, room, "%s%s by %s", p->dots > 1 ? "3 x " : "", peak_name[p->kind], p->loops->isa);
}
