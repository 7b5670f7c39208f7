/*
 * Of what is negative, the part that was left alone: recall of the other side.
 */
#include "classwise.h"

METRIC(specificity) = {
    .title = "Specificity",
    .aliases = "tnr true_negative_rate selectivity",
    .formula = "tn/(tn + fp)",
    .input = { MULTILABEL_INPUTS },
    .param = { CLASSWISE_PARAMETERS },
    .cite = "Yerushalmy 1947, Public Health Reports 62:1432",
};

static ratio specificity(class_counts c, const double *param)
{
    (void)param;
    return (ratio){ c.tn, c.tn + c.fp };
}

CLASSWISE(specificity)
