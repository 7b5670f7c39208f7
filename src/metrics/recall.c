/*
 * Of what is positive, the part that was found: the price of misses.
 */
#include "classwise.h"

METRIC(recall) = {
    .title = "Recall",
    .aliases = "sensitivity tpr true_positive_rate",
    .formula = "tp/(tp + fn)",
    .input = { MULTILABEL_INPUTS },
    .param = { CLASSWISE_PARAMETERS },
    .cite = "van Rijsbergen 1979, Information Retrieval, chapter 7",
};

static ratio recall(class_counts c, const double *param)
{
    (void)param;
    return (ratio){ c.tp, c.tp + c.fn };
}

CLASSWISE(recall)
