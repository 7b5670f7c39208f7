/*
 * Evaluation of built-in losses and of weighted sums, fused and step by step. A call adds up on its own stack and
 * touches the caller's total at the end, when nothing can fail any more.
 */
#include "builtin.h"

#include <stdlib.h>
#include <string.h>

#include "../cpu/cache.h"
#include "../cpu/memory.h"
#include "metric.h"
#include "split.h"
#include "sums.h"

static libloss__sink sink_of(const libloss_args *a) { return (libloss__sink){ a->message, a->message_size }; }

/* Bytes for all threads that the call may use; many wide rows at a time are not worth their memory. */
static int64_t workspace_of(const libloss__call *c)
{
    const int64_t each = libloss__workspace(c), most = 1 << 26;
    int64_t threads = each ? libloss__threads_of(c) : 0;
    while (threads > 1 && threads * each > most) threads--;
    return threads * each;
}

/* The caller's workspace, or one of our own that the caller of this frees. `least` bytes would do. */
static libloss_status take_workspace(const libloss_args *args, int64_t least, int64_t wanted, void **memory, void **own)
{
    *own = NULL;
    *memory = args->workspace;
    if (wanted == 0) return LIBLOSS_OK;
    if (args->workspace) {
        if (args->workspace_size >= (size_t)least) return LIBLOSS_OK;
        return libloss__fail(sink_of(args), LIBLOSS_ERR_OPTION, "workspace has %d bytes; this call needs %d", (int64_t)args->workspace_size,
                             least);
    }
    *memory = *own = libloss__scratch(wanted);
    return *own ? LIBLOSS_OK : libloss__fail(sink_of(args), LIBLOSS_ERR_MEMORY, "out of memory: %d bytes of workspace", wanted);
}

/* One loss of the registry: everything it was asked for, and its part of a value or of a total. */
static libloss_status eval_one(const libloss_object *o, const libloss_args *args, int want_sum, int want_weights, libloss__part *part)
{
    libloss__call c;
    libloss__sum by[MAX_LEARNED];
    TRY(libloss__resolve(&c, o, args, 1));
    memset(by, 0, (size_t)c.learned * sizeof *by);
    c.by = by;
    if (args->total && libloss__is_of_sums(o) && args->total->parts != libloss__sums_parts(o, c.count))
        return libloss__fail(sink_of(args), LIBLOSS_ERR_TOTAL, "%s: the total was started for another number of units than %d", o->name,
                             c.count);
    c.domains_on_the_way = (int8_t)libloss__may_look_on_the_way(&c);
    c.want_weights = (int8_t)want_weights;
    TRY(libloss__survey(&c));
    void *own;
    libloss_args local = *args;
    const int64_t each = libloss__workspace(&c), wanted = workspace_of(&c);
    TRY(take_workspace(args, each, wanted, &local.workspace, &own));
    c.slots = each == 0 ? INT64_MAX : (own ? wanted : (int64_t)args->workspace_size) / each; /* so many threads have room */
    c.args = &local;
    memset(part, 0, sizeof *part);
    libloss_status status = libloss__run(&c, want_sum ? &part->sum : NULL);
    if (status == LIBLOSS_ERR_DOMAIN && c.domains_on_the_way) { /* found by whoever was first; the message is about the first in order */
        c.domains_on_the_way = 0;
        const libloss_status first = libloss__check_domains(&c);
        status = first == LIBLOSS_OK ? status : first;
    }
    if (status == LIBLOSS_OK && args->parameter_gradient) libloss__store_learned(&c);
    free(own);
    part->present = c.present;
    part->size = c.count;
    part->rows = c.rows;
    part->weights = c.weights;
    return status;
}

static libloss_status eval_loss(const libloss_object *o, const libloss_args *args)
{
    libloss__part part;
    if (args->total) TRY(libloss__total_fits(args->total, o, args->message, args->message_size));
    TRY(eval_one(o, args, args->value || args->total, args->total != NULL, &part));
    if (args->value) *args->value = libloss__part_value(&part, args->reduction, args->divisor, args->empty);
    if (args->total && !libloss__is_of_sums(o)) libloss__part_merge(&args->total->term[0].part, &part);
    return LIBLOSS_OK;
}

/* ---- sums ---- */

typedef struct {
    double *sum, *one; /* dense, double: what all terms add up to, what the term at hand gives */
    int64_t count;
    libloss_tensor tensor; /* of `one` */
} addend;

enum { ADDENDS = 2 * MAX_INPUTS + 1 };

static const double nobody_reads_this = 0; /* gives tensors an aligned address until they have their own */

static void addend_shape(addend *a, const libloss__view *v)
{
    a->count = v->count;
    a->tensor =
        (libloss_tensor){ .device_type = 1, .ndim = v->ndim, .dtype_code = 2, .dtype_bits = 64, .dtype_lanes = 1, .shape = v->shape };
    a->tensor.data = (void *)(uintptr_t)&nobody_reads_this;
}

/* An output of a term as it will be: the addend instead of the caller's tensor. */
static void take_addend(addend *a, libloss__view *v)
{
    addend_shape(a, v);
    libloss__view_of(v, &a->tensor, DTYPE_F64, a->count);
}

/* The args of term k: its own inputs out of the sum's, and no outputs yet. */
static libloss_args args_of_term(const libloss_object *o, int64_t k, const libloss_args *args)
{
    libloss_args mine = *args;
    memset(mine.input, 0, sizeof mine.input);
    memset(mine.gradient, 0, sizeof mine.gradient);
    memset(mine.hessian, 0, sizeof mine.hessian);
    memset(mine.auxiliary, 0, sizeof mine.auxiliary);
    for (int32_t i = 0; i < o->term[k]->inputs; i++) mine.input[i] = args->input[o->place[k * MAX_INPUTS + i]];
    mine.values = NULL;
    mine.value = NULL;
    mine.total = NULL;
    mine.parameters = NULL;
    mine.workspace = NULL;
    mine.workspace_size = 0;
    return mine;
}

/* Checks every term as if it alone were asked, so that an error of the last one comes before the first store. `workspace` is
 * what the hungriest term needs. */
static libloss_status check_terms(const libloss_object *o, const libloss_args *args, int survey, addend add[ADDENDS], int64_t *workspace)
{
    *workspace = 0;
    for (int64_t k = 0; k < o->terms; k++) {
        libloss__call c;
        libloss_args mine = args_of_term(o, k, args);
        for (int32_t i = 0; i < o->term[k]->inputs; i++) {
            int j = o->place[k * MAX_INPUTS + i];
            if (!(o->term[k]->input[i].flags & DIFFERENTIABLE_INPUT)) continue;
            mine.gradient[i] = args->gradient[j];
            mine.hessian[i] = args->hessian[j];
        }
        mine.values = args->values;
        TRY(libloss__resolve(&c, o->term[k], &mine, 1));
        if (survey) TRY(libloss__survey(&c));
        if (args->values) take_addend(&add[2 * MAX_INPUTS], &c.values);
        for (int32_t i = 0; i < o->term[k]->inputs; i++) {
            int j = o->place[k * MAX_INPUTS + i];
            if (mine.gradient[i]) take_addend(&add[2 * j], &c.gradient[i]);
            if (mine.hessian[i]) take_addend(&add[2 * j + 1], &c.hessian[i]);
        }
        const int64_t need = workspace_of(&c);
        if (need > *workspace) *workspace = need;
    }
    return LIBLOSS_OK;
}

/* What cannot be asked of a sum. */
static libloss_status check_sum(const libloss_object *o, const libloss_args *args)
{
    const libloss__sink sink = sink_of(args);
    if (args->parameters || args->parameter_gradient)
        return libloss__fail(sink, LIBLOSS_ERR_UNSUPPORTED, "sum: parameters belong to its terms");
    if (args->divisor != 0 && o->terms > 1)
        return libloss__fail(sink, LIBLOSS_ERR_OPTION, "sum: each term has a divisor of its own; none can be given");
    for (int k = 0; k < MAX_AUXILIARIES; k++)
        if (args->auxiliary[k]) return libloss__fail(sink, LIBLOSS_ERR_OPTION, "sum: there is no auxiliary[%d]", (int64_t)k);
    for (int k = 0; k < MAX_INPUTS; k++) {
        if (k >= o->inputs && args->input[k])
            return libloss__fail(sink, LIBLOSS_ERR_OPTION, "sum: input[%d] is given, but there are %d inputs", (int64_t)k,
                                 (int64_t)o->inputs);
        if ((args->gradient[k] || args->hessian[k]) && (k >= o->inputs || !(o->input[k].flags & DIFFERENTIABLE_INPUT)))
            return libloss__fail(sink, LIBLOSS_ERR_NO_GRADIENT, "sum: there is no derivative with respect to input[%d]", (int64_t)k);
    }
    return LIBLOSS_OK;
}

static int64_t sum_bytes(const libloss_object *o, const addend add[ADDENDS], int64_t workspace)
{
    int64_t bytes = o->terms * (int64_t)sizeof(libloss__part) + workspace;
    for (int a = 0; a < ADDENDS; a++) bytes += 16 * add[a].count;
    return bytes;
}

static const libloss_tensor *output_of(const libloss_args *args, int a)
{
    return a == 2 * MAX_INPUTS ? args->values : a % 2 ? args->hessian[a / 2] : args->gradient[a / 2];
}

static libloss_status eval_sum(const libloss_object *o, const libloss_args *args)
{
    addend add[ADDENDS];
    int64_t workspace;
    void *memory, *own;
    memset(add, 0, sizeof add);
    TRY(check_sum(o, args));
    if (args->total) TRY(libloss__total_fits(args->total, o, args->message, args->message_size));
    TRY(check_terms(o, args, 1, add, &workspace));
    const int64_t bytes = sum_bytes(o, add, workspace);
    TRY(take_workspace(args, bytes, bytes, &memory, &own));

    libloss__part *parts = memory;
    double *next = (double *)(void *)(parts + o->terms);
    memset(parts, 0, (size_t)o->terms * sizeof *parts);
    for (int a = 0; a < ADDENDS; a++) {
        if (add[a].count == 0) continue;
        add[a].sum = next;
        add[a].one = next + add[a].count;
        add[a].tensor.data = add[a].one;
        memset(add[a].sum, 0, (size_t)add[a].count * sizeof(double));
        next += 2 * add[a].count;
    }
    libloss_status status = LIBLOSS_OK;
    for (int64_t k = 0; k < o->terms && status == LIBLOSS_OK; k++) {
        libloss_args mine = args_of_term(o, k, args);
        mine.workspace = workspace ? next : NULL;
        mine.workspace_size = (size_t)workspace;
        int fed[ADDENDS] = { 0 };
        for (int32_t i = 0; i < o->term[k]->inputs; i++) {
            int j = o->place[k * MAX_INPUTS + i];
            if (!(o->term[k]->input[i].flags & DIFFERENTIABLE_INPUT)) continue;
            if (add[2 * j].one) mine.gradient[i] = &add[2 * j].tensor, fed[2 * j] = 1;
            if (add[2 * j + 1].one) mine.hessian[i] = &add[2 * j + 1].tensor, fed[2 * j + 1] = 1;
        }
        if (add[2 * MAX_INPUTS].one) mine.values = &add[2 * MAX_INPUTS].tensor, fed[2 * MAX_INPUTS] = 1;
        status = eval_one(o->term[k], &mine, args->value || args->total, args->total != NULL, &parts[k]);
        for (int a = 0; a < ADDENDS; a++)
            for (int64_t i = 0; fed[a] && i < add[a].count; i++) add[a].sum[i] += o->factor[k] * add[a].one[i];
    }
    if (status == LIBLOSS_OK) {
        double value = 0;
        for (int64_t k = 0; k < o->terms; k++) {
            value += o->factor[k] * libloss__part_value(&parts[k], args->reduction, args->divisor, args->empty);
            if (args->total) libloss__part_merge(&args->total->term[k].part, &parts[k]);
        }
        if (args->value) *args->value = value;
        for (int a = 0; a < ADDENDS; a++) {
            const libloss_tensor *t = output_of(args, a);
            if (!add[a].sum || !t) continue;
            libloss__view v;
            libloss__view_of(&v, t, libloss__dtype(t), add[a].count);
            libloss__scatter(&v, 0, add[a].count, add[a].sum, DTYPE_F64);
        }
    }
    free(own);
    return status;
}

/* ---- the steps, and the plan ---- */

libloss_status libloss__eval(const libloss_object *o, const libloss_args *args)
{
    switch (o->kind) {
    case OBJECT_SUM: return eval_sum(o, args);
    case OBJECT_METRIC: return libloss__eval_metric(o, args);
    case OBJECT_CUSTOM: return o->theirs->tile ? eval_loss(o, args) : libloss__eval_steps(o, args);
    default: return eval_loss(o, args);
    }
}

/* Values alone: what is weighed, divided or differentiated is not looked at. */
static libloss_status step_forward(void *self, const libloss_args *args)
{
    libloss_args mine = *args;
    mine.weight = mine.upstream = NULL;
    mine.value = NULL;
    mine.total = NULL;
    mine.divisor = 0;
    mine.reduction = LIBLOSS_NONE;
    mine.parameter_gradient = NULL;
    memset(mine.gradient, 0, sizeof mine.gradient);
    memset(mine.hessian, 0, sizeof mine.hessian);
    if (!mine.values) return libloss__fail(sink_of(args), LIBLOSS_ERR_NULL, "%s: values is NULL", ((libloss_object *)self)->name);
    return libloss__eval(self, &mine);
}

static libloss_status step_backward(void *self, const libloss_args *args)
{
    libloss_args mine = *args;
    mine.values = NULL;
    mine.value = NULL;
    mine.total = NULL;
    return libloss__eval(self, &mine);
}

/* Reducing is what a loss that gives back its input would do. */
static const loss_info identity_info = { .input = { INPUT(values, KIND_REAL, 0, "what forward gave") } };
static const loss identity_loss = { "reduce", SHAPE_POINTWISE, PER_ELEMENT, UNIT_NONE, &identity_info };
static const libloss__row identity_row = { "", &identity_loss, { { NULL } }, NULL };

static libloss_status reduce_range(const libloss__piece *piece, void *nothing)
{
    (void)nothing;
    const libloss__call *c = piece->c;
    const int64_t size = c->input[0].bytes;
    const int far = libloss__is_direct(&c->input[0], c->arithmetic) && c->count * size > libloss__far_bytes();
    for (int64_t start = piece->begin; start < piece->end; start += TILE) {
        double value[TILE], weight[TILE];
        const int64_t n = piece->end - start < TILE ? piece->end - start : TILE;
        const int64_t next = start + libloss__tiles_ahead(TILE * size) * TILE;
        if (far && next + TILE <= c->count) libloss__fetch(c->input[0].data + next * size, TILE * size);
        const void *values = libloss__numbers_at(&c->input[0], start, n, value, c->arithmetic);
        if (libloss__given(&c->weight)) libloss__gather_weight(c, start, n, weight);
        libloss__account(c, start, n, values, libloss__given(&c->weight) ? weight : NULL, piece->sum);
    }
    return LIBLOSS_OK;
}

libloss_status libloss__reduce(const libloss_object *owner, const libloss_args *args)
{
    if (owner->kind == OBJECT_SUM) return libloss__fail(sink_of(args), LIBLOSS_ERR_UNSUPPORTED, "sum: reduce its terms one by one");
    libloss_object o = { .kind = OBJECT_LOSS,
                         .name = owner->name,
                         .row = &identity_row,
                         .inputs = 1,
                         .input = identity_info.input,
                         .ignore_index = -1,
                         .label_smoothing = -1,
                         .labels = -1,
                         .class_weight = -1 };
    libloss_args mine = *args;
    libloss__call c;
    libloss__part part;
    memset(&part, 0, sizeof part);
    memset(mine.gradient, 0, sizeof mine.gradient);
    memset(mine.hessian, 0, sizeof mine.hessian);
    mine.parameters = NULL;
    if (args->total && libloss__is_of_sums(owner))
        return libloss__fail(sink_of(args), LIBLOSS_ERR_TOTAL, "%s: its total keeps sums over elements, which values no longer tell",
                             owner->name);
    if (args->total) TRY(libloss__total_fits(args->total, owner, args->message, args->message_size));
    TRY(libloss__resolve(&c, &o, &mine, 1));
    c.want_weights = args->total != NULL;
    TRY(libloss__survey(&c));
    const libloss__split split = {
        .run = reduce_range, .count = c.count, .width = 1, .unit = TILE, .threads = libloss__threads_for(&c, c.count)
    };
    TRY(libloss__run_split(&c, &split, &part.sum));
    part.present = c.present;
    part.size = c.count;
    part.rows = c.rows;
    part.weights = c.weights;
    if (args->value) *args->value = libloss__part_value(&part, args->reduction, args->divisor, args->empty);
    if (args->total) libloss__part_merge(&args->total->term[0].part, &part);
    return LIBLOSS_OK;
}

static libloss_status step_reduce(void *self, const libloss_args *args)
{
    libloss_args mine = *args;
    mine.values = NULL;
    return libloss__reduce(self, &mine);
}

libloss_status libloss__plan(const libloss_object *o, const libloss_args *args, libloss_plan *plan)
{
    libloss__call c;
    memset((char *)plan + sizeof plan->struct_size, 0, sizeof *plan - sizeof plan->struct_size);
    plan->total_size = libloss__total_size(o, 1);
    int given = 0;
    for (int k = 0; k < 8; k++) given |= args->input[k] != NULL;
    if (!given) return LIBLOSS_OK;
    if (o->kind != OBJECT_SUM) {
        TRY(libloss__resolve(&c, o, args, 1));
        plan->total_size = libloss__total_size(o, c.count);
        plan->parameters = o->first[o->parameters];
        plan->workspace_size = workspace_of(&c);
        plan->values_ndim = c.values_ndim;
        for (int32_t k = 0; k < c.values_ndim && k < 8; k++) plan->values_shape[k] = c.values_shape[k];
        return LIBLOSS_OK;
    }
    addend add[ADDENDS];
    int64_t workspace;
    memset(add, 0, sizeof add);
    TRY(check_sum(o, args));
    TRY(check_terms(o, args, 0, add, &workspace));
    plan->workspace_size = sum_bytes(o, add, workspace);
    const libloss_args first = args_of_term(o, 0, args); /* values are offered only where all terms' have this shape */
    TRY(libloss__resolve(&c, o->term[0], &first, 0));
    plan->values_ndim = c.values_ndim;
    for (int32_t i = 0; i < c.values_ndim && i < 8; i++) plan->values_shape[i] = c.values_shape[i];
    return LIBLOSS_OK;
}

static libloss_status step_plan(void *self, const libloss_args *args, libloss_plan *plan) { return libloss__plan(self, args, plan); }

const libloss_vtable libloss__builtin_vtable = {
    .struct_size = sizeof(libloss_vtable),
    .plan = step_plan,
    .forward = step_forward,
    .backward = step_backward,
    .reduce = step_reduce,
};
const libloss_vtable libloss__sum_vtable = {
    .struct_size = sizeof(libloss_vtable),
    .plan = step_plan,
    .forward = step_forward,
    .backward = step_backward,
    .reduce = step_reduce,
};
