/*
 * The game as it was first written down: the discriminator minimises its cross-entropy, the generator maximises the same
 * number. Where the discriminator is sure of a fake, the generator's slope vanishes: it saturates.
 */
#include "logits.h"

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
    .link = { .kind = LINK_LOGIT },
    .ulp_f32 = { 2.5, 3, 3.5 },
    .ulp_f64 = { 2.5, 3, 3.5 },
    .cite = "Goodfellow et al. 2014, arXiv:1406.2661",
};

FORMULA jet gan_minimax(const real *x, const real *param)
{
    int turned = param[PLAYER] != 0;
    logit_jet l = of_logit(x[SCORE], mass_of(x[REAL], 0), rest_mass_of(x[REAL], 0), param);
    return (jet){
        .value = turned ? -l.value : l.value,
        .grad = { turned ? -l.slope : l.slope, turned ? x[SCORE] : -x[SCORE] },
        .hess = { turned ? -l.bend : l.bend, 0 },
        .upper = { l.bend, 1 },
    };
}

KERNELS(pointwise, gan_minimax)
