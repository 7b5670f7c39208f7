/*
 * The game as it was first written down: the discriminator minimises its cross-entropy, the generator maximises the same
 * number. Where the discriminator is sure of a fake, the generator's slope vanishes: it saturates.
 */
#define INSIDE_F64
#include "pointwise.h"

enum { SCORE, REAL };
enum { PLAYER };

LOSS(gan_minimax) = {
    .title = "Minimax GAN loss",
    .aliases = "",
    .formula = "-(t*softplus(-p) + (1 - t)*softplus(p)) if player == generator else t*softplus(-p) + (1 - t)*softplus(p)",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "the discriminator's score (a logit)"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "1 for real samples, 0 for generated ones") },
    .param = { CHOICE(player, 0, "discriminator generator", "whose loss it is") },
    .claims = DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 4, 4, 4 },
    .cite = "Goodfellow et al. 2014, arXiv:1406.2661",
};

FORMULA jet gan_minimax(const real *x, const real *param)
{
    real z = x[SCORE], t = x[REAL], rest = 1 - x[REAL];
    real sign = param[PLAYER] != 0 ? -1 : 1, size = abs_(z);
    sigmoid_parts s = sigmoid_parts_(size);
    real little = s.little, large = size + little;
    real for_real = z < 0 ? large : little, for_fake = z < 0 ? little : large; /* softplus(-z), softplus(z) */
    real p = z < 0 ? s.q : s.p, q = z < 0 ? s.p : s.q;
    real a = t * for_real, b = rest * for_fake; /* before the selection, or gcc would branch around the logarithm */
    a = t == 0 ? zero_of(z) : a;
    b = rest == 0 ? zero_of(z) : b;
    return (jet){
        .value = sign * (a + b),
        .grad = { sign * (rest * p - t * q), sign * -z },
        .hess = { sign * s.pq, 0 },
        .upper = { s.pq, 1 },
    };
}

KERNELS(pointwise, gan_minimax)
