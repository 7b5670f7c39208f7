/*
 * A bin without cases does not count; of nothing at all the error is NaN.
 */
#include "calibration.h"

enum { NORM_L1, NORM_L2, NORM_MAX };
enum { ON_POSITIVE, ON_CONFIDENCE };

double libloss__confidence(const double *prediction, int64_t width, double target, const double *param, int *right)
{
    double p = prediction[0];
    int64_t top = 0;
    for (int64_t j = 1; j < width; j++)
        if (p == p && !(prediction[j] <= p)) p = prediction[top = j];
    *right = width > 1 ? (int64_t)target == top : target == 1;
    if (width > 1 || param[CALIBRATION_ON] == ON_POSITIVE || !(p <= 0.5)) return p;
    *right = !*right;
    return 1 - p;
}

void libloss__add_gap(calibration_gaps *gaps, double weight, double sum, const double *param)
{
    if (weight == 0) return;
    const double gap = __builtin_fabs(sum / weight);
    gaps->weight += weight;
    gaps->sum += param[CALIBRATION_NORM] == NORM_L2 ? weight * (gap * gap) : __builtin_fabs(sum);
    if (gaps->most == gaps->most && !(gap <= gaps->most)) gaps->most = gap;
}

double libloss__norm_of_gaps(const calibration_gaps *gaps, const double *param)
{
    const double mean = gaps->sum / gaps->weight;
    switch ((int)param[CALIBRATION_NORM]) {
    case NORM_L1: return mean;
    case NORM_L2: return square_root(mean);
    default: return gaps->weight > 0 ? gaps->most : mean;
    }
}
