/*
 * Confidence held against what came true, bin by bin.
 */
#ifndef LIBLOSS_METRICS_CALIBRATION_H
#define LIBLOSS_METRICS_CALIBRATION_H

#include "mean.h"

/* The parameters, in this order. */
enum { CALIBRATION_BINS, CALIBRATION_NORM, CALIBRATION_ON };
#define CALIBRATION_PARAMETERS(bins_)                                                                                                     \
    PARAM(bins, 15, WITHIN_INTEGERS(1, 1000000), bins_),                                                                                  \
        CHOICE(norm, 0, "l1 l2 max", "l1: mean over the cases of their bins' gaps; l2: root of their mean square; max: the largest gap"), \
        CHOICE(on, 0, "positive confidence",                                                                                              \
               "of two classes given by one probability: how often class 1 comes true, or the likelier class; rows: the likeliest")

/* How sure a prediction is, NaN if any of its numbers is; and whether it was right. */
double libloss__confidence(const double *prediction, int64_t width, double target, const double *param, int *right);

/* The gaps of all bins so far. */
typedef struct {
    double weight, sum, most;
} calibration_gaps;

/* A bin of this weight, and the sum over its cases of w*(right - confidence). */
void libloss__add_gap(calibration_gaps *gaps, double weight, double sum, const double *param);
double libloss__norm_of_gaps(const calibration_gaps *gaps, const double *param);

#endif
