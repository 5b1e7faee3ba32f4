/* Metadata values of a GGUF file: scalars by key, elements of arrays, and how sentences show names and types. */
#include "model/gguf_parse.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const char *gguf_name_text(gguf_string name, char out[GGUF_NAME_TEXT]) {
    enum { SHOWN = GGUF_NAME_TEXT - 6 };        /* less two quotes, three dots, the terminator */
    const size_t n = name.n <= SHOWN ? name.n : SHOWN;
    char *o = out;
    *o++ = '\'';
    for (size_t i = 0; i < n; i++) *o++ = name.text[i] >= ' ' && name.text[i] <= '~' ? name.text[i] : '?';
    for (size_t i = 0; n < name.n && i < 3; i++) *o++ = '.';
    *o++ = '\'';
    *o = 0;
    return out;
}

const char *gguf_type_text(gguf_value_type type, bool is_array) {
#define NAME(n) { n, "array of " n }
    static const char *const names[][2] = {
        [GGUF_U8] = NAME("u8"), [GGUF_I8] = NAME("i8"), [GGUF_U16] = NAME("u16"), [GGUF_I16] = NAME("i16"), [GGUF_U32] = NAME("u32"),
        [GGUF_I32] = NAME("i32"), [GGUF_F32] = NAME("f32"), [GGUF_BOOL] = NAME("bool"), [GGUF_STRING] = NAME("string"),
        [GGUF_ARRAY] = NAME("array"), [GGUF_U64] = NAME("u64"), [GGUF_I64] = NAME("i64"), [GGUF_F64] = NAME("f64"),
    };
#undef NAME
    assert(type <= GGUF_F64);
    return names[type][is_array];
}

int gguf_fail_in_file(error *err, int code, const char *path) {
    enum { SHOWN = 160 };                       /* leaves most of the sentence's room to what is wrong */
    const size_t n = strlen(path);
    fail_within(err, "%s%s", n > SHOWN ? "..." : "", n > SHOWN ? path + n - SHOWN : path);
    return code;
}

/* "PATH: KIND 'NAME', offset N: SENTENCE"; without a kind "PATH: SENTENCE". */
__attribute__((format(printf, 7, 0)))
static int fail_at(error *err, int code, const mapped_file *file, const char *kind, gguf_string name, const unsigned char *at, const char *sentence,
                   va_list args) {
    char text[sizeof err->text], shown[GGUF_NAME_TEXT];
    vsnprintf(text, sizeof text, sentence, args);
    if (kind) fail(err, code, "%s %s, offset %zu: %s", kind, gguf_name_text(name, shown), (size_t)(at - file->data), text);
    else fail(err, code, "%s", text);
    return gguf_fail_in_file(err, code, file->path);
}

int gguf_fail_key(error *err, int code, const gguf *g, const gguf_value *v, const char *sentence, ...) {
    va_list args;
    va_start(args, sentence);
    fail_at(err, code, gguf_part(g, 0), "key", v->key, v->data, sentence, args);
    va_end(args);
    return code;
}

int gguf_fail_tensor(error *err, int code, const gguf *g, const gguf_tensor *t, const char *sentence, ...) {
    va_list args;
    va_start(args, sentence);
    fail_at(err, code, gguf_part(g, t->part), "tensor", t->name, (const unsigned char *)t->name.text - sizeof(uint64_t), sentence, args);
    va_end(args);
    return code;
}

int gguf_fail(error *err, int code, const gguf *g, const char *sentence, ...) {
    va_list args;
    va_start(args, sentence);
    fail_at(err, code, gguf_part(g, 0), NULL, (gguf_string){0}, NULL, sentence, args);
    va_end(args);
    return code;
}

int64_t gguf_element_i64(const gguf_value *v, uint64_t i) {
    assert(i < v->count && v->type != GGUF_STRING);
    const unsigned char *p = v->data;
    switch (v->type) {
    case GGUF_BOOL:
    case GGUF_U8:  return p[i];
    case GGUF_I8:  return (int8_t)p[i];
    case GGUF_U16: { uint16_t e; memcpy(&e, p + i * sizeof e, sizeof e); return e; }
    case GGUF_I16: { int16_t e;  memcpy(&e, p + i * sizeof e, sizeof e); return e; }
    case GGUF_U32: return gguf_load_u32(p + i * 4);
    case GGUF_I32: return (int32_t)gguf_load_u32(p + i * 4);
    case GGUF_U64: { const uint64_t e = gguf_load_u64(p + i * 8); return e > INT64_MAX ? INT64_MAX : (int64_t)e; }
    case GGUF_I64: return (int64_t)gguf_load_u64(p + i * 8);
    case GGUF_F32:
    case GGUF_F64: {
        const double e = gguf_element_f64(v, i);
        if (isnan(e)) return 0;
        return e >= 0x1p63 ? INT64_MAX : e <= -0x1p63 ? INT64_MIN : (int64_t)e;
    }
    case GGUF_STRING:
    case GGUF_ARRAY: break;
    }
    return 0;
}

double gguf_element_f64(const gguf_value *v, uint64_t i) {
    assert(i < v->count && v->type != GGUF_STRING);
    if (v->type == GGUF_F32) { float e;  memcpy(&e, v->data + i * sizeof e, sizeof e); return (double)e; }
    if (v->type == GGUF_F64) { double e; memcpy(&e, v->data + i * sizeof e, sizeof e); return e; }
    if (v->type == GGUF_U64) return (double)gguf_load_u64(v->data + i * 8);
    return (double)gguf_element_i64(v, i);
}

bool gguf_next_string(const gguf_value *v, gguf_cursor *cursor, gguf_string *out) {
    assert(v->type == GGUF_STRING);
    if (cursor->index >= v->count) return false;
    out->n = (size_t)gguf_load_u64(v->data + cursor->at);
    out->text = (const char *)v->data + cursor->at + 8;
    cursor->at += 8 + out->n;
    cursor->index++;
    return true;
}

static bool is_integer(const gguf_value *v) {
    return !v->is_array && v->type != GGUF_STRING && v->type != GGUF_BOOL && v->type != GGUF_F32 && v->type != GGUF_F64;
}

bool gguf_value_u64(const gguf_value *v, uint64_t *out) {
    if (!is_integer(v)) return false;
    const int64_t i = gguf_element_i64(v, 0);
    if (v->type != GGUF_U64 && i < 0) return false;
    *out = v->type == GGUF_U64 ? gguf_load_u64(v->data) : (uint64_t)i;
    return true;
}

/* The sentence for a value that is not what its reader needs. */
static int wrong(const gguf *g, const gguf_value *v, const char *expected, error *err) {
    char held[64];
    const char *type = gguf_type_text(v->type, v->is_array);
    if (is_integer(v) && v->type == GGUF_U64) snprintf(held, sizeof held, "%s %" PRIu64, type, gguf_load_u64(v->data));
    else if (is_integer(v)) snprintf(held, sizeof held, "%s %" PRId64, type, gguf_element_i64(v, 0));
    else if (!v->is_array && (v->type == GGUF_F32 || v->type == GGUF_F64)) snprintf(held, sizeof held, "%s %.9g", type, gguf_element_f64(v, 0));
    else snprintf(held, sizeof held, "%s", type);
    return gguf_fail_key(err, RIDGE_E_BAD_FILE, g, v, "expected %s, but the file has %s", expected, held);
}

int gguf_get_u64(const gguf *g, const char *key, uint64_t *out, error *err) {
    const gguf_value *v = gguf_find(g, key);
    return !v || gguf_value_u64(v, out) ? 0 : wrong(g, v, "an integer from 0 to 2^64 - 1", err);
}

int gguf_get_u32(const gguf *g, const char *key, uint32_t *out, error *err) {
    const gguf_value *v = gguf_find(g, key);
    uint64_t wide;
    if (!v) return 0;
    if (!gguf_value_u64(v, &wide) || wide > UINT32_MAX) return wrong(g, v, "an integer from 0 to 2^32 - 1", err);
    *out = (uint32_t)wide;
    return 0;
}

int gguf_get_f32(const gguf *g, const char *key, float *out, error *err) {
    const gguf_value *v = gguf_find(g, key);
    if (!v) return 0;
    if (v->is_array || v->type == GGUF_STRING || v->type == GGUF_BOOL) return wrong(g, v, "a number", err);
    const double value = gguf_element_f64(v, 0);
    if (!(fabs(value) <= 0x1.fffffep127)) return wrong(g, v, "a finite f32", err);
    *out = (float)value;
    return 0;
}

int gguf_get_bool(const gguf *g, const char *key, bool *out, error *err) {
    const gguf_value *v = gguf_find(g, key);
    if (!v) return 0;
    if (v->is_array || v->type != GGUF_BOOL) return wrong(g, v, "a truth value", err);
    *out = v->data[0];
    return 0;
}

int gguf_get_string(const gguf *g, const char *key, gguf_string *out, error *err) {
    const gguf_value *v = gguf_find(g, key);
    if (!v) return 0;
    if (v->is_array || v->type != GGUF_STRING) return wrong(g, v, "a string", err);
    gguf_next_string(v, &(gguf_cursor){0}, out);
    return 0;
}
