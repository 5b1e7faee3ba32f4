/* The tokenizer that a GGUF file describes (metadata tokenizer.ggml.*), for whoever loads a model. */
#pragma once
#include "model/gguf.h"
#include "text/tokenizer.h"

/* Fills *v from the file. Every array's type and length and every id is checked; sentences name file, key and offset.
 * Token texts point into g's mapping. RIDGE_E_UNSUPPORTED for a kind of tokeniser that Ridge lacks. */
int vocabulary_read(vocabulary *v, const gguf *g, error *err);

/* vocabulary_read and tokenizer_new. g must outlive the tokenizer. */
int vocabulary_open(tokenizer **out, const gguf *g, error *err);
