/*
 * What a list is worth, as a part of what the best order of it would be.
 */
#include "gain.h"

enum { EMPTY = GAIN + 1 };
enum { EMPTY_ZERO, EMPTY_ONE, EMPTY_SKIP };

METRIC(ndcg) = {
    .title = "Normalized discounted cumulative gain",
    .aliases = "",
    .formula = "mean over queries of dcg / dcg of the order by falling target",
    .input = { RANKED_INPUTS(KIND_POSITIVE, OR_ZERO) },
    .param = { GAIN_PARAMETERS, CHOICE(empty, 0, "0 1 skip", "a query without any relevant document: its value, or it does not count") },
    .cite = "Jarvelin & Kekalainen 2002, doi:10.1145/582415.582418",
};

static void ndcg_of_list(const metric_cases *c, double *const *number, int64_t *group)
{
    const int empty = (int)c->param[EMPTY];
    if (list_has_nan(c)) {
        *number[0] = (double)__builtin_nanf("");
        return;
    }
    const double ideal = libloss__discounted_gain(c, c->target, TIES_ORDER);
    if (ideal > 0)
        *number[0] = libloss__discounted_gain(c, c->prediction, (int)c->param[LIST_TIES]) / ideal;
    else
        *number[0] = empty == EMPTY_ONE;
    if (!(ideal > 0) && empty == EMPTY_SKIP) *group = -1;
}

ADDS_UP(ndcg, GIVES_NUMBER, .kind_of_case = CASE_LIST, .plain = 1, .give = ndcg_of_list, .read = read_mean, .work = list_work)
