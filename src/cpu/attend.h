/* Attention over one page of the KV cache, and the merging of pages.
 *
 * A page holds KV_PAGE_POSITIONS positions of one KV head of one layer:
 *     K   [8 groups][k_size][16 positions]        lanes are positions
 *     V   [128 positions][v_size, padded to 16]   lanes are dimensions
 * in f16 or f32, or in q8_0: int8 codes in these places, sizes padded to 32, and behind all of them f16 scales of 32 dimensions each,
 *     K   [8 groups][k_size / 32][16 positions]   V   [v_size / 32][128 positions]
 * The result of a page is (max, sum, out), not yet divided: max of its scores, sum of exp(score - max), sum of exp(..) * v.
 * Pages are merged in ascending order, one by one, so it does not matter which thread computed which page. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "formats/format.h"
#include "plan/batch.h"

/* Values that n take in a page's rows of a type: whole blocks, and whole vectors of `vector` values. */
static inline size_t attend_padded(format_id type, size_t n, size_t vector) {
    const size_t unit = type == FORMAT_q8_0 ? UNIT : vector;
    return (n + unit - 1) / unit * unit;
}

enum { ATTEND_MAX_QUERIES = 64 };       /* rows of q in one call */
#define ATTEND_NOTHING (-1e30f)         /* the max of a query that has seen nothing: finite, so that differences are numbers */

/* The running result of each query; merging starts from max ATTEND_NOTHING, sum 0, out 0, or from the first page's result, which is the same.
 * out: [query][out_stride] floats, v_size padded to 16. max, sum: room for 16 queries more than there are from any query on. */
typedef struct { float *max, *sum, *out; size_t out_stride; } attend_state;

typedef struct {
    const void     *k, *v;              /* of the page */
    format_id       k_type, v_type;     /* f16, f32 or q8_0 */
    const float   **q;                  /* [n_queries] rows of k_size floats */
    uint32_t        n_queries;
    const int32_t  *first, *last;       /* [n_queries] positions within the page that the query sees, inclusive; last < first: none */
    uint32_t        k_size, v_size;
    float           scale, cap;         /* score = scale * (q k), then cap * tanh(score / cap) where cap > 0 */
    float          *scores;             /* scratch: [n_queries][KV_PAGE_POSITIONS] */
    float          *wide;               /* scratch: a page of K and V as f32, sizes padded as q8_0's */
    attend_state    to;                 /* overwritten with the page's result; a query that sees nothing gets ATTEND_NOTHING, 0, 0 */
} attend_args;

typedef struct {
    void (*page)(const attend_args *a);
    /* into = into merged with the page that follows it, for n queries; max and sum of up to 15 more become anything. */
    void (*merge)(attend_state *into, const attend_state *page, uint32_t n_queries, uint32_t v_size);
    /* out[i] = state.out[i] / state.sum: one query, v_size floats. */
    void (*finish)(float *out, const attend_state *state, uint32_t query, uint32_t v_size);
} attend_kernels;
