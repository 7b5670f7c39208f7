/*
 * Of all that is positive or was called so, the part where both agree.
 */
#include "classwise.h"

METRIC(jaccard_index) = {
    .title = "Jaccard index",
    .aliases = "iou intersection_over_union",
    .formula = "tp/(tp + fp + fn)",
    .input = { MULTILABEL_INPUTS },
    .param = { CLASSWISE_PARAMETERS },
    .cite = "Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x",
};

static ratio jaccard_index(class_counts c, const double *param)
{
    (void)param;
    return (ratio){ c.tp, c.tp + c.fp + c.fn };
}

CLASSWISE(jaccard_index)
