/*
 * The discriminator as in the minimax game; the generator minimises the surprise of being taken for real. The same fixed
 * point, but the surer the discriminator is of a fake, the stronger the generator's slope.
 */
#define INSIDE_F64
#include "pointwise.h"

enum { SCORE, REAL };
enum { PLAYER };

LOSS(gan_non_saturating) = {
    .title = "Non-saturating GAN loss",
    .aliases = "",
    .formula = "(1 - t)*softplus(-p) + t*softplus(p) if player == generator else t*softplus(-p) + (1 - t)*softplus(p)",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "the discriminator's score (a logit)"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "1 for real samples, 0 for generated ones") },
    .param = { CHOICE(player, 0, "discriminator generator", "whose loss it is") },
    .claims = DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ | CONVEX | NONNEGATIVE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 4, 4, 4 },
    .cite = "Goodfellow et al. 2014, arXiv:1406.2661",
};

FORMULA jet gan_non_saturating(const real *x, const real *param)
{
    int flipped = param[PLAYER] != 0;
    real z = x[SCORE], t = flipped ? 1 - x[REAL] : x[REAL], rest = flipped ? x[REAL] : 1 - x[REAL];
    real size = abs_(z);
    sigmoid_parts s = sigmoid_parts_(size);
    real little = s.little, large = size + little;
    real for_real = z < 0 ? large : little, for_fake = z < 0 ? little : large; /* softplus(-z), softplus(z) */
    real p = z < 0 ? s.q : s.p, q = z < 0 ? s.p : s.q;
    real a = t * for_real, b = rest * for_fake; /* before the selection, or gcc would branch around the logarithm */
    a = t == 0 ? zero_of(z) : a;
    b = rest == 0 ? zero_of(z) : b;
    return (jet){
        .value = a + b,
        .grad = { rest * p - t * q, flipped ? z : -z },
        .hess = { s.pq, 0 },
        .upper = { s.pq, 1 },
    };
}

KERNELS(pointwise, gan_non_saturating)
