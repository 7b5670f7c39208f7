/*
 * Losses of one number per input written down once more, plainly, in a wider type than the data: as double with glibc's
 * functions (for f32 data; their errors are 2^-28 of what is looked for) and as __float128 with libquadmath's (for f64 data).
 * sweep.c includes this file once for each. Worst cases are looked at again with 1000 digits of mpmath by sweep.py.
 * `scale`: the larger addend where two inexact terms of the gradient or Hessian cancel.
 */

static void F(squared_error)(T p, T t, F(jet) *j) { T r = p - t; *j = (F(jet)){ { r * r, 2 * r, 2 }, { 0 } }; }
static void F(half_squared_error)(T p, T t, F(jet) *j) { T r = p - t; *j = (F(jet)){ { r * r / 2, r, 1 }, { 0 } }; }
static void F(absolute_error)(T p, T t, F(jet) *j) { T r = p - t; *j = (F(jet)){ { M(fabs)(r), (r > 0) - (r < 0), 0 }, { 0 } }; }

static void F(huber)(T p, T t, F(jet) *j)
{
    T r = p - t, a = M(fabs)(r);
    *j = (F(jet)){ { a <= 1 ? r * r / 2 : a - (T)0.5, a <= 1 ? r : r / a, a <= 1 }, { 0 } };
}

static void F(pseudo_huber)(T p, T t, F(jet) *j)
{
    T r = p - t, s = M(hypot)(1, r);
    *j = (F(jet)){ { r * (r / (1 + s)), r / s, 1 / s / s / s }, { 0 } };
}

static void F(log_cosh)(T p, T t, F(jet) *j)
{
    T r = p - t, a = M(fabs)(r), e = M(exp)(-2 * a), m = M(sinh)(a / 2);
    *j = (F(jet)){ { a < 2 ? M(log1p)(2 * m * m) : a - M(log)(2) + M(log1p)(e), M(tanh)(r), 4 * e / (1 + e) / (1 + e) }, { 0 } };
}

static void F(quantile)(T p, T t, F(jet) *j)
{
    T r = p - t;
    *j = (F(jet)){ { M(fabs)(r) / 2, ((r > 0) - (r < 0)) * (T)0.5, 0 }, { 0 } };
}

static void F(absolute_percentage_error)(T p, T t, F(jet) *j)
{
    T r = p - t, a = M(fabs)(t);
    *j = (F(jet)){ { r == 0 ? 0 : M(fabs)(r) / a, r == 0 ? 0 : ((r > 0) - (r < 0)) / a, 0 }, { 0 } };
}

static void F(squared_log_error)(T p, T t, F(jet) *j)
{
    T x = (p - t) / (1 + t), d = M(fabs)(x) < (T)0.5 ? M(log1p)(x) : M(log1p)(p) - M(log1p)(t), u = 1 + p;
    *j = (F(jet)){ { d * d, 2 * d / u, 2 * (1 - d) / u / u }, { 0, 0, 2 / u / u } };
}

static void F(binary_cross_entropy)(T p, T t, F(jet) *j)
{
    T a = t == 0 ? 0 : -t * M(log)(p), b = t == 1 ? 0 : -(1 - t) * M(log1p)(-p);
    T ha = t == 0 ? 0 : t / p / p, hb = t == 1 ? 0 : (1 - t) / (1 - p) / (1 - p);
    *j = (F(jet)){ { a + b, t == 0 ? 1 / (1 - p) : t == 1 ? -1 / p : (p - t) / p / (1 - p), ha + hb }, { 0 } };
}

static void F(binary_cross_entropy_with_logits)(T z, T t, F(jet) *j)
{
    T e = M(exp)(-M(fabs)(z)), little = M(log1p)(e), q = e / (1 + e), p = 1 / (1 + e);
    T wrong = z < 0 ? t : 1 - t, slope = wrong * p - (1 - wrong) * q;
    *j = (F(jet)){ { little + (wrong == 0 ? 0 : M(fabs)(z) * wrong), z < 0 ? -slope : slope, p * q },
                   { 0, wrong > 0 && wrong < 1 ? M(fmax)(wrong * p, (1 - wrong) * q) : 0, 0 } };
}

static void F(brier)(T p, T t, F(jet) *j) { F(squared_error)(p, t, j); }
static void F(logistic)(T p, T t, F(jet) *j) /* t is -1 or 1 */
{
    F(binary_cross_entropy_with_logits)(p, t > 0, j);
}

static void F(hinge)(T p, T t, F(jet) *j) { T m = p * t; *j = (F(jet)){ { m < 1 ? 1 - m : 0, m < 1 ? -t : 0, 0 }, { 0 } }; }

static void F(squared_hinge)(T p, T t, F(jet) *j)
{
    T m = p * t, gap = m < 1 ? 1 - m : 0;
    *j = (F(jet)){ { gap * gap, -2 * t * gap, m < 1 ? 2 : 0 }, { 0 } };
}

static void F(exponential)(T p, T t, F(jet) *j) { T e = M(exp)(-p * t); *j = (F(jet)){ { e, -t * e, e }, { 0 } }; }
static void F(gan_minimax)(T p, T t, F(jet) *j) { F(binary_cross_entropy_with_logits)(p, t, j); }
static void F(gan_non_saturating)(T p, T t, F(jet) *j) { F(binary_cross_entropy_with_logits)(p, t, j); }

static const struct {
    const char *name;
    void (*exact)(T p, T t, F(jet) *j);
} F(oracles)[] = {
#define ORACLE(name_) { #name_, F(name_) }
    ORACLE(squared_error),    ORACLE(half_squared_error), ORACLE(absolute_error),
    ORACLE(huber),            ORACLE(pseudo_huber),       ORACLE(log_cosh),
    ORACLE(quantile),         ORACLE(absolute_percentage_error),
    ORACLE(squared_log_error), ORACLE(binary_cross_entropy), ORACLE(binary_cross_entropy_with_logits),
    ORACLE(brier),            ORACLE(logistic),           ORACLE(hinge),
    ORACLE(squared_hinge),    ORACLE(exponential),        ORACLE(gan_minimax),
    ORACLE(gan_non_saturating),
};
