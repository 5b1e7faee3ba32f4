/* See text_input.h. */
#include "cli/text_input.h"
#include <string.h>
#include "base/files.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return -1;
}

void unescape(buffer *text) {
    static const char names[] = "nrt'\"\\", values[] = "\n\r\t'\"\\";
    size_t out = 0;
    for (size_t i = 0; i < text->n; i++) {
        const char *p = text->data + i, *known;
        if (*p == '\\' && i + 1 < text->n && p[1] && (known = strchr(names, p[1]))) {
            text->data[out++] = values[known - names];
            i++;
        } else if (*p == '\\' && i + 3 < text->n && p[1] == 'x' && hex_digit(p[2]) >= 0 && hex_digit(p[3]) >= 0) {
            text->data[out++] = (char)(hex_digit(p[2]) << 4 | hex_digit(p[3]));
            i += 3;
        } else text->data[out++] = *p;
    }
    text->n = out;
    if (text->data) text->data[out] = 0;
}

int join_words(char **words, int n, buffer *out, error *err) {
    for (int i = 0; i < n; i++) {
        if (i) buffer_append_char(out, ' ');
        buffer_append_text(out, words[i]);
    }
    return out->failed ? fail_memory(err, out->n, "the prompt") : 0;
}

int read_text(const char *path, buffer *out, error *err) { return read_whole_file(path, (size_t)1 << 30, out, err); }

int text_first_token(const ridge_model *m, int32_t *out, error *err) {
    ridge_tokens t = {0};
    const int code = ridge_tokenize(m, "", 0, RIDGE_ADD_SPECIAL, &t, err);
    const int32_t bos = ridge_model_get_info(m).bos;
    *out = !code && t.n && t.ids[0] == bos ? bos : -1;
    ridge_tokens_free(&t);
    return code;
}
