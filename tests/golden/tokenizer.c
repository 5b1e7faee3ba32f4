/* Six real vocabularies against libllama, Hugging Face tokenizers and sentencepiece: every case exact. */
#include "test.h"
#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/events.h"
#include "model/vocabulary.h"
#include "vectors.h"

typedef struct {
    const char *name;
    gguf      *file;
    tokenizer *t;
    size_t     failed;      /* mismatches told so far */
} subject;

enum { TOLD = 5 };

static bool open_subject(subject *s, const char *name) {
    char relative[200];
    error e = {0};
    *s = (subject){ .name = name };
    snprintf(relative, sizeof relative, "tokenizer/ggml-vocab-%s.gguf", name);
    const char *path = vectors_path(relative);
    if (!path) return false;
    const uint64_t start = clock_ns();
    if (gguf_open(&s->file, path, &e) || vocabulary_open(&s->t, s->file, &e)) fail_msg("%s: %s", name, e.text);
    printf("%s: %zu tokens, ready in %.1f ms\n", name, tokenizer_n_tokens(s->t), (double)(clock_ns() - start) * 1e-6);
    return true;
}

static void close_subject(subject *s) {
    tokenizer_free(s->t);
    gguf_close(s->file);
}

static char *read_file(const subject *s, const char *suffix, size_t *n) {
    char relative[200];
    snprintf(relative, sizeof relative, "tokenizer/%s", suffix);
    const char *path = vectors_path(relative);
    if (!path) fail_msg("%s: %s is missing", s->name, relative);
    buffer b = {0};
    error e = {0};
    if (read_whole_file(path, 1 << 28, &b, &e)) fail_msg("%s", e.text);
    buffer_append_char(&b, 0);
    *n = b.n - 1;
    return b.data;
}

/* Calls one for each line of a JSONL file; returns how many there were. */
typedef void check_line(subject *s, json_t *line);
static size_t each_line(subject *s, const char *extension, check_line *one) {
    char name[200];
    size_t n, count = 0;
    snprintf(name, sizeof name, "%s%s", s->name, extension);
    char *text = read_file(s, name, &n), *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (!*line) continue;
        json_t *j = json_loads(line, JSON_ALLOW_NUL, NULL);
        if (!j) fail_msg("%s: not JSON: %.100s", name, line);
        one(s, j);
        json_decref(j);
        count++;
    }
    free(text);
    return count;
}

static token_list ids_of(json_t *array) {
    token_list l = {0};
    for (size_t i = 0; i < json_array_size(array); i++) {
        assert_int_equal(token_list_append(&l, (int32_t)json_integer_value(json_array_get(array, i)), NULL), 0);
    }
    return l;
}

static void print_ids(const char *label, const token_list *l) {
    printf("    %s:", label);
    for (size_t i = 0; i < l->n && i < 40; i++) printf(" %d", l->id[i]);
    printf("\n");
}

static void compare_ids(subject *s, const char *what, const token_list *expected, const token_list *got) {
    if (expected->n == got->n && (!got->n || !memcmp(expected->id, got->id, got->n * sizeof *got->id))) return;
    if (s->failed++ >= TOLD) return;
    printf("  %s: %s\n", s->name, what);
    print_ids("expected", expected);
    print_ids("got     ", got);
}

static unsigned flags_of(json_t *line) {
    return (json_is_true(json_object_get(line, "add_special")) ? ENCODE_ADD_SPECIAL : 0u)
         | (json_is_true(json_object_get(line, "parse_special")) ? ENCODE_PARSE_SPECIAL : 0u);
}

static token_list encode(subject *s, const char *text, size_t n, unsigned flags) {
    token_list l = {0};
    error e = {0};
    if (tokenizer_encode(s->t, text, n, flags, &l, &e)) fail_msg("%s: %s", s->name, e.text);
    for (size_t i = 0; i < l.n; i++) assert_true(l.id[i] >= 0 && (size_t)l.id[i] < tokenizer_n_tokens(s->t));
    return l;
}

static void check_encoding(subject *s, json_t *line) {
    json_t *text = json_object_get(line, "text"), *hf = json_object_get(line, "hf_ids");
    const char *prefer = json_string_value(json_object_get(line, "prefer"));
    token_list expected = ids_of(hf && prefer && !strcmp(prefer, "hf") ? hf : json_object_get(line, "ids"));
    token_list got = encode(s, json_string_value(text), json_string_length(text), flags_of(line));
    compare_ids(s, json_string_value(text), &expected, &got);
    token_list_free(&expected);
    token_list_free(&got);
}

static size_t from_hex(const char *hex, char *out) {
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        out[n++] = (char)byte;
    }
    return n;
}

/* Our rule is one U+FFFD for each maximal bad sequence, as Hugging Face's; without hf_ids, libllama agrees. */
static void check_invalid(subject *s, json_t *line) {
    const char *hex = json_string_value(json_object_get(line, "hex"));
    char *bytes = malloc(strlen(hex) / 2 + 1);
    const size_t n = from_hex(hex, bytes);
    json_t *hf = json_object_get(line, "hf_ids");
    token_list expected = ids_of(hf ? hf : json_object_get(line, "ids")), got = encode(s, bytes, n, flags_of(line));
    compare_ids(s, hex, &expected, &got);
    token_list_free(&expected);
    token_list_free(&got);
    free(bytes);
}

static void check_decoding(subject *s, json_t *line) {
    const char *hex = json_string_value(json_object_get(line, "hex"));
    char *bytes = malloc(strlen(hex) / 2 + 1);
    const size_t n = from_hex(hex, bytes);
    token_list ids = ids_of(json_object_get(line, "ids"));
    const bool remove = json_is_true(json_object_get(line, "remove_special")), unparse = json_is_true(json_object_get(line, "unparse_special"));
    buffer out = {0};
    tokenizer_decode(s->t, ids.id, ids.n, (remove ? DECODE_REMOVE_SPECIAL : 0u) | (unparse ? DECODE_UNPARSE_SPECIAL : 0u), &out);
    if ((out.n != n || (n && memcmp(out.data, bytes, n))) && s->failed++ < TOLD) {
        printf("  %s: remove %d, unparse %d: expected \"%.*s\", got \"%.*s\"\n", s->name, remove, unparse, (int)n, bytes, (int)out.n, buffer_text(&out));
    }
    buffer_free(&out);
    token_list_free(&ids);
    free(bytes);
}

static size_t check_pieces(subject *s) {
    char name[200];
    size_t n;
    snprintf(name, sizeof name, "%s.pieces.json", s->name);
    char *text = read_file(s, name, &n);
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    const size_t n_tokens = (size_t)json_integer_value(json_object_get(j, "n")), block = (size_t)json_integer_value(json_object_get(j, "block"));
    json_t *sums = json_object_get(j, "sha256");
    assert_int_equal(n_tokens, tokenizer_n_tokens(s->t));
    assert_int_equal(json_array_size(sums), (n_tokens + block - 1) / block);
    for (size_t first = 0; first < n_tokens; first += block) {
        buffer all = {0};
        for (size_t id = first; id < first + block && id < n_tokens; id++) {
            const text_slice piece = tokenizer_piece(s->t, (int32_t)id);
            const uint32_t length = (uint32_t)piece.n;
            buffer_append(&all, &length, sizeof length);
            buffer_append(&all, piece.text, piece.n);
        }
        unsigned char sum[SHA256_DIGEST_LENGTH];
        char hex[2 * SHA256_DIGEST_LENGTH + 1];
        SHA256((const unsigned char *)all.data, all.n, sum);
        for (size_t i = 0; i < sizeof sum; i++) snprintf(hex + 2 * i, 3, "%02x", sum[i]);
        if (strcmp(hex, json_string_value(json_array_get(sums, first / block))) && s->failed++ < TOLD) {
            printf("  %s: pieces from %zu on differ\n", s->name, first);
        }
        buffer_free(&all);
    }
    json_decref(j);
    free(text);
    return n_tokens;
}

/* llama.cpp's own pairs: texts between separators, a line of ids for each. */
static size_t check_pairs(subject *s) {
    static const char separator[] = "\n__ggml_vocab_test__\n";
    char name[200];
    size_t n, count = 0;
    snprintf(name, sizeof name, "ggml-vocab-%s.gguf.inp", s->name);
    char *input = read_file(s, name, &n);
    snprintf(name, sizeof name, "ggml-vocab-%s.gguf.out", s->name);
    char *output = read_file(s, name, &n), *lines = output;
    for (char *text = input, *end; text; text = end ? end + sizeof separator - 1 : NULL) {
        end = strstr(text, separator);
        char *line = strsep(&lines, "\n");
        assert_non_null(line);
        token_list expected = {0};
        for (char *next; ; line = next) {
            const long id = strtol(line, &next, 10);
            if (next == line) break;
            assert_int_equal(token_list_append(&expected, (int32_t)id, NULL), 0);
        }
        token_list got = encode(s, text, end ? (size_t)(end - text) : strlen(text), 0);
        compare_ids(s, text, &expected, &got);
        token_list_free(&expected);
        token_list_free(&got);
        count++;
    }
    free(input);
    free(output);
    return count;
}

static void ignore_event(void *user, event_kind kind, const char *text) {
    (void)kind;
    (void)text;
    ++*(size_t *)user;
}

static void check_vocabulary(const char *name, bool has_pairs) {
    subject s;
    size_t events = 0;
    if (!open_subject(&s, name)) fail_msg("%s: no vocabulary", name);
    const size_t cases = each_line(&s, ".jsonl", check_encoding);
    const size_t decodings = each_line(&s, ".detok.jsonl", check_decoding);
    event_redirect(ignore_event, &events);
    const size_t invalid_before = event_count(EVENT_invalid_utf8);
    const size_t invalid = each_line(&s, ".invalid.jsonl", check_invalid);
    assert_int_equal(event_count(EVENT_invalid_utf8) - invalid_before, invalid);
    event_redirect(NULL, NULL);
    const size_t pieces = check_pieces(&s), pairs = has_pairs ? check_pairs(&s) : 0;
    printf("%s: %zu encodings, %zu invalid texts, %zu decodings, %zu pieces, %zu pairs: %zu differ\n", name, cases, invalid, decodings, pieces, pairs,
           s.failed);
    assert_true(cases == 751 && invalid == 178 && decodings > 300 && pairs == (has_pairs ? 47u : 0u));
    assert_int_equal(s.failed, 0);
    close_subject(&s);
}

static void gpt_2(void **state)        { (void)state; check_vocabulary("gpt-2", true); }
static void llama_bpe(void **state)    { (void)state; check_vocabulary("llama-bpe", true); }
static void llama_spm(void **state)    { (void)state; check_vocabulary("llama-spm", true); }
static void qwen2(void **state)        { (void)state; check_vocabulary("qwen2", true); }
static void deepseek_llm(void **state) { (void)state; check_vocabulary("deepseek-llm", true); }
static void smollm2(void **state)      { (void)state; check_vocabulary("smollm2", false); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt_2), cmocka_unit_test(llama_bpe), cmocka_unit_test(llama_spm),
        cmocka_unit_test(qwen2), cmocka_unit_test(deepseek_llm), cmocka_unit_test(smollm2),
    };
    if (vectors_missing("tokenizer/summary.json")) return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
