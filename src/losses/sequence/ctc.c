/*
 * The surprise at a string of labels when nobody says when each was spoken: all alignments count.
 *
 * States are the labels with a blank before, between and after them. Probabilities are kept as numbers with an exponent of
 * their own and twice a double's digits, not as logarithms, so that long sequences lose nothing.
 */
#include "unit.h"

enum { PREDICTION, TARGET };
enum { BLANK, ZERO_INFINITY, LOG_PROBABILITIES };

LOSS(ctc) = {
    .title = "Connectionist temporal classification",
    .aliases = "ctc_loss",
    .formula = "-log(sum over all alignments of the product over steps of softmax(prediction[step])[label of the step])",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logits, shape (..., steps, classes)"),
               { .name = "target",
                 .description = "labels, shape (..., longest), or all one after the other, shape (sum of target_length,)",
                 .kind = KIND_CLASS,
                 .shape = OTHER_SHAPE },
               { .name = "input_length",
                 .description = "steps of each sequence; all if not given",
                 .kind = KIND_LENGTH,
                 .shape = PER_VALUE,
                 .flags = OPTIONAL },
               { .name = "target_length",
                 .description = "labels of each sequence; all if not given",
                 .kind = KIND_LENGTH,
                 .shape = PER_VALUE,
                 .flags = OPTIONAL } },
    .param = { CLASS_PARAM(blank, 0, "the class that says nothing"),
               FLAG(zero_infinity, 0, "a target that does not fit into its steps costs 0 instead of infinity"),
               FLAG(log_probabilities, 0, "the prediction is logarithms of probabilities, taken as they are") },
    .claims = NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .link = { .kind = LINK_SOFTMAX },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1, 2 },
    .cite = "Graves et al. 2006, doi:10.1145/1143844.1143891",
};

typedef struct {
    const loss_unit *u;
    int64_t steps, classes, states;
    scaled *forward, *symbol; /* (steps, states), (states): chance of each state's label at one step */
} lattice;

static int64_t label_of(const lattice *l, int64_t state)
{
    return state % 2 ? l->u->index[TARGET][state / 2] : (int64_t)l->u->param[BLANK];
}

/* May state k follow k - 2? Only past a blank, and not between equal labels. */
static int may_skip(const lattice *l, int64_t k) { return k > 1 && k < l->states && k % 2 && label_of(l, k) != label_of(l, k - 2); }

typedef struct {
    double top;
    pair sum; /* of e^(x - top), the top one first */
} step_facts;

/* Without a softmax the chances are e^x themselves. */
static step_facts facts_of(const lattice *l, int64_t t, double *e)
{
    const int64_t n = l->classes;
    const double *x = l->u->input[PREDICTION] + t * n;
    if (l->u->param[LOG_PROBABILITIES] != 0) return (step_facts){ 0, { 1, 0 } };
    int64_t top = 0;
    for (int64_t c = 1; c < n; c++)
        if (x[c] > x[top] || x[c] != x[c]) top = c;
    const double most = x[top];
    VECTOR_LOOP
    for (int64_t c = 0; c < n; c++) e[c] = exp_pair(two_diff(x[c], most));
    pair others = { 0, 0 };
    for (int64_t c = 0; c < n; c++)
        if (c != top) add_to(&others, e[c]);
    pair sum = two_sum(1, others.hi);
    return (step_facts){ most, fast_two_sum(sum.hi, sum.lo + others.lo) };
}

static void find_symbols(const lattice *l, int64_t t, step_facts f)
{
    const double *x = l->u->input[PREDICTION] + t * l->classes;
    for (int64_t k = 0; k < l->states; k++) {
        if (k % 2 == 0 && k > 0) {
            l->symbol[k] = l->symbol[0];
            continue;
        }
        const pair d = two_diff(x[label_of(l, k)], f.top);
        scaled e = exp_scaled(d.hi);
        if (e.m.hi != 0) e = scaled_times(e, 1 + d.lo);
        l->symbol[k] = scaled_over(e, (scaled){ f.sum, 0 });
    }
}

static const scaled nothing = { { 0, 0 }, 0 };

static scaled run_forward(const lattice *l, double *e)
{
    const int64_t n = l->states;
    for (int64_t t = 0; t < l->steps; t++) {
        const scaled *before = l->forward + (t - 1) * n;
        find_symbols(l, t, facts_of(l, t, e));
        for (int64_t k = 0; k < n; k++) {
            scaled from = nothing;
            if (t == 0) {
                if (k < 2) from = (scaled){ { 1, 0 }, 0 };
            } else {
                from = before[k];
                if (k > 0) from = scaled_add(from, before[k - 1]);
                if (may_skip(l, k)) from = scaled_add(from, before[k - 2]);
            }
            l->forward[t * n + k] = scaled_product(from, l->symbol[k]);
        }
    }
    if (l->steps == 0) return n == 1 ? (scaled){ { 1, 0 }, 0 } : nothing;
    const scaled *last = l->forward + (l->steps - 1) * n;
    return n > 1 ? scaled_add(last[n - 1], last[n - 2]) : last[0];
}

/* Slopes by step, from the last to the first; `backward` and `next`: (states) each. */
static void run_backward(const lattice *l, scaled all, scaled *backward, scaled *next, double *e)
{
    const loss_unit *u = l->u;
    const int64_t n = l->states, classes = l->classes;
    double *occupancy = e + classes;
    for (int64_t t = l->steps - 1; t >= 0; t--) {
        const step_facts f = facts_of(l, t, e);
        memset(occupancy, 0, (size_t)classes * sizeof *occupancy);
        for (int64_t k = 0; k < n; k++) {
            scaled to = nothing;
            if (t == l->steps - 1) {
                if (k >= n - 2) to = (scaled){ { 1, 0 }, 0 };
            } else {
                to = next[k];
                if (k + 1 < n) to = scaled_add(to, next[k + 1]);
                if (may_skip(l, k + 2)) to = scaled_add(to, next[k + 2]);
            }
            backward[k] = to;
            occupancy[label_of(l, k)] += scaled_value(scaled_over(scaled_product(l->forward[t * n + k], to), all));
        }
        find_symbols(l, t, f);
        for (int64_t k = 0; k < n; k++) next[k] = scaled_product(backward[k], l->symbol[k]);
        for (int64_t c = 0; c < classes; c++) {
            const int given = u->param[LOG_PROBABILITIES] != 0;
            const double q = given ? 0 : pair_div((pair){ e[c], 0 }, f.sum), gamma = occupancy[c];
            const double spread = q * (1 - q),
                         most = given ? gamma : spread; /* of given ones it is concave, at most as steep as its slope */
            if (u->grad[PREDICTION]) u->grad[PREDICTION][t * classes + c] = q - gamma;
            if (u->hess[PREDICTION]) u->hess[PREDICTION][t * classes + c] = u->upper ? most : spread - gamma * (1 - gamma);
        }
    }
}

static void ctc_run(const loss_unit *u)
{
    lattice l = { .u = u, .steps = u->length, .classes = u->width, .states = 2 * u->count[TARGET] + 1 };
    double *e = u->work;
    l.symbol = (scaled *)(void *)(e + 2 * l.classes);
    scaled *backward = l.symbol + l.states, *next = backward + l.states;
    l.forward = next + l.states;
    const scaled all = run_forward(&l, e);
    if (all.m.hi == 0) { /* no alignment fits: the slope stays 0 */
        u->value[0] = u->param[ZERO_INFINITY] != 0 ? 0 : __builtin_inf();
        return;
    }
    u->value[0] = -scaled_log(all);
    if (u->grad[PREDICTION] || u->hess[PREDICTION]) run_backward(&l, all, backward, next, e);
}

/* A path takes a step per label at least, so longer targets than that need no table. */
static int64_t ctc_work(int64_t length, int64_t width, const int64_t *counts)
{
    return 2 * width + (length + 3) * (2 * counts[TARGET] + 1) * (int64_t)(sizeof(scaled) / sizeof(double));
}

UNIT_TABLE(ctc, UNIT_SEQUENCE, PER_UNIT, ctc_run, ctc_work)
