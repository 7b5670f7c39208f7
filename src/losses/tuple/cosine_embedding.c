/*
 * Pairs that belong together should point the same way, all others should be apart by more than a margin allows.
 */
#include "vectors.h"

enum { FIRST, SECOND, TARGET };
enum { MARGIN };

LOSS(cosine_embedding) = {
    .title = "Cosine embedding loss",
    .aliases = "",
    .formula = "1 - cos(first, second) if target == 1 else max(cos(first, second) - margin, 0)",
    .input = { INPUT(first, KIND_REAL, DIFFERENTIABLE_INPUT, "vectors, shape (..., components)"),
               INPUT(second, KIND_REAL, DIFFERENTIABLE_INPUT, "vectors, shape (..., components)"),
               { .name = "target",
                 .description = "1: the pair belongs together; -1: it does not",
                 .kind = KIND_SIGN,
                 .shape = PER_VALUE } },
    .param = { LEARNABLE_PARAM(margin, 0, WITHIN(-1, 1), "cosine below which a pair that does not belong together costs nothing") },
    .claims = NONNEGATIVE | BOUNDED,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 3, 3 },
    .cite = "Payne and Thompson 2015; PyTorch CosineEmbeddingLoss",
};

static void cosine_embedding(const loss_unit *u)
{
    const double y = u->input[TARGET][0], margin = u->param[MARGIN];
    const angle g = angle_of(u->input[FIRST], u->input[SECOND], u->length);
    const double over = margin > 0.5 ? (1 - margin) - g.apart : g.cosine - margin;
    const int together = y > 0, close = over > 0;
    u->value[0] = either(together, g.apart, either(close | (over != over), over, 0));
    if (u->by[0]) u->by[0][0] = together ? 0 : close ? -1 : zero_of(over);
    spread_cosine(u, &g, either(together, -1, either(close, 1, 0)));
}

KERNELS(vectors, cosine_embedding)
