/* The vocabularies of tiny models: small, but whole, so that any text can be tokenised. */
#pragma once
#include "support/tiny_model.h"

/* Writes the tokenizer.* keys: m->vocabulary tokens, of which the last three are control tokens, and a ChatML template. */
void tiny_vocabulary_build(const tiny_model *m, gguf_writer *w);
