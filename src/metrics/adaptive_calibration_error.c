/*
 * The calibration error with bins of equal mass: where most predictions are nearly sure, bins of equal width put them all into one.
 */
#include "calibration.h"
#include "functions.h"
#include "../kernel/order.h"

METRIC(adaptive_calibration_error) = {
    .title = "Adaptive calibration error",
    .aliases = "adaptive_ece",
    .formula =
        "as calibration_error; a case is in the bin that has the middle of its confidence in the order of all, as a part of sum of w",
    .input = { PROBABILITY_INPUTS },
    .param = { CALIBRATION_PARAMETERS("how many, of equal mass; cases of equal confidence stay together") },
    .cite = "Nixon et al. 2019, arXiv:1904.01685",
};

typedef struct {
    pair weight, sum; /* of w; of w*(right - confidence) */
} bin;

static void close_bin(calibration_gaps *gaps, bin *b, const double *param)
{
    libloss__add_gap(gaps, close_sum(b->weight), close_sum(b->sum), param);
    *b = (bin){ { 0, 0 }, { 0, 0 } };
}

static void see_adaptive_calibration_error(const metric_cases *c, double *value)
{
    const int64_t n = c->count;
    const double bins = c->param[CALIBRATION_BINS];
    double *confidence = c->work + ORDER_WORK * n, *gap = confidence + n;
    pair all = { 0, 0 }, before = { 0, 0 };
    bin here = { { 0, 0 }, { 0, 0 } };
    calibration_gaps gaps = { 0, 0, 0 };
    *value = (double)__builtin_nanf("");
    for (int64_t i = 0; i < n; i++) {
        int right;
        confidence[i] = libloss__confidence(c->prediction + i * c->width, c->width, c->target[i], c->param, &right);
        if (confidence[i] != confidence[i]) return;
        gap[i] = (double)right - confidence[i];
    }
    const ranked *order = order_of(confidence, c->weight, n, c->work);
    for (int64_t i = 0; i < n; i++) add_to(&all, c->weight ? c->weight[order[i].item] : 1);
    double number = 0; /* of the bin at hand */
    for (int64_t at = 0, next; at < n; at = next) {
        bin tied = { { 0, 0 }, { 0, 0 } };
        for (next = at; next < n && order[next].key == order[at].key; next++) {
            const int64_t i = order[next].item;
            const double w = c->weight ? c->weight[i] : 1;
            add_to(&tied.weight, w);
            add_to(&tied.sum, w * gap[i]);
        }
        const double middle = close_sum(pair_add(before, scale_pair(tied.weight, 0.5))) * bins / close_sum(all);
        const double own = middle >= bins ? bins - 1 : (double)(int64_t)middle;
        if (own > number) close_bin(&gaps, &here, c->param);
        number = own;
        here = (bin){ pair_add(here.weight, tied.weight), pair_add(here.sum, tied.sum) };
        before = pair_add(before, tied.weight);
    }
    close_bin(&gaps, &here, c->param);
    *value = libloss__norm_of_gaps(&gaps, c->param);
}

static int64_t adaptive_work(int64_t count, int64_t width)
{
    (void)width;
    return (ORDER_WORK + 2) * count;
}

SEES(adaptive_calibration_error, GIVES_NUMBER, .kind_of_case = CASE_SCORES, .see = see_adaptive_calibration_error, .work = adaptive_work)
