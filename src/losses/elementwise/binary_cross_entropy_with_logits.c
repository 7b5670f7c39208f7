/*
 * Binary cross-entropy straight from the score before the sigmoid. Its slope is "what you said minus what is so": it stays 1
 * however confidently wrong the score, where squared error through a sigmoid has none left.
 */
#define INSIDE_F64
#include "pointwise.h"

enum { PREDICTION, TARGET };
enum { POS_WEIGHT, LABEL_SMOOTHING };

LOSS(binary_cross_entropy_with_logits) {
    .title   = "Binary cross-entropy of logits",
    .aliases = "bce_with_logits bce_logits sigmoid_cross_entropy sigmoid_binary_cross_entropy",
    .formula = "u*pos_weight*softplus(-p) + (1 - u)*softplus(p) where u = t*(1 - label_smoothing) + label_smoothing/2",
    .input   = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logit, any real number"),
                 INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "label or probability in [0, 1]") },
    .param   = { PARAM(pos_weight, 1.0, AT_LEAST(0), "factor of the positive class's term"),
                 PARAM(label_smoothing, 0.0, WITHIN(0, 1), "share of the target pulled to 1/2") },
    .claims  = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ | PROPER,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 4, 4, 4 },
    .cite    = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

FORMULA jet binary_cross_entropy_with_logits(const real *x, const real *param)
{
    real z = x[PREDICTION], keep = 1 - param[LABEL_SMOOTHING], spread = (real)0.5 * param[LABEL_SMOOTHING];
    real u = fma_(keep, x[TARGET], spread), v = fma_(keep, 1 - x[TARGET], spread); /* the masses of yes and of no */
    real yes = param[POS_WEIGHT] * u, size = abs_(z);
    sigmoid_parts s = sigmoid_parts_(size); /* q is the smaller probability, little the surprise of the larger */
    real little = s.little, large = size + little;
    real for_yes = z < 0 ? large : little, for_no = z < 0 ? little : large; /* softplus(-z), softplus(z) */
    real p = z < 0 ? s.q : s.p, q = z < 0 ? s.p : s.q;
    real a = yes == 0 ? z * 0 : yes * for_yes, b = v == 0 ? z * 0 : v * for_no;
    return (jet){
        .value = a + b,
        .grad  = { v * p - yes * q, keep * ((param[POS_WEIGHT] - 1) * for_yes - z) },
        .hess  = { (yes + v) * s.pq, 0 },
        .upper = { (yes + v) * s.pq, 1 },
    };
}

KERNELS(pointwise, binary_cross_entropy_with_logits)
