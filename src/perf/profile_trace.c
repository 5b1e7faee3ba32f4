/* A profile's spans as a file that chrome://tracing and ui.perfetto.dev open: see profile_report.h. Times are in microseconds from the
 * first span on, to the nanosecond. */
#include <stdlib.h>
#include "base/files.h"
#include "perf/profile_report.h"

static const char *const category[] = {
    [RIDGE_SPAN_RUN] = "run", [RIDGE_SPAN_SAMPLING] = "sampling", [RIDGE_SPAN_STEP] = "step", [RIDGE_SPAN_WAIT] = "wait",
};

static json_t *event_json(const ridge_profile_span *s, uint64_t first) {
    json_t *arguments = json_object();
    if (s->kind == RIDGE_SPAN_RUN) json_object_set_new(arguments, "tokens", json_integer(s->tokens));
    if (s->kind == RIDGE_SPAN_WAIT) json_object_set_new(arguments, "behind", json_string(s->text));
    if (s->layer >= 0) json_object_set_new(arguments, "layer", json_integer(s->layer));
    if (s->bytes > 0) json_object_set_new(arguments, "bytes", json_real(s->bytes));
    if (s->operations > 0) json_object_set_new(arguments, "operations", json_real(s->operations));
    return json_pack("{s:s, s:s, s:s, s:i, s:I, s:f, s:f, s:o}", "ph", "X", "name", s->kind == RIDGE_SPAN_WAIT ? "wait" : s->text, "cat", category[s->kind],
                     "pid", 1, "tid", (json_int_t)s->thread, "ts", (double)(int64_t)(s->start_ns - first) * 1e-3,
                     "dur", (double)(int64_t)(s->end_ns - s->start_ns) * 1e-3, "args", arguments);
}

/* Appends an event, a line each; takes the reference. */
static void put_event(buffer *out, json_t *event) {
    char *text = event ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(event);
    if (!text) {
        out->failed = true;
        return;
    }
    if (out->n && out->data[out->n - 1] == '}') buffer_append_text(out, ",\n");
    buffer_append_text(out, text);
    free(text);
}

static void name_thread(buffer *out, uint32_t thread) {
    char name[40];
    snprintf(name, sizeof name, thread ? "thread %u" : "thread %u (the caller's)", thread);
    put_event(out, json_pack("{s:s, s:s, s:i, s:I, s:{s:s}}", "ph", "M", "name", "thread_name", "pid", 1, "tid", (json_int_t)thread, "args", "name", name));
}

int profile_trace_write(const char *path, profile_span_source *source, const ridge_profile *p, error *err) {
    buffer text = {0};
    ridge_profile_span s;
    uint64_t first = 0;
    uint32_t threads = 0;
    buffer_append_text(&text, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    for (size_t i = 0; source(p, i, &s) && !text.failed; i++) {
        if (!i) first = s.start_ns;
        for (; threads <= s.thread; threads++) name_thread(&text, threads);
        if (s.end_ns > s.start_ns) put_event(&text, event_json(&s, first));
    }
    buffer_append_text(&text, "\n]}\n");
    const int code = text.failed ? fail_memory(err, text.n, "a trace") : write_whole_file(path, text.data, text.n, err);
    buffer_free(&text);
    return code;
}
