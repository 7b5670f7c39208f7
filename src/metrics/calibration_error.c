/*
 * Whether of all cases that were called 80 percent sure 80 percent come true: cases are put into bins of equal width by confidence, and in
 * each bin the mean confidence is held against the part that was right.
 */
#include "calibration.h"

METRIC(calibration_error) = {
    .title = "Calibration error",
    .aliases = "ece expected_calibration_error",
    .formula =
        "sum over bins b of w[b]*|right[b] - confidence[b]| / sum of w, which are means over the bin; l2: squared, and the root; max: "
        "the largest",
    .input = { PROBABILITY_INPUTS },
    .param = { CALIBRATION_PARAMETERS("how many, equally wide; bin b is ((b - 1)/bins, b/bins], the first one with its 0") },
    .cite = "Guo et al. 2017, arXiv:1706.04599",
};

static int64_t bin_of(double p, double bins)
{
    if (!(p > 0)) return 0;
    if (p >= 1) return (int64_t)bins - 1;
    int64_t b = (int64_t)(p * bins);
    while (b > 0 && p <= (double)b / bins) b--; /* the edges are b/bins, rounded */
    while (b + 1 < (int64_t)bins && p > (double)(b + 1) / bins) b++;
    return b;
}

static void calibration_error_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    for (int64_t i = 0; i < c->count; i++) {
        int right;
        const double confidence = libloss__confidence(c->prediction + i * c->width, c->width, c->target[i], c->param, &right);
        number[0][i] = (double)right - confidence;
        group[i] = bin_of(confidence, c->param[CALIBRATION_BINS]);
    }
}

static void read_calibration_error(const metric_sums *s, double *values)
{
    calibration_gaps gaps = { 0, 0, 0 };
    for (int64_t b = 0; b < s->groups; b++) libloss__add_gap(&gaps, s->group[b].weight, s->group[b].sum[0], s->param);
    values[0] = libloss__norm_of_gaps(&gaps, s->param);
}

static int64_t bins(const double *param) { return (int64_t)param[CALIBRATION_BINS]; }

ADDS_UP(calibration_error, GIVES_NUMBER, .kind_of_case = CASE_SCORES, .plain = 1, .give = calibration_error_of_cases,
        .read = read_calibration_error, .groups = bins)
