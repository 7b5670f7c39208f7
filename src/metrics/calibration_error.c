/*
 * Whether of all cases that were called 80 percent sure 80 percent come true: cases are put into bins by confidence, and in each bin the
 * mean confidence is held against the part that was right. A bin without cases does not count.
 */
#include "mean.h"

enum { BINS, NORM, ON };
enum { NORM_L1, NORM_L2, NORM_MAX };
enum { ON_POSITIVE, ON_CONFIDENCE };

METRIC(calibration_error) = {
    .title = "Calibration error",
    .aliases = "ece expected_calibration_error",
    .formula =
        "sum over bins b of w[b]*|right[b] - confidence[b]| / sum of w, which are means over the bin; l2: squared, and the root; max: "
        "the largest",
    .input = { PROBABILITY_INPUTS },
    .param = { PARAM(bins, 15, WITHIN_INTEGERS(1, 1000000),
                     "how many, equally wide; bin b is ((b - 1)/bins, b/bins], the first one with its 0"),
               CHOICE(norm, 0, "l1 l2 max", "l1: expected calibration error; l2: root mean square; max: maximum calibration error"),
               CHOICE(
                   on, 0, "positive confidence",
                   "of two classes given by one probability: how often class 1 comes true, or the likelier class; rows: the likeliest") },
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

static int64_t calibration_error_of_case(const metric_cases *c, double *number)
{
    double p = *c->prediction;
    int right = *c->target == 1;
    if (c->width > 1) {
        int64_t top = 0;
        for (int64_t j = 1; j < c->width; j++)
            if (c->prediction[j] > p || c->prediction[j] != c->prediction[j]) p = c->prediction[top = j];
        right = (int64_t)*c->target == top;
    } else if (c->param[ON] == ON_CONFIDENCE && p <= 0.5) {
        p = 1 - p;
        right = !right;
    }
    *number = (double)right - p;
    return bin_of(p, c->param[BINS]);
}

static void read_calibration_error(const metric_sums *s, double *values)
{
    const int norm = (int)s->param[NORM];
    double weight = 0, sum = 0, most = 0;
    for (int64_t b = 0; b < s->groups; b++) {
        const metric_group *bin = &s->group[b];
        if (bin->weight == 0) continue;
        const double gap = __builtin_fabs(bin->sum[0] / bin->weight);
        weight += bin->weight;
        sum += norm == NORM_L2 ? bin->weight * (gap * gap) : __builtin_fabs(bin->sum[0]);
        if (!(gap <= most)) most = gap;
    }
    if (norm == NORM_MAX)
        values[0] = sum == sum && weight > 0 ? most : sum / weight;
    else
        values[0] = norm == NORM_L2 ? square_root(sum / weight) : sum / weight;
}

static int64_t bins(const double *param) { return (int64_t)param[BINS]; }

ADDS_UP(calibration_error, GIVES_NUMBER, .kind_of_case = CASE_SCORES, .plain = 1, .give = calibration_error_of_case,
        .read = read_calibration_error, .groups = bins)
