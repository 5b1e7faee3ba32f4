/* Chat templates: from messages to the text that a model was trained on, by the Jinja template that its file carries.
 *
 * Rendered as Hugging Face's transformers do: jinja2's ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks, loop
 * controls, its tojson, raise_exception and strftime_now. What a template may spend is limited (jinja_value.h). */
#pragma once
#include "base/buffer.h"
#include "base/error.h"

typedef struct chat_template chat_template;

typedef struct {
    const char *role;           /* "system", "user", "assistant", … */
    const char *content;        /* NULL: None, as beside tool calls */
    const char *extra;          /* a JSON object with further keys (tool_calls, …), or NULL; a key here wins over those above */
} chat_message;

typedef struct {
    bool add_generation_prompt; /* end where the assistant's answer begins */
    const char *bos_token, *eos_token;  /* their texts; NULL: undefined in the template */
    const char *tools;          /* a JSON array, or NULL: None */
    const char *variables;      /* a JSON object of further variables ({"enable_thinking": false}), or NULL */
    int64_t now;                /* seconds since 1970 for strftime_now; 0: the clock's. Shown in local time. */
} chat_template_options;

/* Parses a template; it is copied. RIDGE_E_BAD_FILE (not a template), RIDGE_E_UNSUPPORTED (a limit or an unsupported statement):
 * the text names the line and what. End with chat_template_free. */
int  chat_template_new(chat_template **t, const char *source, size_t n, error *err);
void chat_template_free(chat_template *t);
/* Appends the text for n messages to *out, which is left as it was after an error. RIDGE_E_BAD_ARGUMENT where the template
 * refuses the conversation (its own message) or options are not JSON; RIDGE_E_BAD_FILE where the template is in error;
 * RIDGE_E_UNSUPPORTED where it goes beyond a limit. options may be NULL. A template may be rendered by several threads at once. */
int  chat_template_render(const chat_template *t, const chat_message *messages, size_t n, const chat_template_options *options,
                          buffer *out, error *err);
/* The same with messages as a JSON array. */
int  chat_template_render_json(const chat_template *t, const char *messages, size_t n, const chat_template_options *options,
                               buffer *out, error *err);

/* For files without a template: a plain one in the style of ChatML ("<|im_start|>role\ncontent<|im_end|>\n"). The caller reports
 * EVENT_missing_chat_template when it uses this. */
int  chat_template_fallback(chat_template **t, error *err);
