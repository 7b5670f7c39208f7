/*
 * How far down one has to read for the first relevant document: one over its place.
 */
#include "ranked_list.h"

METRIC(mrr) = {
    .title = "Mean reciprocal rank",
    .aliases = "mean_reciprocal_rank",
    .formula = "mean over queries of 1/rank of the first document with target > 0, 0 if there is none",
    .input = { RANKED_INPUTS(KIND_REAL, 0) },
    .param = { RANKED_PARAMETERS },
    .cite = "Voorhees 1999, The TREC-8 question answering track report",
};

/* Over all orders of m documents, r of them relevant, which begin at a place: of the first relevant one, if its place counts. */
static double mean_reciprocal(int64_t first, int64_t m, int64_t r, int64_t places)
{
    pair sum = { 0, 0 };
    double none_yet = 1;
    for (int64_t j = 0; j <= m - r && first + j < places; j++) {
        add_to(&sum, none_yet * ((double)r / (double)(m - j)) / (double)(first + j + 1));
        none_yet *= (double)(m - r - j) / (double)(m - j);
    }
    return close_sum(sum);
}

static double reciprocal_rank(const metric_cases *c)
{
    if (list_has_nan(c)) return (double)__builtin_nanf("");
    const ranked *order = list_order(c, c->prediction);
    const int64_t places = list_places(c);
    const double *score = c->prediction;
    for (int64_t at = 0, next, relevant = 0; at < places; at = next) {
        for (next = at;
             next < c->count && (next == at || (c->param[LIST_TIES] == TIES_AVERAGE && score[order[next].item] == score[order[at].item]));
             next++)
            relevant += c->target[order[next].item] > 0;
        if (relevant) return mean_reciprocal(at, next - at, relevant, places);
    }
    return 0;
}

static void mrr_of_list(const metric_cases *c, double *const *number, int64_t *group)
{
    (void)group;
    *number[0] = reciprocal_rank(c);
}

ADDS_UP(mrr, GIVES_NUMBER, .kind_of_case = CASE_LIST, .plain = 1, .give = mrr_of_list, .read = read_mean, .work = list_work)
