/*
 * The discriminator as in the minimax game; the generator minimises the surprise of being taken for real. The same fixed
 * point, but the surer the discriminator is of a fake, the stronger the generator's slope.
 */
#include "logits.h"

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
    .link = { .kind = LINK_LOGIT },
    .ulp_f32 = { 2.5, 3, 3.5 },
    .ulp_f64 = { 2.5, 3, 3.5 },
    .cite = "Goodfellow et al. 2014, arXiv:1406.2661",
};

FORMULA jet gan_non_saturating(const real *x, const real *param)
{
    int flipped = param[PLAYER] != 0;
    real real_mass = mass_of(x[REAL], 0), fake_mass = rest_mass_of(x[REAL], 0);
    logit_jet l = of_logit(x[SCORE], flipped ? fake_mass : real_mass, flipped ? real_mass : fake_mass, param);
    return (jet){ .value = l.value, .grad = { l.slope, flipped ? x[SCORE] : -x[SCORE] }, .hess = { l.bend, 0 }, .upper = { l.bend, 1 } };
}

KERNELS(pointwise, gan_non_saturating)
