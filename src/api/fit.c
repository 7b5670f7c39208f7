/*
 * The best constant prediction. Where it is the link of a mean, fit_mean.c has it; for the other pointwise losses with one minimum there is
 * one method: their total gradient is negative before and positive behind, so the place where it passes 0 is found by halving, over
 * the doubles in order, down to neighbours. Where a whole interval is best (an even number of values and their median) the answer is its
 * middle; where it has no end (all labels alike), the end it has; where more is always better, the end of the domain.
 */
#include <stdlib.h>
#include <string.h>

#include "../cpu/control.h"
#include "../engine/builtin.h"
#include "../engine/link.h"
#include "fit.h"
#include "structs.h"

typedef struct {
    const libloss_object *object;
    libloss_args args;
    libloss_tensor constant, gradient, weight;
    int64_t count;
    int outside; /* what NaN says of a constant: -1, that it lies below the domain of the loss; 1, above */
    double *constants, *slopes, slope; /* the prediction, count times; the gradient, and its sum */
} fit;

/* Doubles as integers in the same order. */
static int64_t rank_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? INT64_MIN - bits : bits;
}

static double of_rank(int64_t rank)
{
    int64_t bits = rank < 0 ? INT64_MIN - rank : rank;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The sign of the total gradient at c; where it is NaN, on which side of the domain c lies. */
static libloss_status slope_at(fit *f, double c, int *sign)
{
    for (int64_t i = 0; i < f->count; i++) f->constants[i] = c;
    libloss_status status = libloss__eval(f->object, &f->args);
    if (status != LIBLOSS_OK) return status;
    libloss__sum sum = { .nan = 0 };
    libloss__sum_add_doubles(&sum, f->slopes, f->count);
    const double s = f->slope = libloss__sum_round(&sum);
    *sign = s > 0 ? 1 : s < 0 ? -1 : s == 0 ? 0 : f->outside;
    return LIBLOSS_OK;
}

/* The last double below `high` where the gradient is negative (or, for `strict` 0, not positive). */
static libloss_status halve(fit *f, int64_t low, int64_t high, int strict, int64_t *out)
{
    while ((uint64_t)high - (uint64_t)low > 1) { /* the distance of two ranks may not fit an int64 */
        int64_t middle = low + (int64_t)(((uint64_t)high - (uint64_t)low) / 2);
        int sign;
        libloss_status status = slope_at(f, of_rank(middle), &sign);
        if (status != LIBLOSS_OK) return status;
        if (strict ? sign == -1 : sign == -1 || sign == 0)
            low = middle;
        else
            high = middle;
    }
    *out = low;
    return LIBLOSS_OK;
}

/* Whether the slope has died away at c and not ended: it was never 0, but for the range of the doubles. */
static libloss_status dies_away(fit *f, double c, int *dies)
{
    int sign;
    const libloss_status status = slope_at(f, c, &sign);
    *dies = f->slope < 0x1p-1020 && f->slope > -0x1p-1020;
    return status;
}

static libloss_status fit_pointwise(fit *f, double lowest, double highest, double *constant)
{
    enum { UNKNOWN = 2 };
    int64_t below, upto;
    int at_low, at_high;
    f->outside = UNKNOWN;
    libloss_status status = slope_at(f, lowest, &at_low);
    if (status == LIBLOSS_OK) status = slope_at(f, highest, &at_high);
    if (status != LIBLOSS_OK) return status;
    if (at_low == UNKNOWN && at_high == UNKNOWN) {
        *constant = (double)__builtin_nanf("");
        return LIBLOSS_OK;
    }
    const int whole_line = lowest < 0 && at_low != UNKNOWN;
    f->outside = at_low == UNKNOWN ? -1 : 1;
    if (at_low == UNKNOWN) at_low = -1;
    if (at_high == UNKNOWN) at_high = 1;
    status = halve(f, rank_of(lowest), rank_of(highest), 1, &below);
    if (status == LIBLOSS_OK) status = halve(f, below, rank_of(highest), 0, &upto);
    int no_end = 0;
    if (status == LIBLOSS_OK && at_high == 0 && at_low < 0 && highest > 1) status = dies_away(f, of_rank(below), &no_end);
    if (status == LIBLOSS_OK && at_low == 0 && at_high > 0 && whole_line) status = dies_away(f, of_rank(upto + 1), &no_end);
    if (status != LIBLOSS_OK) return status;
    double first = of_rank(below + 1), last = of_rank(upto);
    if (at_low >= 0 && below == rank_of(lowest)) first = lowest;
    if (at_high < 0) {
        *constant = highest < 2 ? highest : INFINITE;
    } else if (at_low > 0) {
        *constant = whole_line ? -INFINITE : lowest;
    } else if (at_high == 0 && highest > 1) {
        *constant = no_end ? INFINITE : first;
    } else if (at_low == 0 && whole_line) {
        *constant = no_end ? -INFINITE : last;
    } else {
        *constant = last < first ? first : first + (last - first) / 2;
    }
    return LIBLOSS_OK;
}

/* A run of doubles as a tensor. */
static libloss_tensor doubles(double *data, int32_t ndim, const int64_t *shape, const int64_t *strides)
{
    return (libloss_tensor){ .data = data,
                             .device_type = 1,
                             .ndim = ndim,
                             .dtype_code = 2,
                             .dtype_bits = 64,
                             .dtype_lanes = 1,
                             .shape = shape,
                             .strides = strides };
}

/* The search, of a surveyed call with something present. */
static libloss_status search(const libloss_object *o, const libloss__call *c, fit *f, double *constant)
{
    const libloss_tensor *target = f->args.input[1];
    const int weighted = f->args.weight != NULL, probability = o->input[0].kind == KIND_PROBABILITY;
    f->count = c->count;
    f->constants = malloc(3 * (size_t)f->count * sizeof *f->constants);
    if (!f->constants) return libloss__fail(c->sink, LIBLOSS_ERR_MEMORY, "%s: out of memory", o->name);
    f->slopes = f->constants + f->count;
    f->constant = doubles(f->constants, target->ndim, target->shape, NULL);
    f->gradient = doubles(f->slopes, target->ndim, target->shape, NULL);
    f->weight = doubles(f->slopes + f->count, target->ndim, target->shape, NULL);
    f->args.gradient[0] = &f->gradient;
    if (weighted) {
        const double scale = libloss__weight_scale(c, f->count, 0.5, 1);
        double *const w = f->slopes + f->count;
        libloss__weights_as_double(c, 0, f->count, w);
        for (int64_t i = 0; i < f->count; i++) w[i] *= scale;
        f->args.weight = &f->weight;
    }
    const double clip = libloss__parameter_named(c, "clip", 0); /* what is clipped has no slope to look for */
    /* beyond 2^1000 formulas may overflow on the way */
    const libloss_status status = fit_pointwise(f, probability ? clip : -0x1p1000, probability ? 1 - clip : 0x1p1000, constant);
    free(f->constants);
    return status;
}

/* Whether the closed form holds with these parameters. */
static int is_mean(const libloss_object *o, const libloss__call *c)
{
    if (o->row->loss->info->constant != BEST_IS_MEAN) return 0;
    return libloss__link_kind(o, c->args->parameters) != LINK_IDENTITY || libloss__parameter_named(c, "eps", 0) == 0;
}

static int is_known(const libloss_object *o)
{
    if (o->kind != OBJECT_LOSS || o->inputs < 2 || strcmp(o->input[0].name, "prediction") != 0) return 0;
    const loss *loss = o->row->loss;
    return loss->info->constant != BEST_BY_SEARCH ||
           (loss->shape == SHAPE_POINTWISE && ((loss->info->claims & CONVEX) || loss->info->one_minimum));
}

static libloss_status fit_constant(const libloss_object *o, const libloss_args *args, double *constant, int64_t count)
{
    const libloss__sink nowhere = { NULL, 0 };
    fit f = { .object = o };
    if (!o || !constant) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_fit_constant: %s is NULL", o ? "constant" : "object");
    libloss_status status = libloss__take_struct(nowhere, "libloss_args", &f.args, sizeof f.args, args, FIRST_ARGS);
    if (status != LIBLOSS_OK) return status;
    const libloss__sink sink = { f.args.message, f.args.message_size };
    if (!is_known(o))
        return libloss__fail(sink, LIBLOSS_ERR_UNSUPPORTED, "%s: no one constant prediction is known to be its best", o->name);
    const int rows = o->row->loss->values_per == PER_ROW;
    if (rows ? count < 1 : count != 1)
        return libloss__fail(sink, LIBLOSS_ERR_OPTION, "%s: it has %s, not %d", o->name, rows ? "a constant for each class" : "1 constant",
                             count);
    const libloss_tensor *target = f.args.input[1];
    if (!target) return libloss__fail(sink, LIBLOSS_ERR_NULL, "%s: %s is NULL", o->name, o->input[1].name);
    if (target->ndim < 0 || target->ndim >= MAX_DIMENSIONS || (target->ndim > 0 && !target->shape))
        return libloss__fail(sink, LIBLOSS_ERR_SHAPE, "%s: %s has no shape of at most 63 axes", o->name, o->input[1].name);

    /* of rows: class indices lack the last axis */
    double start = o->input[0].kind == KIND_PROBABILITY ? 0.5 : 0;
    int64_t zeros[MAX_DIMENSIONS] = { 0 }, shape[MAX_DIMENSIONS];
    const int indices = rows && o->input[1].kind == KIND_CLASS && !libloss__is_float(libloss__dtype(target));
    if (target->ndim > 0) memcpy(shape, target->shape, (size_t)target->ndim * sizeof *shape);
    if (indices) shape[target->ndim] = count;
    f.constant = doubles(&start, target->ndim + indices, shape, zeros);
    f.args.input[0] = &f.constant;
    f.args.reduction = LIBLOSS_SUM;
    f.args.hessian_kind = LIBLOSS_DIAGONAL;
    f.args.divisor = 0;
    f.args.value = NULL;
    f.args.values = NULL;
    f.args.total = NULL;
    memset(f.args.gradient, 0, sizeof f.args.gradient);
    memset(f.args.hessian, 0, sizeof f.args.hessian);
    libloss__call c;
    status = libloss__resolve(&c, o, &f.args, 0);
    if (status == LIBLOSS_OK && rows && c.classes != count)
        status = libloss__fail(sink, LIBLOSS_ERR_OPTION, "%s: it has %d constants, not %d", o->name, c.classes, count);
    if (status == LIBLOSS_OK) status = libloss__survey(&c);
    if (status != LIBLOSS_OK) return status;
    if (c.present == 0) {
        for (int64_t j = 0; j < count; j++) constant[j] = (double)__builtin_nanf("");
        return LIBLOSS_OK;
    }
    if (rows) return libloss__fit_rows(&c, constant);
    if (!is_mean(o, &c)) return search(o, &c, &f, constant);
    *constant = libloss__fit_mean(&c);
    return LIBLOSS_OK;
}

libloss_status libloss_fit_constant(const libloss_object *o, const libloss_args *args, double *constant, int64_t count)
{
    uint64_t word = libloss__enter();
    libloss_status status = fit_constant(o, args, constant, count);
    libloss__leave(word);
    return status;
}
