/*
 * Losses that know their batch only through a few sums. Three functions make one: gather (an element to its terms), close (the
 * sums to the value, and to facts), spread (the facts to an element's slopes). The engine multiplies terms by weights and
 * adds them up exactly, so such a loss streams, merges and threads like a mean. All in double.
 *
 * A term should never be a difference of two others: what nearly cancels in the value is a sum of its own.
 */
#ifndef LIBLOSS_KERNEL_SUMS_H
#define LIBLOSS_KERNEL_SUMS_H

#define INSIDE_F64
#include "loss.h"
#include "math.h"

/* By each of the two inputs; the element's weight is in them. */
typedef struct {
    real grad[2], hess[2];
} slope;

/* What losses of overlaps take. */
#define MASK_INPUTS                                                                           \
    INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probability of each element"), \
        INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "1 where the element belongs to the class, 0 where not, or a share")
#define SMOOTHING_PARAMS                                                                              \
    PARAM(smooth_nr, 0, AT_LEAST(0), "added above"), PARAM(smooth_dr, 0, AT_LEAST(0), "added below"), \
        CHOICE(empty_class, 0, "0 nan", "the loss where nothing is there and nothing is said to be")

/* What overlaps share: L = 1 - above/below, whose slope by an element is (score * growth of below - growth of above) / below. */
enum { INVERSE, INVERSE_SQUARED, SCORE, DISTANCE };

/* `apart` is below - above without smoothing, a sum of its own. 0/0 counts as perfect, unless empty is NaN. */
FORMULA double close_overlap(pair above, pair below, double apart, double smoothing, int empty_is_nan, double *fact)
{
    fact[INVERSE] = fact[INVERSE_SQUARED] = fact[SCORE] = fact[DISTANCE] = 0;
    if (below.hi == 0) return empty_is_nan ? (double)__builtin_nanf("") : 0;
    pair inverse = pair_div_to_pair((pair){ 1, 0 }, below);
    fact[INVERSE] = inverse.hi;
    fact[INVERSE_SQUARED] = pair_div(inverse, below);
    fact[SCORE] = pair_div(above, below);
    return fact[DISTANCE] = pair_div(two_sum(apart, smoothing), below);
}

typedef void gather_formula(const real *x, const real *param, real *term);
typedef slope spread_formula(const real *x, real w, const real *fact, const real *param);

FORMULA void gather_loop(const sums_tile *tile, gather_formula *f, const int terms, const int ones)
{
    const ptrdiff_t n = tile->count;
    const stored *a = tile->input[0], *b = tile->input[1];
    double *term[MAX_TERMS];
    real param[MAX_PARAMETERS];
    for (int k = 0; k < MAX_TERMS; k++) term[k] = tile->term[k];
    for (int k = 0; k < MAX_PARAMETERS; k++) param[k] = tile->param[k];
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        real x[2] = { a[i], b[i] }, t[MAX_TERMS];
        f(x, param, t);
        for (int k = 0; k < terms; k++)
            if (k != ones) term[k][i] = t[k];
    }
}

/* A curvature upwards: what a batch's value bends down by counts as much upwards, and a straight line as 1. */
FORMULA real upwards(real hess, real grad, real w) { return ((hess == 0) & (grad != 0)) ? w : abs_(hess); }

/* `direct` is a constant: whether the gradient by the prediction is stored, or everything given. What has no weight is not there. */
FORMULA void spread_loop(const sums_tile *tile, spread_formula *f, const int direct)
{
    const ptrdiff_t n = tile->count;
    const stored *a = tile->input[0], *b = tile->input[1];
    const double *weight = tile->weight, factor = tile->factor;
    const int upper = tile->upper;
    stored *to = tile->direct;
    double *g0 = tile->grad[0], *g1 = tile->grad[1], *h0 = tile->hess[0], *h1 = tile->hess[1];
    real param[MAX_PARAMETERS], fact[MAX_FACTS];
    for (int k = 0; k < MAX_PARAMETERS; k++) param[k] = tile->param[k];
    for (int k = 0; k < MAX_FACTS; k++) fact[k] = tile->fact[k];
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        real x[2] = { a[i], b[i] }, w = weight[i];
        const slope s = f(x, w, fact, param);
        const real by_first = s.grad[0] * factor, by_second = s.grad[1] * factor;
        const int there = w != 0;
        if (direct) {
            to[i] = (stored)(there ? by_first : 0);
        } else {
            const real up_first = upwards(s.hess[0], s.grad[0], w), up_second = upwards(s.hess[1], s.grad[1], w);
            const real bend_first = (upper ? up_first : s.hess[0]) * factor, bend_second = (upper ? up_second : s.hess[1]) * factor;
            g0[i] = there ? by_first : 0;
            g1[i] = there ? by_second : 0;
            h0[i] = there ? bend_first : 0;
            h1[i] = there ? bend_second : 0;
        }
    }
}

/* Wires name_gather, name_close and name_spread; `terms_` is how many sums there are, of which the first `filled_` can be other than 0;
 * `ones_` is that of the weights, which the formula leaves alone. */
#define KERNELS_sums(name_, terms_, filled_, ones_)                                                                               \
    static void name_##_gather_tile(const sums_tile *t) { gather_loop(t, name_##_gather, filled_, ones_); }                       \
    static void name_##_spread_tile(const sums_tile *t)                                                                           \
    {                                                                                                                             \
        t->direct ? spread_loop(t, name_##_spread, 1) : spread_loop(t, name_##_spread, 0);                                        \
    }                                                                                                                             \
    extern const sums_kernels KERNEL_TABLE(name_);                                                                                \
    const sums_kernels KERNEL_TABLE(name_) = { terms_, filled_, ones_, name_##_gather_tile, name_##_close, name_##_spread_tile }; \
    DESCRIBE(name_, SHAPE_SUMS, PER_UNIT, UNIT_BATCH)

#endif
