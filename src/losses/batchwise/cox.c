/*
 * Who fails next? At every event the one who failed is compared with all who were still at risk, so only the order of the times
 * matters and the baseline hazard drops out. Sums of exponentials carry an exponent of their own: no risk score is too large.
 */
#include "unit.h"

#include "order.h"

enum { PREDICTION, TIME, EVENT };
enum { TIES };

LOSS(cox) = {
    .title = "Cox's partial likelihood",
    .aliases = "cox_ph",
    .formula = "sum over events i of w_i*(log(sum of w_j*exp(p_j) over time_j >= time_i) - p_i); Efron: ties leave the risk set one by one",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logarithm of the hazard ratio"),
               INPUT(time, KIND_REAL, 0, "time of the event or of the last look"),
               INPUT(event, KIND_BINARY, 0, "1 if the event was seen, 0 if not (censored)") },
    .param = { CHOICE(ties, 0, "breslow efron", "how events at the same time are counted") },
    .claims = CONVEX | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 2, 2 },
    .cite = "Cox 1972, JRSS B 34, 187-220; ties: Efron 1977, doi:10.1080/01621459.1977.10480613",
};

static double weight_of(const loss_unit *u, int64_t i) { return u->weight ? u->weight[i] : 1; }

static int is_event(const loss_unit *u, int64_t i) { return u->input[EVENT][i] != 0; }

/* One group of events at the same time: the price of each, and what they add to the slopes of all who are at risk then. */
typedef struct {
    scaled all, own; /* sum of 1/risk; of those with the part that an event of the group itself has (Efron) */
    scaled all_squared, own_squared;
} increments;

static void cox_run(const loss_unit *u)
{
    const int64_t n = u->length;
    const double *z = u->input[PREDICTION], *time = u->input[TIME];
    const ranked *order = order_of(time, NULL, n, u->work);
    scaled *risk = (scaled *)(void *)(u->work + ORDER_WORK * n); /* of the first with each time, in that order; then the raised scores */
    scaled *raised = risk + n, sum = { { 0, 0 }, 0 };
    pair value = { 0, 0 };
    for (int64_t i = 0; i < n; i++) raised[i] = exp_scaled(z[i]);
    for (int64_t at = n - 1; at >= 0; at--) {
        sum = scaled_add(sum, scaled_times(raised[order[at].item], weight_of(u, order[at].item)));
        risk[at] = sum;
    }
    scaled slope = { { 0, 0 }, 0 }, bend = slope; /* sums over the events so far */
    for (int64_t start = 0, end; start < n; start = end) {
        scaled events = { { 0, 0 }, 0 };
        double count = 0, weights = 0;
        for (end = start; end < n && time[order[end].item] == time[order[start].item]; end++) {
            const int64_t i = order[end].item;
            if (!is_event(u, i)) continue;
            events = scaled_add(events, scaled_times(raised[i], weight_of(u, i)));
            weights += weight_of(u, i);
            count++;
        }
        if (end == start) end++; /* a NaN equals nothing */
        const int efron = u->param[TIES] != 0 && count > 1;
        increments more = { { { 0, 0 }, 0 }, { { 0, 0 }, 0 }, { { 0, 0 }, 0 }, { { 0, 0 }, 0 } };
        pair shrink = { 0, 0 }; /* ln of what Efron's risk sets are less than the whole */
        for (int64_t l = 0; l < (efron ? (int64_t)count : 1) && count > 0; l++) {
            const double gone = (double)l / count;
            scaled set = scaled_add(risk[start], scaled_times(events, -gone));
            scaled each = scaled_over((scaled){ { efron ? weights / count : weights, 0 }, 0 }, set), square = scaled_over(each, set);
            more.all = scaled_add(more.all, each);
            more.own = scaled_add(more.own, scaled_times(each, 1 - gone));
            more.all_squared = scaled_add(more.all_squared, square);
            more.own_squared = scaled_add(more.own_squared, scaled_times(square, (1 - gone) * (1 - gone)));
            if (efron && l > 0) add_to(&shrink, scaled_log(scaled_over(set, risk[start])));
        }
        for (int64_t at = start; at < end; at++) {
            const int64_t i = order[at].item;
            const double w = weight_of(u, i);
            const int event = is_event(u, i);
            if (event) add_to(&value, w * scaled_log(scaled_over(risk[start], raised[i])));
            const scaled a = scaled_add(slope, event ? more.own : more.all),
                         b = scaled_add(bend, event ? more.own_squared : more.all_squared);
            const scaled e = raised[i];
            const double first = scaled_value((scaled){ pair_mul(e.m, a.m), e.k + a.k });
            if (u->grad[PREDICTION]) u->grad[PREDICTION][i] = w * (first - (event ? 1 : 0));
            if (u->hess[PREDICTION]) {
                const scaled twice = { pair_mul(pair_mul(e.m, e.m), b.m), 2 * e.k + b.k };
                u->hess[PREDICTION][i] = u->upper ? w * first : w * (first - w * scaled_value(twice));
            }
        }
        if (efron) add_to(&value, weights / count * close_sum(shrink));
        slope = scaled_add(slope, more.all);
        bend = scaled_add(bend, more.all_squared);
    }
    u->value[0] = close_sum(value);
}

static int64_t cox_work(int64_t length, int64_t width, const int64_t *counts)
{
    (void)counts;
    return length * width * (ORDER_WORK + 2 * (int64_t)(sizeof(scaled) / sizeof(double)));
}

UNIT_TABLE(cox, UNIT_BATCH, PER_UNIT, cox_run, cox_work)
