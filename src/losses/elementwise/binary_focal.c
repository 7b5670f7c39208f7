/*
 * The focal loss of a predicted probability: cross-entropy that hushes what is right already. From logits,
 * binary_focal_with_logits is the one to train with.
 *
 * Of the probability it is convex: -(1 - p)^gamma ln p has no term that bends down for gamma >= 1, and below that
 * -ln p <= (1 - p)/p keeps the one there is smaller than the others.
 */
#define INSIDE_F64
#include "focal.h"

enum { PREDICTION, TARGET };
enum { CLIP = ALPHA + 1 };

LOSS(binary_focal) = {
    .title = "Binary focal loss of probabilities",
    .aliases = "",
    .formula = "a*w^gamma*(-xlogy(t, q) - xlogy(1 - t, 1 - q)) where q = min(1 - clip, max(clip, p)), w = t*(1 - q) + (1 - t)*q, "
               "a = 1 if alpha == none else alpha*t + (1 - alpha)*(1 - t)",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probability in [0, 1]"),
               INPUT(target, KIND_PROBABILITY, 0, "label or probability in [0, 1]") },
    .param = { FOCAL_PARAMS, CLIP_PARAM },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 3, 3.5, 4 },
    .cite = "Lin et al. 2017, arXiv:1708.02002",
};

FORMULA jet binary_focal(const real *x, const real *param, const int squared)
{
    real gamma = squared ? 2 : param[GAMMA], weight = focal_weight(x[TARGET], param[ALPHA]), endless = INFINITE;
    surprise s = surprise_of(x[PREDICTION], x[TARGET], param[CLIP]);
    pair t = { x[TARGET], 0 }, w = pair_add(pair_mul(t, s.q), pair_mul(two_diff(1, t.hi), s.p));
    scaled_exp flat = { pair_mul(w, w), 0 }, steep = { w, 0 };
    if (!squared) {
        pair log = log_to_pair(w);
        flat = focal_power(log, gamma), steep = focal_power(log, gamma - 1);
    }
    pair nothing = as_pair(zero_of(s.value)), sign = two_diff(1, 2 * t.hi); /* w' is the sign, w'' is 0 */
    real lift = w.hi < 0x1p-500 ? 0x1p500 : 1; /* out of the subnormals, where remainders have no room */
    pair share = choose(w.hi == 0, as_pair(1), pair_div_to_pair(as_pair(s.value * lift), scale_pair(w, lift))); /* it ends at 1 */
    int plain = gamma == 0, far = s.value == endless; /* a slope that is infinite outgrows a logarithm that is */
    pair pull = choose(plain | far, nothing, pair_mul(pair_mul(as_pair(gamma), sign), share));
    pair turn = pair_mul(pair_mul(as_pair(gamma - 1), sign), pull), twist = choose(plain, nothing, pair_mul(as_pair(2 * gamma), sign));
    pair cross = choose(plain, nothing, pair_mul(twist, as_pair(s.slope))), rest = pair_mul(w, as_pair(s.bend));
    real eased = (far ? nothing.hi : 2 * sign.hi * s.value) + w.hi * s.slope; /* the square's slope needs no quotient */
    real grad = squared ? w.hi * eased : focal_times(flat, pair_add(pull, as_pair(s.slope)), 0);
    real unbent = focal_times(flat, as_pair(s.bend), 0);
    real bend = focal_times(steep, pair_add(pair_add(turn, cross), rest), 0);
    real above = focal_times(steep, as_pair(max_(turn.hi, 0) + max_(cross.hi, 0) + rest.hi), 0); /* without the terms that bend down */
#if FULL
    /* Of a tiny p the slope, 1 - t/p, and the bend, t/p^2 + 1 - t, may overflow where their products do not. */
    binary_parts of_t = parts_of(t.hi), of_p = parts_of(s.p.hi);
    int none = t.hi == 0, tiny = s.p.hi < 0x1p-200 * s.inside;
    real one_way = of_t.m / of_p.m, ratio = none ? nothing.hi : one_way, twice = ratio / of_p.m, e = of_t.e - of_p.e;
    real bent = focal_times(flat, as_pair(none ? nothing.hi : twice), e - of_p.e) + focal_times(flat, as_pair(1 - t.hi), 0);
    real down = focal_times(steep, pair_mul(twist, as_pair(ratio)), e), up = focal_times(steep, twist, 0);
    down = bent == endless ? 0 : down; /* it is less than 2 gamma times as much */
    real turned = focal_times(steep, as_pair(max_(turn.hi, 0)), 0), crossed = max_(up - down, 0);
    real tiny_grad = focal_times(flat, pair_add(pull, as_pair(1)), 0) - focal_times(flat, as_pair(ratio), e);
    real tiny_bend = focal_times(steep, pair_add(turn, twist), 0) - down + bent, tiny_above = turned + crossed + bent;
    grad = tiny ? tiny_grad : grad;
    bend = tiny ? tiny_bend : bend;
    above = tiny ? tiny_above : above;
    unbent = tiny ? bent : unbent;
#endif
    bend = far ? endless : bend;
    above = far ? endless : above;
    bend = plain ? unbent : bend;
    above = plain ? unbent : above;
    return (jet){
        .value = weighted(weight, focal_times(flat, as_pair(s.value), 0), x[PREDICTION]),
        .grad = { weighted(weight, s.inside * grad, x[PREDICTION]) },
        .hess = { weighted(weight, s.inside * bend, x[PREDICTION]) },
        .upper = { weighted(weight, s.inside * above, x[PREDICTION]) },
    };
}

KERNELS(variants, binary_focal)
