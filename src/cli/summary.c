/* See summary.h. */
#include "cli/summary.h"
#include "base/error.h"
#include "cli/terminal.h"
#include "perf/ceilings.h"

summary summary_make(const ridge_model *m, const ridge_generation *g, double before_seconds) {
    const ridge_model_info info = ridge_model_get_info(m);
    summary s = { .g = *g, .before_seconds = before_seconds, .load_seconds = info.load_seconds };
    if (!(g->tokens_per_second > 0)) return s;
    const size_t middle = g->prompt_tokens + g->tokens / 2;
    s.gb_per_s = ridge_model_bytes_per_token(m, (uint32_t)middle) * g->tokens_per_second / 1e9;
    error ignored;                  /* told as an event */
    if (ceilings_read_bandwidth((int)info.threads, &s.ceiling_gb_per_s, &ignored)) s.ceiling_gb_per_s = 0;
    return s;
}

void summary_print(const summary *s, FILE *out) {
    const ridge_generation *g = &s->g;
    fputs(terminal_dim(out), out);
    if (g->first_token_seconds > 0) {
        fprintf(out, "first token %.3f s", s->before_seconds + g->first_token_seconds);
        if (s->before_seconds > 0) fprintf(out, " (load %.3f s)", s->load_seconds);
        fputs(" | ", out);
    } else if (s->before_seconds > 0) fprintf(out, "load %.3f s | ", s->load_seconds);
    fprintf(out, "prompt %zu tokens, %.1f tok/s", g->processed_tokens, g->prompt_tokens_per_second);
    fprintf(out, " | answer %zu tokens, %.1f tok/s", g->tokens, g->tokens_per_second);
    if (s->gb_per_s > 0 && s->ceiling_gb_per_s > 0) {
        fprintf(out, " = %.1f GB/s, %.0f %% of the measured %.1f", s->gb_per_s, 100 * s->gb_per_s / s->ceiling_gb_per_s, s->ceiling_gb_per_s);
        if (s->gb_per_s > s->ceiling_gb_per_s) fputs(" (caches hold the model)", out);
    }
    else if (s->gb_per_s > 0) fprintf(out, " = %.1f GB/s", s->gb_per_s);
    fprintf(out, "%s\n", terminal_plain(out));
}

json_t *summary_json(const summary *s) {
    const ridge_generation *g = &s->g;
    json_t *all = json_pack("{s:f, s:f, s:f, s:f, s:f}",
                            "load_seconds", s->load_seconds, "prompt_seconds", g->prompt_seconds, "prompt_tokens_per_second", g->prompt_tokens_per_second,
                            "decode_seconds", g->decode_seconds, "tokens_per_second", g->tokens_per_second);
    if (g->first_token_seconds > 0) json_object_set_new(all, "first_token_seconds", json_real(s->before_seconds + g->first_token_seconds));
    if (s->gb_per_s > 0) json_object_set_new(all, "gb_per_second", json_real(s->gb_per_s));
    if (s->gb_per_s > 0 && s->ceiling_gb_per_s > 0) {
        json_object_set_new(all, "measured_gb_per_second", json_real(s->ceiling_gb_per_s));
        json_object_set_new(all, "bandwidth_share", json_real(s->gb_per_s / s->ceiling_gb_per_s));
    }
    return all;
}
