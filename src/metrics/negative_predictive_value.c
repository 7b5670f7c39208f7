/*
 * Of what was called negative, the part that is: precision of the other side.
 */
#include "classwise.h"

METRIC(negative_predictive_value) = {
    .title = "Negative predictive value",
    .aliases = "npv",
    .formula = "tn/(tn + fn)",
    .input = { MULTILABEL_INPUTS },
    .param = { CLASSWISE_PARAMETERS },
    .cite = "Yerushalmy 1947, Public Health Reports 62:1432",
};

static ratio negative_predictive_value(class_counts c, const double *param)
{
    (void)param;
    return (ratio){ c.tn, c.tn + c.fn };
}

CLASSWISE(negative_predictive_value)
