/* Renders Jinja templates for templates.py, which compares with jinja2. One case a line on standard input, each a JSON object:
 *   {"template": "…", "variables": {…}, "messages": […] (optional), "now": 123}
 * and one answer a line: {"text": "…"} or {"error": "…", "code": -3}. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text/chat_template.h"

static int render(json_t *json, buffer *out, error *err) {
    chat_template *t = NULL;
    json_t *source = json_object_get(json, "template");
    char *variables = json_dumps(json_object_get(json, "variables"), JSON_COMPACT);
    char *messages = json_dumps(json_object_get(json, "messages"), JSON_COMPACT);
    int code = chat_template_new(&t, json_string_value(source), json_string_length(source), err);
    if (!code) {
        const chat_template_options options = { .variables = variables, .now = json_integer_value(json_object_get(json, "now")) };
        code = chat_template_render_json(t, messages, strlen(messages), &options, out, err);
    }
    chat_template_free(t);
    free(variables);
    free(messages);
    return code;
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 0) {
        json_error_t problem;
        json_t *json = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, &problem);
        if (!json) {
            fprintf(stderr, "render_template: a case is not JSON: %s\n", problem.text);
            return 2;
        }
        buffer out = {0};
        error err;
        const int code = render(json, &out, &err);
        json_t *answer = code ? json_pack("{s:s, s:i}", "error", err.text, "code", code)
                              : json_pack("{s:s%}", "text", buffer_text(&out), out.n);
        if (!answer) answer = json_pack("{s:s, s:i}", "error", "the rendering is not UTF-8", "code", 0);
        char *text = json_dumps(answer, JSON_COMPACT);
        puts(text);
        free(text);
        json_decref(answer);
        json_decref(json);
        buffer_free(&out);
    }
    free(line);
    return 0;
}
