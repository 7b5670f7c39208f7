/*
 * How often a case of the class gets a higher score than one of another, ties for half: the area under the curve of true over false
 * positives. One half is what chance does.
 */
#include "curve.h"

enum { MULTICLASS, AVERAGE, MAX_FPR };
enum { ONE_VERSUS_REST, ONE_VERSUS_ONE };

METRIC(roc_auc) = {
    .title = "Area under the ROC curve",
    .aliases = "auc auroc",
    .formula = "sum over i of class 1, j of class 0 of w_i*w_j*((p_i > p_j) + (p_i == p_j)/2) / sum over i, j of w_i*w_j",
    .input = { SCORE_INPUTS },
    .param = { CHOICE(multiclass, 0, "ovr ovo", "of rows: each class against the rest, or against each other class"),
               CHOICE(average, 0, "macro weighted none",
                      "of rows: the mean over classes or pairs that have an area; weighted by their cases; none: one number per class "
                      "(ovo: the mean over its pairs)"),
               { .name = "max_fpr",
                 .description = "only the curve up to this part of false positives counts, rescaled so that chance is 1/2",
                 .lowest = 0,
                 .highest = 1,
                 .flags = OPEN_BELOW | OPTIONAL } },
    .cite =
        "Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747; ovo: Hand & Till 2001, doi:10.1023/A:1010920819831; max_fpr: McClish "
        "1989, doi:10.1177/0272989X8900900307",
};

static double whole_area(curve *v)
{
    pair area = { 0, 0 }, above = { 0, 0 }, positive, negative;
    while (libloss__next_step(v, &positive, &negative)) {
        const pair mean = pair_add(above, scale_pair(positive, 0.5));
        area = pair_add(area, pair_mul(negative, mean));
        above = pair_add(above, positive);
    }
    return pair_div(area, pair_mul(v->positives, v->negatives));
}

static double part_of_area(curve *v, double most)
{
    const double all = close_pair(v->negatives), end = most * all;
    pair area = { 0, 0 }, above = { 0, 0 }, wrong = { 0, 0 }, positive, negative;
    while (libloss__next_step(v, &positive, &negative)) {
        const double n = close_pair(negative), room = end - close_pair(wrong), width = n < room ? n : room;
        if (n > 0) add_to(&area, width * (close_pair(above) + 0.5 * (width / n) * close_pair(positive)));
        if (n >= room && n > 0) break;
        above = pair_add(above, positive);
        wrong = pair_add(wrong, negative);
    }
    const double part = close_pair(area) / (close_pair(v->positives) * all), chance = 0.5 * most * most;
    return 0.5 * (1 + (part - chance) / (most - chance));
}

/* NaN where there is none of the class or none of the others. */
static double area_of(const metric_cases *c, int64_t k, int64_t against, double *weight)
{
    curve v = libloss__curve(c, k, against);
    const double most = c->param[MAX_FPR];
    *weight = close_pair(against < 0 ? v.positives : pair_add(v.positives, v.negatives));
    if (v.positives.hi == 0 || v.negatives.hi == 0) return (double)__builtin_nanf("");
    return most > 0 && most < 1 ? part_of_area(&v, most) : whole_area(&v);
}

static void each_against_the_rest(const metric_cases *c, double *each, double *weight)
{
    for (int64_t k = 0; k < c->width; k++) each[k] = area_of(c, k, -1, &weight[k]);
    libloss__average_classes((int)c->param[AVERAGE], each, weight, c->width);
}

/* Pairs, of which each has the mean of the two areas. */
static void each_against_each(const metric_cases *c, double *values, double *count)
{
    const int average = (int)c->param[AVERAGE];
    pair sum = { 0, 0 }, weights = { 0, 0 };
    for (int64_t k = 0; k < c->width; k++) values[k] = count[k] = 0;
    for (int64_t a = 0; a < c->width; a++) {
        for (int64_t b = a + 1; b < c->width; b++) {
            double weight;
            const double area = 0.5 * (area_of(c, a, b, &weight) + area_of(c, b, a, &weight));
            if (area != area) continue;
            if (average != AVERAGE_WEIGHTED) weight = 1;
            add_to(&sum, weight * area);
            add_to(&weights, weight);
            values[a] += area, values[b] += area, count[a]++, count[b]++;
        }
    }
    for (int64_t k = 0; k < c->width; k++) values[k] /= count[k];
    if (average != AVERAGE_NONE) values[0] = close_sum(sum) / close_sum(weights);
}

static void see_roc_auc(const metric_cases *c, double *values)
{
    const int64_t classes = c->width;
    double *each = c->work + CURVE_WORK * c->count, *more = each + classes;
    if (libloss__any_nan(c))
        for (int64_t k = 0; k < classes; k++) each[k] = (double)__builtin_nanf("");
    else if (classes == 1)
        each[0] = area_of(c, 1, -1, more);
    else if (c->param[MULTICLASS] == ONE_VERSUS_REST)
        each_against_the_rest(c, each, more);
    else
        each_against_each(c, each, more);
    memcpy(values, each, (size_t)(c->param[AVERAGE] == AVERAGE_NONE ? classes : 1) * sizeof *values);
}

static int64_t roc_auc_work(int64_t count, int64_t width) { return CURVE_WORK * count + 2 * width; }

SEES(roc_auc, GIVES_AVERAGE, .kind_of_case = CASE_SCORES, .see = see_roc_auc, .work = roc_auc_work)
