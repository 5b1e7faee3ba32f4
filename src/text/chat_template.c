/* Chat templates: see chat_template.h. */
#include "text/chat_template.h"
#include "text/jinja_eval.h"
#include "text/jinja_json.h"
#include "text/jinja_parser.h"
#include <string.h>

struct chat_template {
    jinja parsed;                   /* owns the tree and the text that it points into */
    const jinja_node *tree;
};

int chat_template_new(chat_template **out, const char *source, size_t n, error *err) {
    error ignored;
    if (!err) err = &ignored;
    *out = NULL;
    chat_template *t = memory_new(1, sizeof *t);
    if (!t) return fail_memory(err, sizeof *t, "a chat template");
    t->parsed.err = err;
    t->tree = jinja_parse(&t->parsed, source, n);
    t->parsed.err = NULL;
    const int code = t->parsed.code;
    if (code) {
        chat_template_free(t);
        fail_within(err, "chat template");
        return code;
    }
    *out = t;
    return 0;
}

void chat_template_free(chat_template *t) {
    if (!t) return;
    jinja_free(&t->parsed);
    memory_free(t);
}

int chat_template_fallback(chat_template **t, error *err) {
    static const char source[] =
        "{% for message in messages %}"
        "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
    return chat_template_new(t, source, sizeof source - 1, err);
}

static jinja_text text_of(const char *s) { return (jinja_text){ s, strlen(s) }; }

static void set(jinja *j, jinja_scope *s, const char *name, jinja_value v) { jinja_scope_set(j, s, text_of(name), v); }

static jinja_value object(jinja *j, const char *text, const char *what) {
    const jinja_value v = jinja_json_read(j, text, strlen(text), what);
    if (!j->code && v.kind != JINJA_DICT) jinja_fail(j, RIDGE_E_BAD_ARGUMENT, "%s must be a JSON object", what);
    return j->code ? jinja_nothing() : v;
}

static jinja_value message_value(jinja *j, const chat_message *m) {
    jinja_dict *d = jinja_dict_new(j);
    jinja_dict_set(j, d, jinja_literal("role"), jinja_literal(m->role));
    jinja_dict_set(j, d, jinja_literal("content"), m->content ? jinja_literal(m->content) : jinja_none());
    if (m->extra) {
        const jinja_value extra = object(j, m->extra, "what a message has beside role and content");
        for (size_t i = 0; !j->code && i < extra.dict->n; i++) jinja_dict_set(j, d, extra.dict->entries[i].key, extra.dict->entries[i].value);
    }
    return jinja_mapping(JINJA_DICT, d);
}

/* The variables that every template sees. */
static void set_variables(jinja *j, jinja_scope *s, jinja_value messages, const chat_template_options *o) {
    set(j, s, "messages", messages);
    set(j, s, "add_generation_prompt", jinja_boolean(o->add_generation_prompt));
    set(j, s, "tools", o->tools ? jinja_json_read(j, o->tools, strlen(o->tools), "the list of tools") : jinja_none());
    set(j, s, "documents", jinja_none());
    if (o->bos_token) set(j, s, "bos_token", jinja_literal(o->bos_token));
    if (o->eos_token) set(j, s, "eos_token", jinja_literal(o->eos_token));
    if (!o->variables) return;
    const jinja_value more = object(j, o->variables, "the template's variables");
    for (size_t i = 0; !j->code && i < more.dict->n; i++) jinja_scope_set(j, s, more.dict->entries[i].key.text, more.dict->entries[i].value);
}

/* Runs the template; `messages` were made in j. Ends j. */
static int render(const chat_template *t, jinja *j, jinja_value messages, const chat_template_options *options, buffer *out, error *err) {
    static const chat_template_options none;
    const chat_template_options *o = options ? options : &none;
    buffer text = {0};
    j->out = &text;
    j->now = o->now;
    jinja_scope *variables = jinja_scope_new(j, NULL), *top = jinja_scope_new(j, variables);
    if (!j->code) set_variables(j, variables, messages, o);
    if (!j->code) jinja_run(j, t->tree, top);
    int code = j->code;
    if (!code) {
        const size_t before = out->n;
        buffer_append(out, text.data, text.n);
        if (out->failed && out->n == before) code = fail_memory(err, text.n, "the rendered conversation");
    }
    if (code) fail_within(err, code == RIDGE_E_BAD_ARGUMENT ? "the chat template refuses the conversation" : "chat template");
    buffer_free(&text);
    jinja_free(j);
    return code;
}

int chat_template_render(const chat_template *t, const chat_message *messages, size_t n, const chat_template_options *options,
                         buffer *out, error *err) {
    error ignored;
    jinja j = { .err = err ? err : &ignored };
    jinja_list *l = jinja_list_new(&j, n);
    for (size_t i = 0; i < n && !j.code; i++) jinja_list_add(&j, l, message_value(&j, &messages[i]));
    return render(t, &j, jinja_sequence(JINJA_LIST, l), options, out, j.err);
}

int chat_template_render_json(const chat_template *t, const char *messages, size_t n, const chat_template_options *options,
                              buffer *out, error *err) {
    error ignored;
    jinja j = { .err = err ? err : &ignored };
    return render(t, &j, jinja_json_read(&j, messages, n, "the list of messages"), options, out, j.err);
}
