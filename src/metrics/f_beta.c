/*
 * Precision and recall in one number, their weighted harmonic mean: recall counts beta times as much. Read from the counts,
 * for precision or recall alone may be 0/0 where F is not.
 */
#include "classwise.h"

enum { BETA = CLASSWISE_OWN };

METRIC(f_beta) = {
    .title = "F score",
    .aliases = "f1 f_score",
    .formula = "(1 + beta^2)*tp/((1 + beta^2)*tp + beta^2*fn + fp)",
    .input = { MULTILABEL_INPUTS },
    .param = { CLASSWISE_PARAMETERS, PARAM(beta, 1.0, AT_LEAST(0), "how many times as much recall counts as precision") },
    .cite = "van Rijsbergen 1979, Information Retrieval, chapter 7",
};

static ratio f_beta(class_counts c, const double *param)
{
    const double b = param[BETA] * param[BETA];
    if (b > 0x1p1000) return (ratio){ c.tp, c.tp + c.fn }; /* the limit, recall; before b overflows */
    return (ratio){ (1 + b) * c.tp, (1 + b) * c.tp + b * c.fn + c.fp };
}

CLASSWISE(f_beta)
