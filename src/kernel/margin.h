/*
 * Losses of the margin m = y * s: a score s and a label y that is -1 or +1 (or 0 and 1, if `labels` says so).
 * m is exact, since y only carries a sign. By the score: gradient y * L'(m), Hessian L''(m).
 */
#ifndef LIBLOSS_KERNEL_MARGIN_H
#define LIBLOSS_KERNEL_MARGIN_H

#include "pointwise.h"

#define MARGIN_INPUTS                                                             \
    INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "score, any real number"), \
        INPUT(target, KIND_SIGN, 0, "label, -1 or +1 (0 or 1 with labels=zero_one)")

/* Always the first parameter of a margin loss; the survey finds it by its name, to know which labels are right. */
#define LABELS_PARAM CHOICE(labels, 0, "plus_minus_one zero_one", "how the two classes are written")
enum { LABELS };

/* By the margin. */
typedef struct {
    real value, slope, bend, upper;
#ifdef LEARNED
    double by[LEARNED]; /* derivatives by the learnable parameters */
#endif
} margin_jet;

typedef margin_jet margin_formula(real m, const real *param);

/* -1 or +1 */
FORMULA real label_of(const real *x, const real *param) { return param[LABELS] != 0 ? 2 * x[1] - 1 : x[1]; }

/* y s, of a label y: a sign costs nothing where a product with a subnormal number costs an Intel core 150 cycles. */
FORMULA real signed_by(real y, real s)
{
    real m = y < 0 ? -s : s;
    return y == y ? m : y;
}

FORMULA jet of_margin(margin_formula *f, const real *x, const real *param)
{
    real y = label_of(x, param);
    margin_jet j = f(signed_by(y, x[0]), param);
    jet out = { .value = j.value,
                .grad = { is_faint(param) ? signed_by(y, j.slope) : y * j.slope, 0 },
                .hess = { j.bend, 0 },
                .upper = { j.upper, 0 } };
#ifdef LEARNED
    for (int k = 0; k < LEARNED; k++) out.by[k] = j.by[k];
#endif
    return out;
}

#define KERNELS_margin(name_)                                                                              \
    FORMULA jet name_##_of_inputs(const real *x, const real *param) { return of_margin(name_, x, param); } \
    POINTWISE_TABLE(name_, name_##_of_inputs)

#endif
