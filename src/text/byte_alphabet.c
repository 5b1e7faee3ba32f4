/* The alphabet of byte-level BPE (GPT-2's encoder.py): vocabularies spell a byte as a printable character, itself where it is one. */
#include "text/tokenizer_internal.h"

static bool printable(unsigned b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; }

/* Bytes that are not printable take the characters from U+0100 on, in order: 0 to 32, 127 to 160, 173. */
uint32_t byte_alphabet_encode(uint8_t b) {
    if (printable(b)) return b;
    return 0x100 + (b <= 32 ? b : b <= 160 ? b - 127u + 33u : 67u);
}

int byte_alphabet_decode(uint32_t c) {
    if (c < 0x100) return printable(c) ? (int)c : -1;
    if (c <= 0x120) return (int)(c - 0x100);
    if (c <= 0x142) return (int)(c - 0x121 + 127);
    return c == 0x143 ? 173 : -1;
}
