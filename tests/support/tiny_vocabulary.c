/* Tiny vocabularies: see tiny_vocabulary.h. Byte-level BPE is 256 byte tokens and what a list of merges makes of them;
 * SentencePiece is 256 byte tokens, single characters and a few words, the more frequent ones first. */
#include "support/tiny_vocabulary.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

enum { TOKEN_ROOM = 24, NORMAL = 1, UNKNOWN = 2, CONTROL = 3, UNUSED = 5, BYTE = 6 };

static const char chat_template[] =
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

typedef struct {
    const char *tokens[4096];
    char        text[4096][TOKEN_ROOM];
    int32_t     types[4096];
    float       scores[4096];
    uint32_t    n;
} vocabulary;

static void add(vocabulary *v, int type, const char *text) {
    snprintf(v->text[v->n], TOKEN_ROOM, "%s", text);
    v->tokens[v->n] = v->text[v->n];
    v->types[v->n] = type;
    v->scores[v->n] = type == NORMAL ? -(float)v->n : 0;
    v->n++;
}

/* The character by which byte-level BPE spells a byte: itself where it is printable in Latin-1, otherwise the next one from U+0100. */
static void byte_character(unsigned byte, char out[3]) {
    unsigned c = 256;
    for (unsigned b = 0; b <= byte; b++) {
        const int printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == byte && printable) c = b;
        else if (b == byte) break;
        else if (!printable) c++;
    }
    snprintf(out, 3, "%s", c < 128 ? (char[]){ (char)c, 0 } : (char[]){ (char)(0xc0 | c >> 6), (char)(0x80 | (c & 63)), 0 });
}

/* Merges in order of their rank; G stands for the character that spells a space. */
static const char *const merges[] = {
    "G t", "h e", "i n", "e r", "o n", "r e", "a n", "Gt he", "o u", "G a", "n d", "Ga nd", "l l", "o r", "in g", "G w", "G s", "e n", "a t",
    "i s", "Gt o", "G o", "Go f", "y ou", "G you", "Gw or", "l o", "ll o", "he llo", "H e", "He llo", "Gwor l", "Gworl d", "i t", "e s",
    "G i", "Gi s", "Gi n", "o w", "h at", "W hat", "Gt hat", "u s", "us er", "s s", "a ss", "ass is", "assis t", "assist an", "assistan t",
    "s y", "sy s", "t e", "sys te", "syste m", "0 0", "1 2", "G 1", "1 0", "G G", "GG GG", "Ċ Ċ", ". Ċ",
};
enum { N_MERGES = sizeof merges / sizeof *merges };

/* Copies a merge with "Ġ" for each G; without the space between its halves where `joined`. */
static void spell(const char *merge, bool joined, char out[TOKEN_ROOM]) {
    size_t n = 0;
    for (; *merge; merge++) {
        if (*merge == 'G') n += (size_t)snprintf(out + n, TOKEN_ROOM - n, "Ġ");
        else if (*merge != ' ' || !joined) out[n++] = *merge;
    }
    out[n] = 0;
}

static void add_byte_level(const tiny_model *m, vocabulary *v, gguf_writer *w) {
    static char spelled[N_MERGES][TOKEN_ROOM];
    const char *list[N_MERGES];
    char text[TOKEN_ROOM];
    for (unsigned b = 0; b < 256; b++) {
        byte_character(b, text);
        add(v, NORMAL, text);
    }
    for (size_t i = 0; i < N_MERGES; i++) {
        spell(merges[i], false, spelled[i]);
        list[i] = spelled[i];
        spell(merges[i], true, text);
        add(v, NORMAL, text);
    }
    gguf_writer_string(w, "tokenizer.ggml.model", "gpt2");
    gguf_writer_string(w, "tokenizer.ggml.pre", !strncmp(m->architecture, "qwen", 4) ? "qwen2" : "llama-bpe");
    gguf_writer_strings(w, "tokenizer.ggml.merges", list, N_MERGES);
}

static void add_sentencepiece(vocabulary *v, gguf_writer *w) {
    static const char *const words[] = {
        "▁", "▁t", "he", "▁the", "in", "er", "▁a", "nd", "▁and", "on", "re", "▁w", "or", "ll", "▁wor", "ld", "▁world",
        "▁H", "el", "lo", "ello", "▁Hello",
    };
    char text[TOKEN_ROOM];
    add(v, UNKNOWN, "<unk>");
    add(v, CONTROL, "<s>");
    add(v, CONTROL, "</s>");
    for (unsigned b = 0; b < 256; b++) {
        snprintf(text, sizeof text, "<0x%02X>", b);
        add(v, BYTE, text);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) add(v, NORMAL, words[i]);
    for (char c = '!'; c <= '~'; c++) add(v, NORMAL, (char[]){ c, 0 });
    gguf_writer_string(w, "tokenizer.ggml.model", "llama");
    gguf_writer_string(w, "tokenizer.ggml.pre", "default");
}

void tiny_vocabulary_build(const tiny_model *m, gguf_writer *w) {
    vocabulary *v = memory_new(1, sizeof *v);
    if (!v) abort();
    if (m->sentencepiece) add_sentencepiece(v, w);
    else add_byte_level(m, v, w);
    if (m->vocabulary > 4096 || v->n + 3 > m->vocabulary) {
        fprintf(stderr, "tiny_model: a vocabulary of %u tokens; possible are %u to 4096\n", m->vocabulary, v->n + 3);
        abort();
    }
    char text[TOKEN_ROOM];
    while (v->n < m->vocabulary - 3) {
        snprintf(text, sizeof text, "<|unused_%u|>", v->n);
        add(v, UNUSED, text);
    }
    add(v, CONTROL, "<|endoftext|>");
    add(v, CONTROL, "<|im_start|>");
    add(v, CONTROL, "<|im_end|>");
    gguf_writer_strings(w, "tokenizer.ggml.tokens", v->tokens, v->n);
    gguf_writer_array(w, "tokenizer.ggml.token_type", GGUF_I32, v->types, v->n);
    if (m->sentencepiece) {
        gguf_writer_array(w, "tokenizer.ggml.scores", GGUF_F32, v->scores, v->n);
        gguf_writer_u32(w, "tokenizer.ggml.unknown_token_id", 0);
        gguf_writer_bool(w, "tokenizer.ggml.add_space_prefix", strncmp(m->architecture, "gemma", 5) != 0);
    }
    gguf_writer_u32(w, "tokenizer.ggml.bos_token_id", m->sentencepiece ? 1 : tiny_model_end_of_text(m));
    gguf_writer_u32(w, "tokenizer.ggml.eos_token_id", tiny_model_turn_end(m));
    gguf_writer_bool(w, "tokenizer.ggml.add_bos_token", m->sentencepiece);
    gguf_writer_string(w, "tokenizer.chat_template", chat_template);
    memory_free(v);
}
