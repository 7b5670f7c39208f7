/*
 * Of what was called positive, the part that is: the price of false alarms.
 */
#include "classwise.h"

METRIC(precision) = {
    .title = "Precision",
    .aliases = "ppv positive_predictive_value",
    .formula = "tp/(tp + fp)",
    .input = { MULTILABEL_INPUTS },
    .param = { CLASSWISE_PARAMETERS },
    .cite = "van Rijsbergen 1979, Information Retrieval, chapter 7",
};

static ratio precision(class_counts c, const double *param)
{
    (void)param;
    return (ratio){ c.tp, c.tp + c.fp };
}

CLASSWISE(precision)
