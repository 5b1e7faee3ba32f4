/* Tiny models with random weights, written as GGUF files with the keys and tensor names of the real ones: what tests run whole
 * models on where no other file is at hand. Deterministic: equal descriptions give equal bytes on every machine. */
#pragma once
#include "support/gguf_writer.h"

/* Start from tiny_model_default and change what the test is about. */
typedef struct {
    const char *architecture;       /* llama, qwen2, qwen3, gemma2, gemma3, phi3, olmo2, granite, smollm3: which tensors and keys there are */
    format_id   weights;            /* of all matrices; a matrix whose rows are no multiple of its block falls back to q8_0, then f16 */
    format_id   others;             /* of attn_v and ffn_down, so that a file may be mixed; FORMAT_COUNT: as weights */
    uint32_t    n_layers, hidden, n_heads, n_kv_heads, head, ff, vocabulary, context;
    uint32_t    window;             /* sliding window, for gemma2, gemma3 and phi3; 0: none */
    float       attention_cap, logit_cap;       /* gemma2 only; 0: none */
    float       embedding_scale, residual_scale, attention_scale, logit_scale;      /* granite only; 0: none */
    float       rope_base, rope_factor;         /* rope_factor 0: no scaling; else linear */
    bool        tied;               /* no output.weight */
    bool        rope_factors;       /* rope_freqs.weight, as Llama 3 has it; only llama */
    bool        fits_bf16;          /* dense weights are rounded so that bf16 holds them */
    bool        sentencepiece;      /* a SentencePiece vocabulary with byte fallback instead of byte-level BPE */
    uint64_t    seed;
} tiny_model;

/* 2 layers (gemma3: 6, one of them global; smollm3: 4, one of them not rotated), hidden 256, 4 heads of 64 over 2 (phi3: 4), ff 544, vocabulary 515, f16. */
tiny_model tiny_model_default(const char *architecture);

/* Models of one layer whose rows lie in several sections (formats/layout.h): 0: those of gate and up, which take turns, where sections are of 1024
 * values; 1: those of down, wherever this runs. */
enum { TINY_LONG_ROWS = 2 };
tiny_model tiny_model_long_rows(int which);

/* Puts keys and tensors into a zeroed writer. */
void tiny_model_build(const tiny_model *m, gguf_writer *w);
/* Writes the file; a failure ends the program. */
void tiny_model_write(const tiny_model *m, const char *path);

/* Ids of the control tokens of either vocabulary: the last three. */
uint32_t tiny_model_end_of_text(const tiny_model *m);       /* <|endoftext|>: begin of sequence, where one is asked for */
uint32_t tiny_model_turn_start(const tiny_model *m);        /* <|im_start|> */
uint32_t tiny_model_turn_end(const tiny_model *m);          /* <|im_end|>: end of sequence */
