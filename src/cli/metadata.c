/* See metadata.h. */
#include "cli/metadata.h"
#include <inttypes.h>
#include <stdio.h>

enum { ELEMENTS_SHOWN = 6 };

static void show_text(buffer *out, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '\n') buffer_append_text(out, "\\n");
        else if (c < 32 || c == 127) buffer_printf(out, "\\x%02x", c);
        else buffer_append_char(out, (char)c);
    }
}

static void show_value(buffer *out, const ridge_value *v) {
    switch (v->kind) {
    case RIDGE_VALUE_BOOL:     buffer_append_text(out, v->truth ? "true" : "false"); break;
    case RIDGE_VALUE_UNSIGNED: buffer_printf(out, "%" PRIu64, v->unsigned_number); break;
    case RIDGE_VALUE_SIGNED:   buffer_printf(out, "%" PRId64, v->signed_number); break;
    case RIDGE_VALUE_REAL:     buffer_printf(out, "%.9g", v->real); break;
    case RIDGE_VALUE_TEXT:     show_text(out, v->text, v->text_bytes); break;
    }
}

void metadata_show(ridge_metadata *m, buffer *out) {
    ridge_value v;
    if (m->is_array) buffer_append_char(out, '[');
    for (int i = 0; i < ELEMENTS_SHOWN && ridge_metadata_next(m, &v); i++) {
        if (i) buffer_append_text(out, ", ");
        show_value(out, &v);
    }
    if (!m->is_array) return;
    if (m->n > ELEMENTS_SHOWN) buffer_printf(out, ", ... %" PRIu64 " in all", m->n);
    buffer_append_char(out, ']');
}

static void append_hex(buffer *out, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) buffer_printf(out, "%02x", (unsigned char)text[i]);
}

static json_t *hex_json(const char *text, size_t n) {
    buffer hex = {0};
    append_hex(&hex, text, n);
    json_t *j = hex.failed ? NULL : json_pack("{s:s}", "hex", buffer_text(&hex));
    buffer_free(&hex);
    return j;
}

static json_t *value_json(const ridge_value *v) {
    char digits[24];
    json_t *j;
    switch (v->kind) {
    case RIDGE_VALUE_BOOL:   return json_boolean(v->truth);
    case RIDGE_VALUE_SIGNED: return json_integer(v->signed_number);
    case RIDGE_VALUE_REAL:
        j = json_real(v->real);                         /* refuses what is not finite */
        return j ? j : json_null();
    case RIDGE_VALUE_UNSIGNED:
        if (v->unsigned_number <= INT64_MAX) return json_integer((json_int_t)v->unsigned_number);
        snprintf(digits, sizeof digits, "%" PRIu64, v->unsigned_number);
        return json_string(digits);
    case RIDGE_VALUE_TEXT:
        j = json_stringn(v->text, v->text_bytes);       /* refuses what is not UTF-8 */
        return j ? j : hex_json(v->text, v->text_bytes);
    }
    return NULL;
}

/* The value, or a list of the elements; NULL where memory ran out. */
static json_t *values_json(ridge_metadata *m) {
    ridge_value v;
    if (!m->is_array) return ridge_metadata_next(m, &v) ? value_json(&v) : NULL;
    json_t *list = json_array();
    int failed = !list;
    while (!failed && ridge_metadata_next(m, &v)) failed = json_array_append_new(list, value_json(&v));
    if (!failed) return list;
    json_decref(list);
    return NULL;
}

/* Sets all[key]; a key that is not UTF-8, which only broken writers make, becomes "hex:...". */
static int set(json_t *all, const ridge_metadata *m, json_t *value) {
    json_t *key = json_stringn(m->key, m->key_bytes);
    const bool utf8 = key != NULL;
    json_decref(key);
    if (utf8) return json_object_setn_new(all, m->key, m->key_bytes, value);
    buffer hex = {0};
    buffer_append_text(&hex, "hex:");
    append_hex(&hex, m->key, m->key_bytes);
    const int failed = json_object_set_new(all, buffer_text(&hex), value);
    buffer_free(&hex);
    return failed;
}

json_t *metadata_json(const ridge_model *m) {
    json_t *all = json_object();
    ridge_metadata data;
    int failed = !all;
    for (size_t i = 0; !failed && ridge_model_metadata(m, i, &data); i++) failed = set(all, &data, values_json(&data));
    if (!failed) return all;
    json_decref(all);
    return NULL;
}
