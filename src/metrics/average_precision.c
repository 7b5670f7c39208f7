/*
 * The precision at every threshold, weighted by what recall gains there: unlike the area under the ROC curve it asks how many of those
 * that were called positive are. Nothing is interpolated.
 */
#include "curve.h"

enum { AVERAGE };

METRIC(average_precision) = {
    .title = "Average precision",
    .aliases = "",
    .formula = "sum over scores s of (recall(s) - recall(next higher)) * precision(s), where what has at least the score s is positive",
    .input = { SCORE_INPUTS },
    .param = { CHOICE(
        average, 0, "macro weighted none",
        "of rows, each class against the rest: the mean over the classes; weighted by their cases; none: one number per class") },
    .cite = "Zhu 2004, Recall, Precision and Average Precision, University of Waterloo",
};

/* 0 where there is none of the class. */
static double precision_of(const metric_cases *c, int64_t k, double *weight)
{
    curve v = libloss__curve(c, k, -1);
    pair sum = { 0, 0 }, right = { 0, 0 }, wrong = { 0, 0 }, positive, negative;
    *weight = close_pair(v.positives);
    while (libloss__next_step(&v, &positive, &negative)) {
        right = pair_add(right, positive);
        wrong = pair_add(wrong, negative);
        if (positive.hi > 0) sum = pair_add(sum, pair_mul(positive, pair_div_to_pair(right, pair_add(right, wrong))));
    }
    return v.positives.hi > 0 ? pair_div(sum, v.positives) : 0;
}

static void see_average_precision(const metric_cases *c, double *values)
{
    const int64_t classes = c->width;
    double *each = c->work + CURVE_WORK * c->count, *weight = each + classes;
    const int nan = libloss__any_nan(c);
    for (int64_t k = 0; k < classes; k++)
        each[k] = nan || c->count == 0 ? (double)__builtin_nanf("") : precision_of(c, classes == 1 ? 1 : k, &weight[k]);
    if (classes > 1) libloss__average_classes((int)c->param[AVERAGE], each, weight, classes);
    memcpy(values, each, (size_t)(c->param[AVERAGE] == AVERAGE_NONE ? classes : 1) * sizeof *values);
}

static int64_t average_precision_work(int64_t count, int64_t width) { return CURVE_WORK * count + 2 * width; }

SEES(average_precision, GIVES_AVERAGE, .kind_of_case = CASE_SCORES, .see = see_average_precision, .work = average_precision_work)
