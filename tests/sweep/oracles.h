/*
 * Losses of one number per input written down once more, plainly, in a wider type than the data: as double with glibc's
 * functions (for f32 DATA; their errors are 2^-28 of what is looked for) and as __float128 with libquadmath's (for f64 DATA).
 * sweep.c includes this file once for each. Worst cases are looked at again with 1000 digits of mpmath by run.py.
 * `scale`: the larger addend where two inexact terms of the gradient or Hessian cancel.
 */

static void F(squared_error)(T p, T t, F(jet) * j)
{
    T r = p - t;
    *j = (F(jet)){ { r * r, 2 * r, 2 }, { 0 } };
}
static void F(half_squared_error)(T p, T t, F(jet) * j)
{
    T r = p - t;
    *j = (F(jet)){ { r * r / 2, r, 1 }, { 0 } };
}
static void F(absolute_error)(T p, T t, F(jet) * j)
{
    T r = p - t;
    *j = (F(jet)){ { M(fabs)(r), (r > 0) - (r < 0), 0 }, { 0 } };
}

static void F(huber)(T p, T t, F(jet) * j)
{
    T r = p - t, a = M(fabs)(r);
    *j = (F(jet)){ { a <= 1 ? r * r / 2 : a - (T)0.5, a <= 1 ? r : r / a, a <= 1 }, { 0 } };
}

static void F(smooth_l1)(T p, T t, F(jet) * j) { F(huber)(p, t, j); }

static void F(pseudo_huber)(T p, T t, F(jet) * j)
{
    T r = p - t, s = M(hypot)(1, r);
    *j = (F(jet)){ { r * (r / (1 + s)), r / s, 1 / s / s / s }, { 0 } };
}

static void F(adaptive_robust)(T p, T t, F(jet) * j) { F(pseudo_huber)(p, t, j); } /* alpha = scale = 1 */

static void F(log_cosh)(T p, T t, F(jet) * j)
{
    T r = p - t, a = M(fabs)(r), e = M(exp)(-2 * a), m = M(sinh)(a / 2);
    *j = (F(jet)){ { a < 2 ? M(log1p)(2 * m * m) : a - M(log)(2) + M(log1p)(e), M(tanh)(r), 4 * e / (1 + e) / (1 + e) }, { 0 } };
}

static void F(quantile)(T p, T t, F(jet) * j)
{
    T r = p - t;
    *j = (F(jet)){ { M(fabs)(r) / 2, ((r > 0) - (r < 0)) * (T)0.5, 0 }, { 0 } };
}

static void F(absolute_percentage_error)(T p, T t, F(jet) * j)
{
    T r = p - t, a = M(fabs)(t);
    *j = (F(jet)){ { r == 0 ? 0 : M(fabs)(r) / a, r == 0 ? 0 : ((r > 0) - (r < 0)) / a, 0 }, { 0 } };
}

static void F(squared_log_error)(T p, T t, F(jet) * j)
{
    T x = (p - t) / (1 + t), d = M(fabs)(x) < (T)0.5 ? M(log1p)(x) : M(log1p)(p) - M(log1p)(t), u = 1 + p;
    *j = (F(jet)){ { d * d, 2 * d / u, 2 * (1 - d) / u / u }, { 0, 0, 2 / u / u } };
}

static void F(binary_cross_entropy)(T p, T t, F(jet) * j)
{
    p += 0; /* -0 is 0, where the slope goes down without end */
    T a = t == 0 ? 0 : -t * M(log)(p), b = t == 1 ? 0 : -(1 - t) * M(log1p)(-p);
    T ha = t == 0 ? 0 : t / p / p, hb = t == 1 ? 0 : (1 - t) / (1 - p) / (1 - p);
    *j = (F(jet)){ { a + b, t == 0 ? 1 / (1 - p) : t == 1 ? -1 / p : (p - t) / p / (1 - p), ha + hb }, { 0 } };
}

static void F(binary_cross_entropy_with_logits)(T z, T t, F(jet) * j)
{
    T e = M(exp)(-M(fabs)(z)), little = M(log1p)(e), q = e / (1 + e), p = 1 / (1 + e);
    T wrong = z < 0 ? t : 1 - t, slope = wrong * p - (1 - wrong) * q;
    *j = (F(jet)){ { little + (wrong == 0 ? 0 : M(fabs)(z) * wrong), z < 0 ? -slope : slope, p * q },
                   { 0, wrong > 0 && wrong < 1 ? M(fmax)(wrong * p, (1 - wrong) * q) : 0, 0 } };
}

static void F(brier)(T p, T t, F(jet) * j) { F(squared_error)(p, t, j); }
static void F(logistic)(T p, T t, F(jet) * j) /* t is -1 or 1 */ { F(binary_cross_entropy_with_logits)(p, t > 0, j); }

static void F(hinge)(T p, T t, F(jet) * j)
{
    T m = p * t;
    *j = (F(jet)){ { m < 1 ? 1 - m : 0, m < 1 ? -t : 0, 0 }, { 0 } };
}

static void F(squared_hinge)(T p, T t, F(jet) * j)
{
    T m = p * t, gap = m < 1 ? 1 - m : 0;
    *j = (F(jet)){ { gap * gap, -2 * t * gap, m < 1 ? 2 : 0 }, { 0 } };
}

static void F(exponential)(T p, T t, F(jet) * j)
{
    T e = M(exp)(-p * t);
    *j = (F(jet)){ { e, -t * e, e }, { 0 } };
}
static void F(gan_minimax)(T p, T t, F(jet) * j) { F(binary_cross_entropy_with_logits)(p, t, j); }
static void F(gan_non_saturating)(T p, T t, F(jet) * j) { F(binary_cross_entropy_with_logits)(p, t, j); }

static void F(expectile)(T p, T t, F(jet) * j)
{
    T r = p - t;
    *j = (F(jet)){ { r * r / 2, r, 1 }, { 0 } };
}

static void F(epsilon_insensitive)(T p, T t, F(jet) * j)
{
    T r = p - t, over = M(fabs)(r) - (DATA)0.1;
    *j = (F(jet)){ { over > 0 ? over : 0, over > 0 ? (r > 0) - (r < 0) : 0, 0 }, { 0 } };
}

static void F(squared_epsilon_insensitive)(T p, T t, F(jet) * j)
{
    T r = p - t, over = M(fmax)(M(fabs)(r) - (DATA)0.1, 0);
    *j = (F(jet)){ { over * over, 2 * over * ((r > 0) - (r < 0)), over > 0 ? 2 : 0 }, { 0 } };
}

static void F(poisson_nll)(T p, T t, F(jet) * j)
{
    T e = M(exp)(p);
    *j = (F(jet)){ { e - t * p, e - t, e }, { M(fmax)(e, t * M(fabs)(p)), M(fmax)(e, t), 0 } };
}

static void F(gamma_nll)(T p, T t, F(jet) * j)
{
    T e = t * M(exp)(-p);
    *j = (F(jet)){ { p + e, 1 - e, e }, { M(fmax)(M(fabs)(p), e), M(fmax)(1, e), 0 } };
}

static void F(tweedie)(T p, T t, F(jet) * j)
{
    T a = t == 0 ? 0 : t * M(exp)(-p / 2), b = M(exp)(p / 2);
    *j = (F(jet)){ { 2 * a + 2 * b, b - a, (a + b) / 2 }, { 0, M(fmax)(a, b), 0 } };
}

static void F(kl_pointwise)(T p, T t, F(jet) * j)
{
    T l = t == 0 ? 0 : M(log)(t);
    *j = (F(jet)){ { t * (l - p), -t, 0 }, { t * M(fmax)(M(fabs)(p), M(fabs)(l)), 0, 0 } };
}

/* w^2 b with w the chance of being wrong and b the cross-entropy, from their derivatives. */
static void F(focal)(T w, T w1, T w2, T b, T b1, T b2, F(jet) * j)
{
    *j = (F(jet)){ { w * w * b, w * w * b1 + 2 * w * w1 * b, w * w * b2 + 4 * w * w1 * b1 + 2 * (w1 * w1 + w * w2) * b }, { 0 } };
}

static void F(binary_focal)(T p, T t, F(jet) * j)
{
    T w = t * (1 - p) + (1 - t) * p, w1 = 1 - 2 * t;
    F(jet) b;
    F(binary_cross_entropy)(p, t, &b);
    F(focal)(w, w1, 0, b.y[0], b.y[1], b.y[2], j);
    if (M(isinf)(b.y[0])) *j = (F(jet)){ { INFINITY, p == 0 ? -INFINITY : INFINITY, INFINITY }, { 0 } };
    j->scale[1] = w * M(fmax)(2 * b.y[0], w * M(fabs)(b.y[1]));
    j->scale[2] = M(fmax)(M(fmax)(2 * b.y[0], 4 * w * M(fabs)(b.y[1])), w * w * b.y[2]);
}

static void F(binary_focal_with_logits)(T z, T t, F(jet) * j)
{
    T e = M(exp)(-M(fabs)(z)), little = e / (1 + e), much = 1 / (1 + e), q = z < 0 ? much : little, o = z < 0 ? little : much;
    T w = t * q + (1 - t) * o, w1 = (1 - 2 * t) * o * q, b1 = (1 - t) * o - t * q;
    T b = M(log1p)(e) + (z < 0 ? (t == 0 ? 0 : -z * t) : (t == 1 ? 0 : z * (1 - t))), both = M(fmax)((1 - t) * o, t * q);
    F(focal)(w, w1, w1 * (q - o), b, b1, o * q, j);
    j->scale[1] = w * M(fmax)(w * both, 2 * o * q * b);
    j->scale[2] = M(fmax)(M(fmax)(w * w * o * q, 4 * w * o * q * both), 2 * o * q * b * M(fmax)(o * q, w));
}

static void F(perceptron)(T p, T t, F(jet) * j)
{
    T m = p * t;
    *j = (F(jet)){ { m < 0 ? -m : 0, m < 0 ? -t : 0, 0 }, { 0 } };
}

static void F(smooth_hinge)(T p, T t, F(jet) * j)
{
    T m = p * t, gap = 1 - m;
    if (gap < 0) gap = 0;
    *j = gap > 1 ? (F(jet)){ { gap - (T)0.5, -t, 0 }, { 0 } } : (F(jet)){ { gap * gap / 2, -t * gap, gap > 0 }, { 0 } };
}

static void F(modified_huber)(T p, T t, F(jet) * j)
{
    T m = p * t, gap = m < 1 ? 1 - m : 0;
    *j = m < -1 ? (F(jet)){ { -4 * m, -4 * t, 0 }, { 0 } } : (F(jet)){ { gap * gap, -2 * t * gap, gap > 0 ? 2 : 0 }, { 0 } };
}

static void F(hinge_embedding)(T p, T t, F(jet) * j)
{
    *j = t > 0 ? (F(jet)){ { p, 1, 0 }, { 0 } } : (F(jet)){ { p < 1 ? 1 - p : 0, p < 1 ? -1 : 0, 0 }, { 0 } };
}

static const struct {
    const char *name;
    void (*exact)(T p, T t, F(jet) * j);
} F(oracles)[] = {
#define ORACLE(name_)    \
    {                    \
#name_, F(name_) \
    }
    ORACLE(squared_error),
    ORACLE(half_squared_error),
    ORACLE(absolute_error),
    ORACLE(huber),
    ORACLE(smooth_l1),
    ORACLE(pseudo_huber),
    ORACLE(adaptive_robust),
    ORACLE(log_cosh),
    ORACLE(quantile),
    ORACLE(absolute_percentage_error),
    ORACLE(squared_log_error),
    ORACLE(binary_cross_entropy),
    ORACLE(binary_cross_entropy_with_logits),
    ORACLE(brier),
    ORACLE(logistic),
    ORACLE(hinge),
    ORACLE(squared_hinge),
    ORACLE(exponential),
    ORACLE(gan_minimax),
    ORACLE(gan_non_saturating),
    ORACLE(expectile),
    ORACLE(epsilon_insensitive),
    ORACLE(squared_epsilon_insensitive),
    ORACLE(poisson_nll),
    ORACLE(gamma_nll),
    ORACLE(tweedie),
    ORACLE(kl_pointwise),
    ORACLE(binary_focal),
    ORACLE(binary_focal_with_logits),
    ORACLE(perceptron),
    ORACLE(smooth_hinge),
    ORACLE(modified_huber),
    ORACLE(hinge_embedding),
};
