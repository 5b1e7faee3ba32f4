/* UTF-8: see utf8.h. */
#include "text/utf8.h"
#include <string.h>

/* How a sequence may go on after its first byte (Unicode standard, table 3-7): n more bytes, the first of them in [low, high]. */
typedef struct { unsigned char more, low, high; } continuation;

static continuation continuation_of(unsigned char lead) {
    if (lead >= 0xc2 && lead <= 0xdf) return (continuation){ 1, 0x80, 0xbf };
    if (lead == 0xe0) return (continuation){ 2, 0xa0, 0xbf };
    if (lead == 0xed) return (continuation){ 2, 0x80, 0x9f };       /* no surrogates */
    if (lead >= 0xe1 && lead <= 0xef) return (continuation){ 2, 0x80, 0xbf };
    if (lead == 0xf0) return (continuation){ 3, 0x90, 0xbf };
    if (lead == 0xf4) return (continuation){ 3, 0x80, 0x8f };       /* nothing above U+10FFFF */
    if (lead >= 0xf1 && lead <= 0xf3) return (continuation){ 3, 0x80, 0xbf };
    return (continuation){ 0, 0, 0 };
}

utf8_character utf8_next(const char *text, size_t n) {
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80) return (utf8_character){ .bytes = 1, .code_point = p[0], .valid = true };
    const continuation c = continuation_of(p[0]);
    uint32_t code_point = p[0] & (0x3f >> c.more);
    size_t i = 1;
    for (; i <= c.more && i < n; i++) {
        const unsigned char low = i == 1 ? c.low : 0x80, high = i == 1 ? c.high : 0xbf;
        if (p[i] < low || p[i] > high) break;
        code_point = code_point << 6 | (p[i] & 0x3f);
    }
    if (c.more && i > c.more) return (utf8_character){ .bytes = i, .code_point = code_point, .valid = true };
    return (utf8_character){ .bytes = i, .code_point = 0xfffd, .incomplete = c.more && i == n };
}

size_t utf8_valid_prefix(const char *text, size_t n) {
    size_t i = 0;
    while (i < n) {
        uint64_t eight;
        while (i + 8 <= n && (memcpy(&eight, text + i, 8), !(eight & 0x8080808080808080u))) i += 8;
        if (i == n) break;
        const utf8_character c = utf8_next(text + i, n - i);
        if (!c.valid) break;
        i += c.bytes;
    }
    return i;
}

size_t utf8_repair(buffer *out, const char *text, size_t n) {
    size_t bad = 0;
    for (size_t i = 0; i < n;) {
        const size_t good = utf8_valid_prefix(text + i, n - i);
        buffer_append(out, text + i, good);
        i += good;
        if (i == n) break;
        i += utf8_next(text + i, n - i).bytes;
        buffer_append(out, "\xef\xbf\xbd", 3);
        bad++;
    }
    return bad;
}

size_t utf8_write(char out[4], uint32_t c) {
    if (c < 0x80) { out[0] = (char)c; return 1; }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> n) | c);
    return n;
}
