/*
 * Squared error of ln(1 + x): what counts is the ratio, so an error of 10 in 100 and of 100 in 1000 weigh about the same, and
 * predicting too little costs more than predicting too much.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW EVERYWHERE
#include "pointwise.h"

enum { PREDICTION, TARGET };

LOSS(squared_log_error) = {
    .title = "Squared logarithmic error",
    .aliases = "msle",
    .formula = "(log1p(p) - log1p(t))^2",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "above -1"), INPUT(target, KIND_REAL, DIFFERENTIABLE_INPUT, "above -1") },
    .one_minimum = 1, /* the slopes at one prediction share the factor 1/(1 + p), and the rest of them grows */
    .claims = NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1.5, 2.5, 4 },
    .cite = "Kaggle 2012, Root mean squared logarithmic error",
};

/* What becomes of ln x where it is no number of ordinary size. */
FORMULA real limit_of_log(real x) { return x > 0 ? (x < INFINITE ? 0 : x) : x == 0 ? -INFINITE : (real)__builtin_nanf(""); }

/* ln(u/v) of u = 1 + p, v = 1 + t, r = p - t: e ln2 + 2 atanh(s) with s = (u - 2^e v)/(u + 2^e v), of which one near 0 has the digits of r.
 * Exponents by integers, rounded so that |s| <= 1/5; halves, since the sum may be beyond the largest number. */
FORMULA pair log_ratio(pair r, pair u, pair v)
{
    const uint64_t exponent = UINT64_C(0xfff0000000000000), one = UINT64_C(1) << 52;
    uint64_t apart = double_to_bits(u.hi) - double_to_bits(v.hi) + one / 2;
    double field = bits_to_double(apart >> 52 | UINT64_C(0x4330000000000000)) - 0x1p52, e = field > 2047 ? field - 4096 : field;
    double half_u = 0.5 * u.hi, half_v = bits_to_double(double_to_bits(v.hi) + (apart & exponent) - one);
    double scale = e > -1000 && e < 1000 ? 0.5 * power_of_two(e > -1000 && e < 1000 ? e : 0)
                                         : 0; /* beyond, one has no remainder, and the other's is nothing */
    double lo_u = 0.5 * u.lo, lo_v = v.lo * scale;
    pair half = two_sum(half_u, -half_v), sum = two_sum(half_u, half_v);
    pair top = choose(e == 0, r, (pair){ 2 * half.hi, 2 * (half.lo + (lo_u - lo_v)) });
    double inverse = 1 / sum.hi, twice = top.hi * inverse, z = 0.25 * twice * twice, tail = 0.5 * twice * (z * atanh_tail_wide(z));
#if FULL
    tail += (rest_of_division(top.hi, twice, sum.hi) + (top.lo - twice * (sum.lo + (lo_u + lo_v)))) * inverse;
#endif
    pair log = carried(fast_two_sum(e * LN2_HI, twice)), y = carried(fast_two_sum(log.hi, log.lo + (e * LN2_LO + tail)));
    double limit = limit_of_log(u.hi) - limit_of_log(v.hi);
    return choose(limit == 0, y, as_pair(limit));
}

/* 2 / (u.hi + u.lo) */
FORMULA real twice_inverse(pair u)
{
    real i = 2 / u.hi;
#if FULL
    real rest = rest_of_division(2, i, u.hi) - i * u.lo;
    i = fma_(rest - rest == 0 ? rest : 0, (real)0.5 * i, i);
#endif
    return i;
}

/* 1 + x; beside 1 what is below 2^-1000 is nothing. */
FORMULA pair one_and(real x, const real *param)
{
    pair u = two_sum(1, x);
    return (pair){ u.hi, is_faint(param) ? unless_below(0x1p-1000, u.lo) : u.lo };
}

FORMULA jet squared_log_error(const real *x, const real *param)
{
    real p = x[PREDICTION], t = x[TARGET];
    pair given = two_diff(p, t), r = held_above(0x1p-511, given, param); /* whose square is subnormal, and whose slope it is, twice */
    pair u = one_and(p, param), v = one_and(t, param), d = log_ratio(r, u, v);
    real held_back = is_faint(param) && r.hi == 0 ? given.hi : 0;
    real du = u.hi < INFINITE ? d.hi : zero_of(d.hi), dv = v.hi < INFINITE ? d.hi : zero_of(d.hi); /* d / u ends at 0 */
    real iu = twice_inverse(u), iv = twice_inverse(v), half_iu = (real)0.5 * iu, half_iv = (real)0.5 * iv;
    return (jet){
        .value = held_back == 0 ? fma_(d.hi, d.hi, d.lo == 0 ? 0 : 2 * d.hi * d.lo) : times(held_back, held_back, param),
        .grad = { held_back == 0 ? du * iu : held_back + held_back, held_back == 0 ? -dv * iv : -(held_back + held_back) },
        .hess = { ((1 - du) - d.lo) * iu * half_iu, ((1 + dv) + d.lo) * iv * half_iv },
        .upper = { iu * half_iu, iv * half_iv }, /* Gauss-Newton: positive, the slope of d squared */
    };
}

KERNELS(pointwise, squared_log_error)
