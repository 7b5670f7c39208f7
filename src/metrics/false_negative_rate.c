/*
 * Of what is positive, the part that was missed: 1 minus recall, without its rounding.
 */
#include "classwise.h"

METRIC(false_negative_rate) = {
    .title = "False negative rate",
    .aliases = "fnr miss_rate",
    .formula = "fn/(tp + fn)",
    .input = { MULTILABEL_INPUTS },
    .param = { CLASSWISE_PARAMETERS },
    .cite = "Yerushalmy 1947, Public Health Reports 62:1432",
};

static ratio false_negative_rate(class_counts c, const double *param)
{
    (void)param;
    return (ratio){ c.fn, c.tp + c.fn };
}

CLASSWISE(false_negative_rate)
