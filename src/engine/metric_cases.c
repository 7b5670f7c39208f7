/*
 * Cases that are read as numbers: elements, outputs, classes with their scores, lists. What one is, and what it may hold.
 */
#include "metric.h"
#include "tiles.h"
#include "units.h"

#define FAIL(status_, ...) return libloss__fail(c->sink, status_, __VA_ARGS__)

static int same_shape(const libloss__view *a, const libloss__view *b, int32_t ndim)
{
    for (int32_t k = 0; k < ndim; k++)
        if (a->shape[k] != b->shape[k]) return 0;
    return 1;
}

static libloss_status resolve_scores(libloss__metric_call *m)
{
    libloss__call *c = &m->call;
    const libloss__view *p = &c->input[0], *t = &c->input[1];
    const int rows = p->ndim == t->ndim + 1;
    if ((p->ndim != t->ndim && !rows) || !same_shape(p, t, t->ndim) || (rows && p->shape[t->ndim] < 2))
        FAIL(LIBLOSS_ERR_SHAPE,
             "%s: prediction has shape %S, but target has %S; of two classes it has the same shape, of more a row of at least two "
             "scores for each target",
             c->object->name, (int64_t)p->ndim, p->shape, (int64_t)t->ndim, t->shape);
    c->width = rows ? p->shape[t->ndim] : 1;
    m->classes = rows ? c->width : 2;
    if (m->metric->kind == SEES_ALL) m->size = c->width;
    return LIBLOSS_OK;
}

static libloss_status resolve_outputs(libloss__metric_call *m)
{
    libloss__call *c = &m->call;
    const int64_t found = c->ndim > 1 ? c->shape[c->ndim - 1] : 1;
    int given;
    const double outputs = libloss__metric_parameter(c->object, "outputs", 1, &given);
    if (given && outputs != (double)found)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: target has shape %S, but outputs is %d", c->object->name, (int64_t)c->ndim, c->shape,
             (int64_t)outputs);
    if (found > MOST_GROUPS)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %d outputs; at most %d are kept apart", c->object->name, found, (int64_t)MOST_GROUPS);
    m->size = found;
    return LIBLOSS_OK;
}

/* Rows of the last axis, or runs of one axis between offsets. */
static libloss_status resolve_lists(libloss__metric_call *m)
{
    libloss__call *c = &m->call;
    const libloss_object *o = c->object;
    const libloss__view *offsets = &c->input[2];
    if (c->ndim < 1) FAIL(LIBLOSS_ERR_SHAPE, "%s: target has shape (); the last axis is a list", o->name);
    c->unit = UNIT_GROUP;
    c->length = c->shape[c->ndim - 1];
    c->values_ndim = c->ndim - 1;
    if (libloss__given(offsets)) {
        if (libloss__is_float(offsets->dtype))
            FAIL(LIBLOSS_ERR_DTYPE, "%s: %s is %s; offsets are integers", o->name, o->input[2].name, libloss__dtype_name(offsets->dtype));
        if (offsets->ndim != 1 || offsets->count < 1 || c->ndim != 1)
            FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has shape %S and target %S; both need one axis, and offsets begin with 0", o->name,
                 o->input[2].name, (int64_t)offsets->ndim, offsets->shape, (int64_t)c->ndim, c->shape);
        c->groups[0] = offsets->count - 1;
        c->values_shape = c->groups;
        c->values_ndim = 1;
    }
    c->count = 1;
    for (int32_t k = 0; k < c->values_ndim; k++) c->count *= c->values_shape[k];
    return LIBLOSS_OK;
}

/* An input with a shape of its own: the past of a series. */
static libloss_status resolve_history(libloss__metric_call *m)
{
    libloss__call *c = &m->call;
    const libloss_object *o = c->object;
    const libloss__view *v = &c->input[2];
    const double season = libloss__metric_parameter(o, "season", 1, NULL);
    if (v->ndim != 1)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has shape %S; one series has one axis", o->name, o->input[2].name, (int64_t)v->ndim, v->shape);
    if ((double)v->count <= season)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has %d numbers; a season of %d needs more", o->name, o->input[2].name, v->count, (int64_t)season);
    return LIBLOSS_OK;
}

libloss_status libloss__resolve_cases(libloss__metric_call *m, int kind_of_case)
{
    libloss__call *c = &m->call;
    const libloss__view *p = &c->input[0], *t = &c->input[1];
    double param[MAX_PARAMETERS];
    const metric_adding *adding = m->metric->adding;
    libloss__fill_parameters(c->object, param);
    m->size = adding && adding->groups ? adding->groups(param) : 1;
    if (adding && adding->know) TRY(resolve_history(m));
    if (kind_of_case == CASE_SCORES) return resolve_scores(m);
    if (kind_of_case == CASE_LABELS) return libloss__resolve_labels(m);
    if (p->ndim != t->ndim || !same_shape(p, t, t->ndim))
        FAIL(LIBLOSS_ERR_SHAPE, "%s: prediction has shape %S, but target has %S; nothing is broadcast but a stride of 0", c->object->name,
             (int64_t)p->ndim, p->shape, (int64_t)t->ndim, t->shape);
    switch (kind_of_case) {
    case CASE_OUTPUT: return resolve_outputs(m);
    case CASE_LIST: return resolve_lists(m);
    default: return LIBLOSS_OK;
    }
}

/* Whether no number is outside the domain of an input. */
static int all_inside(const libloss__metric_call *m, int32_t input, int64_t n, const double *x)
{
    const libloss__call *c = &m->call;
    const loss_input *in = &c->object->input[input];
    const int positive = in->kind == KIND_POSITIVE;
    if (in->kind == KIND_REAL || in->kind == KIND_CLASS || (c->args->flags & LIBLOSS_TRUST_DOMAIN)) return 1;
    return libloss__all_inside(positive ? KIND_POSITIVE : KIND_PROBABILITY, (in->flags & OR_ZERO) != 0, x, n, DTYPE_F64);
}

libloss_status libloss__check_numbers(const libloss__metric_call *m, int32_t input, int64_t start, int64_t n, const double *x)
{
    const int fine = all_inside(m, input, n, x);
    for (int64_t i = 0; !fine && i < n; i++) TRY(libloss__check_number(&m->call, input, start + i, x[i]));
    return LIBLOSS_OK;
}

static libloss_status check_label(const libloss__metric_call *m, int64_t i, int64_t label)
{
    return label >= 0 && label < m->classes ? LIBLOSS_OK : libloss__bad_label(m, 1, i, label, "");
}

libloss_status libloss__check_cases(const libloss__metric_call *m, int64_t start, int64_t n, const double *prediction, const double *target,
                                    const int64_t *label, const double *weight)
{
    const int64_t width = m->call.width;
    int fine = all_inside(m, 0, n * width, prediction) && (!target || all_inside(m, 1, n, target));
    for (int64_t i = 0; !target && i < n; i++) fine &= (uint64_t)label[i] < (uint64_t)m->classes;
    for (int64_t i = 0; !fine && i < n; i++) {
        if (weight && weight[i] == 0) continue;
        if (!target) TRY(check_label(m, start + i, label[i]));
        TRY(libloss__check_numbers(m, 0, (start + i) * width, width, prediction + i * width));
        if (target) TRY(libloss__check_numbers(m, 1, start + i, 1, target + i));
    }
    return LIBLOSS_OK;
}
