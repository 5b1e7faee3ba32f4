/* Attention over one page of the KV cache, and the merging of pages.
 *
 * A page holds KV_PAGE_POSITIONS positions of one KV head of one layer, in f16 or f32:
 *     K   [8 groups][k_size][16 positions]        lanes are positions
 *     V   [128 positions][v_size, padded to 16]   lanes are dimensions
 * The result of a page is (max, sum, out), not yet divided: max of its scores, sum of exp(score - max), sum of exp(..) * v.
 * Pages are merged in ascending order, one by one, so it does not matter which thread computed which page. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "plan/batch.h"

enum { ATTEND_MAX_QUERIES = 64 };       /* rows of q in one call */
#define ATTEND_NOTHING (-1e30f)         /* the max of a query that has seen nothing: finite, so that differences are numbers */

/* The running result of each query; merging starts from max ATTEND_NOTHING, sum 0, out 0. */
typedef struct { float *max, *sum, *out; size_t out_stride; } attend_state;      /* out: [query][out_stride] floats, v_size padded to 16 */

typedef struct {
    const void     *k, *v;              /* of the page */
    const float   **q;                  /* [n_queries] rows of k_size floats */
    uint32_t        n_queries;
    const int32_t  *first, *last;       /* [n_queries] positions within the page that the query sees, inclusive; last < first: none */
    uint32_t        k_size, v_size;
    float           scale, cap;         /* score = scale * (q k), then cap * tanh(score / cap) where cap > 0 */
    float          *scores;             /* scratch: [n_queries][KV_PAGE_POSITIONS] */
    float          *wide;               /* scratch: a page of K and V as f32 */
    attend_state    to;                 /* overwritten with the page's result; a query that sees nothing gets ATTEND_NOTHING, 0, 0 */
} attend_args;

typedef struct {
    void (*page_f16)(const attend_args *a);
    void (*page_f32)(const attend_args *a);
    /* into = into merged with the page that follows it, for n queries. */
    void (*merge)(attend_state *into, const attend_state *page, uint32_t n_queries, uint32_t v_size);
    /* out[i] = state.out[i] / state.sum: one query, v_size floats. */
    void (*finish)(float *out, const attend_state *state, uint32_t query, uint32_t v_size);
} attend_kernels;
