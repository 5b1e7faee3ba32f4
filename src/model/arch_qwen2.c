/* Qwen 2 and 2.5 (arXiv:2407.10671, arXiv:2412.15115): Llama with biases of q, k and v, and halves of a head rotated. */
#include "model/transformer.h"

value_id qwen2_describe(plan_builder *b, const hyperparameters *h) { return transformer_describe(b, h, true); }
