/*
 * An anchor should be nearer to its like than to a stranger, by a margin. Where two of the points coincide the slope of their
 * distance is 0, never NaN.
 */
#include "vectors.h"

enum { ANCHOR, POSITIVE_, NEGATIVE_ };
enum { MARGIN, POWER, SWAP, SQUARED };

LOSS(triplet_margin) = {
    .title = "Triplet margin loss",
    .aliases = "triplet",
    .formula = "max(d(anchor, positive) - d(anchor, negative) + margin, 0); with swap the negative's distance to the nearer of the two",
    .input = { INPUT(anchor, KIND_REAL, DIFFERENTIABLE_INPUT, "vectors, shape (..., components)"),
               INPUT(positive, KIND_REAL, DIFFERENTIABLE_INPUT, "what belongs to the anchor"),
               INPUT(negative, KIND_REAL, DIFFERENTIABLE_INPUT, "what does not") },
    .param = { LEARNABLE_PARAM(margin, 1, AT_LEAST(0), "by how much nearer"), PARAM(power, 2, AT_LEAST(1), "of the norm"),
               FLAG(swap, 0, "take the negative's distance to the positive if that is less"), FLAG(squared, 0, "squares of distances") },
    .claims = NONNEGATIVE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 4, 4, 3 },
    .cite = "Schroff, Kalenichenko, Philbin 2015, arXiv:1503.03832; swap: Balntas et al. 2016, doi:10.5244/C.30.119",
};

/* By component i of the first end of a distance, or of its square, which of the usual one is simpler than itself. */
FORMULA double pull_of(const norm *d, int squared, int64_t i, const int plain)
{
    const double slope = plain ? plain_slope(d, i) : norm_slope(d, i), square = plain ? 2 * d->r[i] : 2 * d->value * slope;
    return squared ? square : slope;
}

/* Adds what sign * it has as derivatives by one end, input k; side: 1 for the first, -1 for the second. */
static void pull(const loss_unit *u, const norm *distance, double sign, int squared, int k, double side)
{
    const norm d = *distance;
    const int plain = d.power == 2;
    double *grad = u->grad[k], *hess = u->hess[k];
    if (grad && plain) {
        VECTOR_LOOP
        for (int64_t i = 0; i < u->length; i++) grad[i] += side * sign * pull_of(&d, squared, i, 1);
    }
    for (int64_t i = 0; i < u->length && grad && !plain; i++) grad[i] += side * sign * pull_of(&d, squared, i, 0);
    for (int64_t i = 0; i < u->length && hess; i++) {
        const double slope = norm_slope(&d, i), bend = norm_bend(&d, i);
        const double own = !squared ? bend : plain ? 2 : 2 * (slope * slope + d.value * bend);
        /* what is concave counts as what it would be turned over, and a straight line as 1 */
        hess[i] += !u->upper ? sign * own : own != 0 ? own : pull_of(&d, squared, i, plain) != 0;
    }
}

static void triplet_margin(const loss_unit *u)
{
    const int64_t n = u->length;
    const double *a = u->input[ANCHOR], *p = u->input[POSITIVE_], *m = u->input[NEGATIVE_], power = u->param[POWER];
    const int squared = u->param[SQUARED] != 0;
    const norm near = distance_of(a, p, n, power, u->work), far = distance_of(a, m, n, power, u->work + n);
    norm other = far;
    if (u->param[SWAP] != 0) other = distance_of(p, m, n, power, u->work + 2 * n);
    const int swapped = other.value < far.value;
    const norm *away = swapped ? &other : &far;
    const double x = squared ? near.value * near.value : near.value, y = squared ? away->value * away->value : away->value;
    const double over = (x - y) + u->param[MARGIN];
    u->value[0] = over > 0 ? over : zero_of(over);
    if (u->by[0]) u->by[0][0] = over > 0 ? 1 : zero_of(over);
    if (!(over > 0)) return;
    pull(u, &near, 1, squared, ANCHOR, 1);
    pull(u, &near, 1, squared, POSITIVE_, -1);
    pull(u, away, -1, squared, swapped ? POSITIVE_ : ANCHOR, 1);
    pull(u, away, -1, squared, NEGATIVE_, -1);
}

KERNELS(vectors, triplet_margin)
