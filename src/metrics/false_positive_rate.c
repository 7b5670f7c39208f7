/*
 * Of what is negative, the part that raised an alarm: 1 minus specificity, without its rounding.
 */
#include "classwise.h"

METRIC(false_positive_rate) = {
    .title = "False positive rate",
    .aliases = "fpr fall_out",
    .formula = "fp/(tn + fp)",
    .input = { MULTILABEL_INPUTS },
    .param = { CLASSWISE_PARAMETERS },
    .cite = "Yerushalmy 1947, Public Health Reports 62:1432",
};

static ratio false_positive_rate(class_counts c, const double *param)
{
    (void)param;
    return (ratio){ c.fp, c.tn + c.fp };
}

CLASSWISE(false_positive_rate)
