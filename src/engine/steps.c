/*
 * A stranger's whole vtable: plan, forward, reduce and backward one after the other, the unweighted values in memory between them.
 */
#include <stdlib.h>
#include <string.h>

#include "builtin.h"
#include "call.h"

enum { VALUES_AXES = 8, TEXT_BYTES = 256 };

static libloss__sink sink_of(const libloss_args *args) { return (libloss__sink){ args->message, args->message_size }; }

/* Their function may leave a text or none; what the caller reads always begins with the loss's name. */
static libloss_status hand_on(const libloss_object *o, const libloss_args *args, libloss_status status, char text[TEXT_BYTES],
                              const char *name)
{
    text[TEXT_BYTES - 1] = 0;
    if (status == LIBLOSS_OK) return status;
    return libloss__fail(sink_of(args), status, "%s: %s%s", o->name, text[0] ? text : name, text[0] ? "" : " failed");
}

static libloss_status run(const libloss_object *o, const libloss_args *args, const char *name,
                          libloss_status (*step)(void *self, const libloss_args *args))
{
    char text[TEXT_BYTES] = "";
    libloss_args mine = *args;
    mine.message = text;
    mine.message_size = sizeof text;
    return hand_on(o, args, step(o->custom_self, &mine), text, name);
}

static int wants_derivatives(const libloss_args *args)
{
    for (int k = 0; k < MAX_INPUTS; k++)
        if (args->gradient[k] || args->hessian[k]) return 1;
    return args->parameter_gradient != NULL;
}

/* Values that a plan promises, or -1: their number is nonsense. */
static int64_t count_values(const libloss_plan *plan)
{
    int64_t count = 1;
    if (plan->values_ndim < 0 || plan->values_ndim > VALUES_AXES) return -1;
    for (int32_t k = 0; k < plan->values_ndim; k++) {
        const int64_t n = plan->values_shape[k];
        if (n < 0 || (n > 0 && count > (INT64_C(1) << 53) / n)) return -1;
        count *= n;
    }
    return count;
}

static libloss_status values_of(const libloss_object *o, const libloss_args *args, libloss_tensor *values)
{
    const libloss_vtable *v = o->theirs;
    libloss_args forward = *args, reduce = *args;
    forward.weight = forward.upstream = NULL;
    forward.value = NULL;
    forward.total = NULL;
    forward.values = values;
    forward.parameter_gradient = NULL;
    memset(forward.gradient, 0, sizeof forward.gradient);
    memset(forward.hessian, 0, sizeof forward.hessian);
    TRY(run(o, &forward, "forward", v->forward));
    memset(reduce.input, 0, sizeof reduce.input);
    memset(reduce.gradient, 0, sizeof reduce.gradient);
    memset(reduce.hessian, 0, sizeof reduce.hessian);
    reduce.input[0] = values;
    reduce.upstream = NULL;
    reduce.parameter_gradient = NULL;
    if (v->reduce && (args->value || args->total)) {
        libloss_args theirs = reduce;
        theirs.values = NULL;
        TRY(run(o, &theirs, "reduce", v->reduce));
        reduce.value = NULL;
        reduce.total = NULL;
    }
    return reduce.value || reduce.total || reduce.values ? libloss__reduce(o, &reduce) : LIBLOSS_OK;
}

libloss_status libloss__eval_steps(const libloss_object *o, const libloss_args *args)
{
    const libloss_vtable *v = o->theirs;
    libloss_plan plan = { .struct_size = sizeof plan };
    TRY(libloss__check_parameters(sink_of(args), o, args));
    if (wants_derivatives(args) && !v->backward)
        return libloss__fail(sink_of(args), LIBLOSS_ERR_NO_GRADIENT, "%s: it has no backward", o->name);
    char text[TEXT_BYTES] = "";
    libloss_args asked = *args;
    asked.message = text;
    asked.message_size = sizeof text;
    TRY(hand_on(o, args, v->plan(o->custom_self, &asked, &plan), text, "plan"));
    const int64_t count = count_values(&plan);
    if (count < 0) return libloss__fail(sink_of(args), LIBLOSS_ERR_CALLBACK, "%s: its plan gives no shape of values", o->name);
    double *memory = NULL;
    libloss_status status = LIBLOSS_OK;
    if (args->value || args->total || args->values) {
        memory = malloc((size_t)count * sizeof *memory + 1);
        if (!memory) return libloss__fail(sink_of(args), LIBLOSS_ERR_MEMORY, "%s: out of memory", o->name);
        libloss_tensor values = { .data = memory,
                                  .device_type = 1,
                                  .ndim = plan.values_ndim,
                                  .dtype_code = 2,
                                  .dtype_bits = 64,
                                  .dtype_lanes = 1,
                                  .shape = plan.values_shape };
        status = values_of(o, args, &values);
    }
    free(memory);
    if (status != LIBLOSS_OK || !wants_derivatives(args)) return status;
    libloss_args backward = *args;
    backward.value = NULL;
    backward.values = NULL;
    backward.total = NULL;
    return run(o, &backward, "backward", v->backward);
}
