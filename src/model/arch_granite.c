/* Granite 3 (IBM): Llama with multipliers of the embedding, of what is added to the residual stream, of the scores and of the logits
 * (the last one divides), all of which the metadata name. The file permutes the rows of q and k so that neighbours are rotated. */
#include "model/transformer.h"

value_id granite_describe(plan_builder *b, const hyperparameters *h) { return transformer_describe(b, h, false); }
