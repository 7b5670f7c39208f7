/*
 * What a list is worth to someone who reads it from the top and tires.
 */
#include "gain.h"

METRIC(dcg) = {
    .title = "Discounted cumulative gain",
    .aliases = "",
    .formula = "mean over queries of sum over documents of gain(target)/log2(1 + rank), ranks from 1 by falling prediction",
    .input = { RANKED_INPUTS(KIND_REAL, 0) },
    .param = { GAIN_PARAMETERS },
    .cite = "Jarvelin & Kekalainen 2002, doi:10.1145/582415.582418",
};

static void dcg_of_list(const metric_cases *c, double *const *number, int64_t *group)
{
    (void)group;
    *number[0] = list_has_nan(c) ? (double)__builtin_nanf("") : libloss__discounted_gain(c, c->prediction, (int)c->param[LIST_TIES]);
}

ADDS_UP(dcg, GIVES_NUMBER, .kind_of_case = CASE_LIST, .plain = 1, .give = dcg_of_list, .read = read_mean, .work = list_work)
