/*
 * Binary cross-entropy straight from the score before the sigmoid. Its slope is "what you said minus what is so": it stays 1
 * however confidently wrong the score, where squared error through a sigmoid has none left.
 */
#include "logits.h"

enum { PREDICTION, TARGET };
enum { POS_WEIGHT, LABEL_SMOOTHING };

LOSS(binary_cross_entropy_with_logits) = {
    .title = "Binary cross-entropy of logits",
    .aliases = "bce_with_logits bce_logits sigmoid_cross_entropy sigmoid_ce sigmoid_binary_cross_entropy",
    .formula = "u*pos_weight*softplus(-p) + (1 - u)*softplus(p) where u = t*(1 - label_smoothing) + label_smoothing/2",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logit, any real number"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "label or probability in [0, 1]") },
    .param = { PARAM(pos_weight, 1.0, AT_LEAST(0), "factor of the positive class's term"),
               PARAM(label_smoothing, 0.0, WITHIN(0, 1), "share of the target pulled to 1/2") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ | PROPER,
    .link = { .kind = LINK_LOGIT },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 3, 3.5, 3.5 },
    .ulp_f64 = { 2.5, 3.5, 3.5 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

FORMULA jet binary_cross_entropy_with_logits(const real *x, const real *param)
{
    real z = x[PREDICTION], t = x[TARGET], smoothing = param[LABEL_SMOOTHING];
    logit_jet l = of_logit(z, param[POS_WEIGHT] * mass_of(t, smoothing), rest_mass_of(t, smoothing), param);
    return (jet){
        .value = l.value,
        .grad = { l.slope, (1 - (double)smoothing) * (((double)param[POS_WEIGHT] - 1) * l.softplus - z) },
        .hess = { l.bend, 0 },
        .upper = { l.bend, 1 },
    };
}

KERNELS(pointwise, binary_cross_entropy_with_logits)
