/*
 * The middle of the absolute errors: half of all cases may be wild, and it does not move.
 */
#include "functions.h"
#include "../kernel/order.h"
#include "outputs.h"

enum { AVERAGE };
enum { AVERAGE_UNIFORM, AVERAGE_NONE };

METRIC(median_absolute_error) = {
    .title = "Median absolute error",
    .aliases = "",
    .formula = "median of |p - t|; weighted: the mean of the lower and the upper weighted median",
    .input = { OUTPUT_INPUTS },
    .param = { CHOICE(average, 0, "uniform none", "uniform: mean over the outputs; none: one number per output") },
    .cite = "Hampel 1974, doi:10.1080/01621459.1974.10482962",
};

static double middle(double a, double b) { return a + b <= 0x1.fffffffffffffp1023 ? (a + b) / 2 : a / 2 + b / 2; }

/* Twice this sum less that one: below, at or above 0. */
static double from_half(pair sum, pair all)
{
    const pair apart = two_diff(2 * sum.hi, all.hi);
    return apart.hi + (apart.lo + (2 * sum.lo - all.lo));
}

static void see_median_absolute_error(const metric_cases *c, double *value)
{
    const int64_t n = c->count;
    double *error = c->work + ORDER_WORK * n;
    pair all = { 0, 0 }, below = { 0, 0 };
    *value = (double)__builtin_nanf("");
    for (int64_t i = 0; i < n; i++) {
        error[i] = abs_(c->prediction[i] - c->target[i]);
        if (error[i] != error[i]) return;
    }
    if (n == 0) return;
    const ranked *order = order_of(error, c->weight, n, c->work);
    for (int64_t i = 0; i < n; i++) add_to(&all, c->weight ? c->weight[order[i].item] : 1);
    for (int64_t i = 0; i < n; i++) {
        const double here = error[order[i].item];
        add_to(&below, c->weight ? c->weight[order[i].item] : 1);
        const double apart = from_half(below, all);
        if (apart < 0) continue;
        *value = apart > 0 || i + 1 == n ? here : middle(here, error[order[i + 1].item]);
        return;
    }
}

static void mean_of_outputs(const double *of_output, int64_t outputs, const double *param, double *values)
{
    pair sum = { 0, 0 };
    for (int64_t g = 0; g < outputs; g++) {
        if (param[AVERAGE] == AVERAGE_NONE) values[g] = of_output[g];
        add_to(&sum, of_output[g]);
    }
    if (param[AVERAGE] == AVERAGE_UNIFORM) values[0] = close_sum(sum) / (double)outputs;
}

static int64_t median_work(int64_t count, int64_t width) { return (ORDER_WORK + 1) * count * width; }

SEES(median_absolute_error, GIVES_AVERAGE, .kind_of_case = CASE_OUTPUT, .see = see_median_absolute_error, .work = median_work,
     .close = mean_of_outputs)
