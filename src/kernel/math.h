/*
 * The mathematics of kernels, in double: branch-free, without tables, so that every loop around it vectorises; the same bits
 * wherever there is a fused multiply-add. Two grades: for f64 data below 1 ULP, with the remainders that losses need to stay
 * below 2; inside f32 data (the file defines INSIDE_F64) 2^-28 of the result or better, with shorter series and no remainders.
 * A function of x gives one number; one that ends in _pair takes its argument in two parts, one with _to_pair gives its
 * result in two. What is below 2^-1022 is reached gradually.
 *
 * math_exp.h      exp, expm1, log, log1p, pow
 * math_logistic.h the sigmoid and its relatives; tanh, log cosh
 * math_special.h  erf, erfc, erfcx; ln Gamma and its derivative; Bessel's I0 and I1/I0; sine and cosine
 * math_float.h    plain f32: what is fast enough to be worth an arithmetic of its own
 */
#ifndef LIBLOSS_KERNEL_MATH_H
#define LIBLOSS_KERNEL_MATH_H

#include "coefficients.h"

#if REAL_BITS == 64
#include "math_exp.h"
#include "math_logistic.h"
#include "math_special.h"
#else
#include "math_float.h"
#endif
#endif
