/* Attention over one page of the KV cache, and the merging of pages.
 *
 * A page holds KV_PAGE_POSITIONS positions of one KV head of one layer:
 *     K   [8 groups][k_size][16 positions]        lanes are positions
 *     V   [128 positions][v_size, padded to 16]   lanes are dimensions
 * in f16 or f32, or in q8_0: int8 codes in these places, sizes padded to 32, and behind all of them f16 scales of 32 dimensions each,
 *     K   [8 groups][k_size / 32][16 positions]   V   [v_size / 32][128 positions]
 * or in bf16 pairs, k_size padded to 2:
 *     K   [8 groups][k_size / 2][16 positions][2 dimensions]      V   [64][v_size, padded to 16][2 positions]
 * Unlike in the others, a position that nobody wrote yet is read where its neighbour in a pair was written (and counts nothing): what
 * lies there must be finite.
 * The result of a page is (max, sum, out), not yet divided: max of its scores, sum of 2^(score - max), sum of 2^(..) * v. A score is
 * what softmax raises e to, times log2 e.
 * Pages are merged in ascending order, one by one, so it does not matter which thread computed which page. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/round_up.h"
#include "formats/format.h"
#include "plan/batch.h"

/* Dimensions of K and of V in a page of a type, with their padding. */
static inline size_t attend_k_padded(format_id type, size_t n) { return round_up_size(n, type == FORMAT_q8_0 ? UNIT : type == FORMAT_bf16 ? 2 : 1); }
static inline size_t attend_v_padded(format_id type, size_t n) { return round_up_size(n, type == FORMAT_q8_0 ? UNIT : 16); }

enum { ATTEND_MAX_QUERIES = 64 };       /* rows of q in one call */
#define ATTEND_NOTHING (-1e30f)         /* the max of a query that has seen nothing: finite, so that differences are numbers */

/* The running result of each query; merging starts from max ATTEND_NOTHING, sum 0, out 0, or from the first page's result, which is the same.
 * out: [query][out_stride] floats, v_size padded to 16. max, sum: room for 16 queries more than there are from any query on. */
typedef struct { float *max, *sum, *out; size_t out_stride; } attend_state;

typedef struct {
    const void     *k, *v;              /* of the page */
    const void     *next_k;             /* K of the page that will be attended to next, asked for meanwhile; NULL: not known */
    format_id       k_type, v_type;     /* bf16, f16, f32 or q8_0 */
    const float   **q;                  /* [n_queries] rows of k_size floats */
    uint32_t        n_queries;
    bool            same_queries;       /* as in the call before with the same scratch and types */
    const int32_t  *first, *last;       /* [n_queries] positions within the page that the query sees, inclusive; last < first: none */
    uint32_t        k_size, v_size;
    float           scale, cap;         /* scale * (q k), then cap * tanh(../ cap) where cap > 0, is what e is raised to */
    float          *scores;             /* scratch: [n_queries][KV_PAGE_POSITIONS] */
    float          *wide;               /* scratch: a page of K and V as f32, sizes padded as q8_0's, or the queries rounded to bf16 */
    attend_state    to;                 /* overwritten with the page's result; a query that sees nothing gets ATTEND_NOTHING, 0, 0 */
} attend_args;

typedef struct {
    void (*page)(const attend_args *a);
    /* into = into merged with the page that follows it, for n queries; max and sum of up to 15 more become anything. */
    void (*merge)(attend_state *into, const attend_state *page, uint32_t n_queries, uint32_t v_size);
    /* out[i] = state.out[i] / state.sum: one query, v_size floats. out may be the query's own row of state.out. */
    void (*finish)(float *out, const attend_state *state, uint32_t query, uint32_t v_size);
} attend_kernels;
