/*
 * Binary cross-entropy straight from the score before the sigmoid. Its slope is "what you said minus what is so": it stays 1
 * however confidently wrong the score, where squared error through a sigmoid has none left.
 */
#include "pointwise.h"

enum { PREDICTION, TARGET };
enum { POS_WEIGHT, LABEL_SMOOTHING };

LOSS(binary_cross_entropy_with_logits) = {
    .title = "Binary cross-entropy of logits",
    .aliases = "bce_with_logits bce_logits sigmoid_cross_entropy sigmoid_binary_cross_entropy",
    .formula = "u*pos_weight*softplus(-p) + (1 - u)*softplus(p) where u = t*(1 - label_smoothing) + label_smoothing/2",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logit, any real number"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "label or probability in [0, 1]") },
    .param = { PARAM(pos_weight, 1.0, AT_LEAST(0), "factor of the positive class's term"),
               PARAM(label_smoothing, 0.0, WITHIN(0, 1), "share of the target pulled to 1/2") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ | PROPER,
    .ulp_f32 = { 3, 3, 3 },
    .ulp_f64 = { 4, 4, 4 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

FORMULA jet binary_cross_entropy_with_logits(const real *x, const real *param)
{
    real z = x[PREDICTION], keep = 1 - param[LABEL_SMOOTHING], spread = (real)0.5 * param[LABEL_SMOOTHING];
    real u = fma_(keep, x[TARGET], spread), no = fma_(keep, 1 - x[TARGET], spread); /* the masses of both answers */
    real yes = param[POS_WEIGHT] * u, both = yes + no, size = abs_(z);
    sigmoid_parts s = sigmoid_parts_(size); /* q is the smaller probability, little the surprise of the larger */
    real wrong = z < 0 ? yes : no; /* the mass on the side that z speaks against */
    real p = z < 0 ? s.q : s.p, q = z < 0 ? s.p : s.q;
    real bend = both * s.pq;
    return (jet){
        .value = fma_(both, s.little, wrong == 0 ? 0 : size * wrong), /* two terms that are never negative */
        .grad = { no * p - yes * q, keep * ((param[POS_WEIGHT] - 1) * (s.little + (z < 0 ? size : 0)) - z) },
        .hess = { bend, 0 },
        .upper = { bend, 1 },
    };
}

KERNELS(pointwise, binary_cross_entropy_with_logits)
