/*
 * The surprise of a yes-or-no outcome under a predicted probability. Certainty that turns out wrong costs infinitely much,
 * exactly: nothing is clipped unless asked. From logits, binary_cross_entropy_with_logits is the one to train with.
 */
#include "loss.h" /* in a build without a build system it says what is stored */
#include "real.h"

#if REAL_BITS == 32
#define TINY 0x1p-60F
#define PREPARED 2
#endif
#include "probability.h"

enum { PREDICTION, TARGET };
enum { CLIP, YES_AT_CLIP = MAX_PARAMETERS, NO_AT_CLIP };

LOSS(binary_cross_entropy) = {
    .title = "Binary cross-entropy of probabilities",
    .aliases = "bce",
    .formula = "-xlogy(t, q) - xlogy(1 - t, 1 - q) where q = min(1 - clip, max(clip, p))",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probability in [0, 1]"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "label or probability in [0, 1]") },
    .param = { CLIP_PARAM },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | PROPER,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 2.5, 3, 1 },
    .ulp_f64 = { 1, 1, 1.5 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

#if REAL_BITS == 64

FORMULA jet binary_cross_entropy(const real *x, const real *param)
{
    surprise s = surprise_of(x[PREDICTION], x[TARGET], param[CLIP]);
    return (jet){ .value = s.value, .grad = { s.slope, s.by_target }, .hess = { s.bend, zero_of(s.value) }, .upper = { s.bend, 1 } };
}

#else

FORMULA void prepare(real *param)
{
    float clip = param[CLIP];
    param[YES_AT_CLIP] = -log_of_any(clip);
    param[NO_AT_CLIP] = clip < TINY ? clip : -log1m_(clip);
}

FORMULA double slope_of(double p, double t)
{
    double q = 1 - p, above = t == 0 ? 1 : t == 1 ? -1 : p - t, below = t == 0 ? q : t == 1 ? p : p * q;
    return above / below;
}

/* (p - t)/(p q), of which p or q is taken out where the target is certain. What is tiny (only where FAR says that there may be such) is computed in
 * double, and there ln(1 - p) is -p. */
FORMULA jet binary_cross_entropy(const real *x, const real *param)
{
    const int careful = param[FAR] != 0;
    float clip = param[CLIP], t = x[TARGET], p = x[PREDICTION] + 0; /* -0 is 0: a slope of -1/p goes down there */
    int low = p < clip, high = 1 - p < clip, out = low | high;
    int tiny_p = careful & (p < TINY), tiny = tiny_p | (careful & (t < TINY) & (t != 0));
    float safe = tiny_p ? (float)0.5 : p, q = 1 - safe, mass = tiny ? 0 : t, rest = 1 - mass;

    float yes = -(careful ? log_of_any(p) : log_(p)), no = -log1m_(safe), endless = (float)INFINITE;
    double yes_of_t = p == 0 ? INFINITE : yes, no_of_t = p == 1 ? INFINITE : tiny_p ? p : no, side = 2 * (double)p - 1;
    double odds = side * side < 0.25 ? 2 * side + side * (side * side) * atanh_float((float)(side * side)) : no_of_t - yes_of_t;
    yes = p == 0 && t != 0 ? endless : yes; /* 0 ln 0 = 0 */
    no = p == 1 && t != 1 ? endless : no;
    yes = low ? param[YES_AT_CLIP] : high ? param[NO_AT_CLIP] : yes;
    no = low ? param[NO_AT_CLIP] : high ? param[YES_AT_CLIP] : no;

    float above = mass == 0 ? 1 : rest == 0 ? -1 : safe - mass, below = mass == 0 ? q : rest == 0 ? safe : safe * q, slope = above / below;
    float value = fma32(mass, yes, rest * no);
    double wide_p = p, wide_t = t, wide_q = 1 - wide_p, wide_no = tiny_p && !out ? p : no;
    double by_p = wide_t == 0 ? 0 : wide_t / (wide_p * wide_p), by_q = wide_t == 1 ? 0 : (1 - wide_t) / (wide_q * wide_q);
    double bend = out ? 0 : by_p + by_q;
    double tiny_value = wide_t * yes + (1 - wide_t) * wide_no, tiny_slope = slope_of(wide_p, wide_t);
    return (jet){
        .value = tiny ? tiny_value : value,
        .grad = { out    ? 0
                  : tiny ? tiny_slope
                         : slope,
                  out ? yes - no : -odds },
        .hess = { tiny ? bend : (float)bend, 0 },
        .upper = { tiny ? bend : (float)bend, 1 },
    };
}

#endif

KERNELS(pointwise, binary_cross_entropy)
