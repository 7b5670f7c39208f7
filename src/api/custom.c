/*
 * A stranger's description is copied whole; their self and vtable functions are called as they are, on the caller's thread
 * (a tile kernel on others too if it says that it may).
 */
#include "custom.h"

#include <stdlib.h>
#include <string.h>

#include "../engine/builtin.h"
#include "../engine/custom.h"
#include "../engine/total.h"
#include "object.h"
#include "structs.h"

static const libloss__sink nowhere = { NULL, 0 };

enum { VALUES_AXES = 8 };

/* Everything an object of theirs needs beyond libloss_object; text is copied behind it. */
typedef struct {
    libloss_object object;
    libloss_vtable vtable;
    loss loss;
    loss_info info;
    double values[64];
    char text[];
} stranger;

/* ---- evaluating ---- */

static libloss_status eval_tiles(const libloss_object *o, const libloss_args *args)
{
    libloss__call c;
    libloss__part part;
    memset(&part, 0, sizeof part);
    if (args->total) TRY(libloss__total_fits(args->total, o, args->message, args->message_size));
    TRY(libloss__resolve(&c, o, args, 1));
    TRY(libloss__survey(&c));
    TRY(libloss__run_tiles(&c, args->value || args->total ? &part.sum : NULL));
    part.present = c.present;
    part.size = c.count;
    part.rows = c.rows;
    part.weights = c.weights;
    if (args->value) *args->value = libloss__part_value(&part, args->reduction, args->divisor, args->empty);
    if (args->total) libloss__part_merge(&args->total->term[0].part, &part);
    return LIBLOSS_OK;
}

static int any_derivative(const libloss_args *args)
{
    for (int k = 0; k < MAX_INPUTS; k++)
        if (args->gradient[k] || args->hessian[k]) return 1;
    return 0;
}

/* A whole vtable: its steps one after the other, the values in memory between them. */
static libloss_status eval_steps(const libloss_object *o, const libloss_args *args)
{
    const libloss_vtable *v = o->theirs;
    libloss_plan plan = { .struct_size = sizeof plan };
    double *memory = NULL;
    libloss_status status = LIBLOSS_OK;
    TRY(v->plan(o->custom_self, args, &plan));
    if (plan.values_ndim < 0 || plan.values_ndim > VALUES_AXES)
        return libloss__fail((libloss__sink){ args->message, args->message_size }, LIBLOSS_ERR_CALLBACK, "%s: its plan says %d axes",
                             o->name, (int64_t)plan.values_ndim);
    libloss_args step = *args;
    libloss_tensor values = {
        .device_type = 1, .ndim = plan.values_ndim, .dtype_code = 2, .dtype_bits = 64, .dtype_lanes = 1, .shape = plan.values_shape
    };
    if (args->value || args->total) {
        int64_t count = 1;
        for (int32_t k = 0; k < plan.values_ndim; k++) count *= plan.values_shape[k];
        memory = malloc((size_t)count * sizeof *memory + 1);
        if (!memory)
            return libloss__fail((libloss__sink){ args->message, args->message_size }, LIBLOSS_ERR_MEMORY, "%s: out of memory", o->name);
        values.data = memory;
        step.values = &values;
        status = v->forward(o->custom_self, &step);
        memset(step.input, 0, sizeof step.input);
        step.input[0] = &values;
        if (status == LIBLOSS_OK)
            status = v->reduce ? v->reduce(o->custom_self, &step) : libloss__builtin_vtable.reduce((void *)(uintptr_t)o, &step);
    }
    free(memory);
    if (status == LIBLOSS_OK && args->values) status = v->forward(o->custom_self, args);
    if (status == LIBLOSS_OK && any_derivative(args))
        status = v->backward ? v->backward(o->custom_self, args)
                             : libloss__fail((libloss__sink){ args->message, args->message_size }, LIBLOSS_ERR_NO_GRADIENT,
                                             "%s: it has no backward", o->name);
    return status;
}

libloss_status libloss__eval_custom(const libloss_object *o, const libloss_args *args)
{
    return o->theirs->tile ? eval_tiles(o, args) : eval_steps(o, args);
}

/* The table of objects with a tile kernel: each step is an evaluation that asks for less. */
static libloss_status tile_plan(void *self, const libloss_args *args, libloss_plan *plan)
{
    libloss__call c;
    const libloss_object *o = self;
    TRY(libloss__resolve(&c, o, args, 1));
    plan->total_size = libloss__total_size(o);
    plan->parameters = o->first[o->parameters];
    plan->values_ndim = c.values_ndim;
    for (int32_t k = 0; k < c.values_ndim && k < VALUES_AXES; k++) plan->values_shape[k] = c.shape[k];
    return LIBLOSS_OK;
}

static libloss_status tile_forward(void *self, const libloss_args *args)
{
    libloss_args mine = { .struct_size = sizeof mine,
                          .values = args->values,
                          .reduction = LIBLOSS_NONE,
                          .flags = args->flags,
                          .parameters = args->parameters,
                          .message = args->message,
                          .message_size = args->message_size };
    memcpy(mine.input, args->input, sizeof mine.input);
    return eval_tiles(self, &mine);
}

static libloss_status tile_backward(void *self, const libloss_args *args)
{
    libloss_args mine = *args;
    mine.value = NULL;
    mine.values = NULL;
    mine.total = NULL;
    return eval_tiles(self, &mine);
}

static libloss_status tile_reduce(void *self, const libloss_args *args) { return libloss__builtin_vtable.reduce(self, args); }

static const libloss_vtable tile_vtable = {
    .struct_size = sizeof(libloss_vtable), .plan = tile_plan, .forward = tile_forward, .backward = tile_backward, .reduce = tile_reduce
};

/* ---- making ---- */

typedef struct {
    char *at; /* NULL: only count */
    size_t length;
} copier;

static const char *copy_text(copier *c, const char *text)
{
    if (!text) text = "";
    size_t n = strlen(text) + 1;
    char *to = c->at ? c->at + c->length : NULL;
    if (to) memcpy(to, text, n);
    c->length += n;
    return to;
}

static void copy_description(copier *c, const libloss_vtable *v, const libloss_info *info, loss_info *to)
{
    to->title = copy_text(c, info->title);
    to->aliases = copy_text(c, "");
    to->formula = copy_text(c, info->formula);
    to->cite = copy_text(c, info->citation);
    to->claims = info->claims;
    for (int32_t k = 0; k < info->inputs; k++) {
        const libloss_input *in = v->inputs[k];
        to->input[k] = (loss_input){ copy_text(c, in->name), copy_text(c, in->description), in->kind, in->shape, in->flags };
    }
    for (int32_t k = 0; k < info->parameters; k++) {
        const libloss_parameter *p = v->parameters[k];
        to->param[k] = (loss_parameter){ copy_text(c, p->name),
                                         copy_text(c, p->description),
                                         p->choices ? copy_text(c, p->choices) : NULL,
                                         p->fallback,
                                         p->lowest,
                                         p->highest,
                                         p->flags };
    }
}

static libloss_status check_description(const libloss_vtable *v)
{
#define REFUSE(status_, ...) return libloss__fail(nowhere, status_, "libloss_create_custom: " __VA_ARGS__)
    if (!v->info) REFUSE(LIBLOSS_ERR_NULL, "info is NULL");
    const libloss_info *info = v->info;
    if (!info->name || !info->name[0]) REFUSE(LIBLOSS_ERR_NULL, "info.name is missing");
    if (!v->tile && (!v->plan || !v->forward)) REFUSE(LIBLOSS_ERR_NULL, "%s has neither tile nor plan and forward", info->name);
    if (info->inputs < 1 || info->inputs > MAX_INPUTS)
        REFUSE(LIBLOSS_ERR_OPTION, "%s has %d inputs; 1 to 8 are possible", info->name, (int64_t)info->inputs);
    if (info->parameters < 0 || info->parameters > MAX_PARAMETERS)
        REFUSE(LIBLOSS_ERR_OPTION, "%s has %d parameters; at most %d are possible", info->name, (int64_t)info->parameters,
               (int64_t)MAX_PARAMETERS);
    if (info->values_per != LIBLOSS_PER_ELEMENT && info->values_per != LIBLOSS_PER_ROW)
        REFUSE(LIBLOSS_ERR_UNSUPPORTED, "%s: values_per %d", info->name, (int64_t)info->values_per);
    if (!v->inputs || (info->parameters > 0 && !v->parameters)) REFUSE(LIBLOSS_ERR_NULL, "%s: inputs or parameters is NULL", info->name);
    for (int32_t k = 0; k < info->inputs; k++) {
        if (!v->inputs[k] || !v->inputs[k]->name) REFUSE(LIBLOSS_ERR_NULL, "%s: inputs[%d] has no name", info->name, (int64_t)k);
        if (v->inputs[k]->kind < KIND_REAL || v->inputs[k]->kind > KIND_CLASS || v->inputs[k]->shape < LIKE_FIRST ||
            v->inputs[k]->shape > PER_CLASS)
            REFUSE(LIBLOSS_ERR_UNSUPPORTED, "%s: the kind or shape of %s", info->name, v->inputs[k]->name);
    }
    if (v->inputs[0]->flags & OPTIONAL) REFUSE(LIBLOSS_ERR_OPTION, "%s: its first input is optional", info->name);
    for (int32_t k = 0; k < info->parameters; k++)
        if (!v->parameters[k] || !v->parameters[k]->name)
            REFUSE(LIBLOSS_ERR_NULL, "%s: parameters[%d] has no name", info->name, (int64_t)k);
    return LIBLOSS_OK;
#undef REFUSE
}

/* Parameters from settings: their own fallback, or what is given, in range. */
static libloss_status take_settings(stranger *s, const libloss_setting *settings, int64_t count)
{
    libloss_object *o = &s->object;
    int64_t at = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t k = 0;
        if (!settings[i].name) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "%s: settings[%d].name is NULL", o->name, i);
        while (k < o->parameters && strcmp(o->parameter[k].name, settings[i].name) != 0) k++;
        if (k == o->parameters)
            return libloss__fail(nowhere, LIBLOSS_ERR_PARAMETER, "%s: unknown parameter \"%s\"", o->name, settings[i].name);
    }
    for (int32_t k = 0; k < o->parameters; k++) {
        const loss_parameter *p = &o->parameter[k];
        const double *given = &p->fallback;
        int64_t n = p->flags & OPTIONAL ? 0 : 1;
        for (int64_t i = 0; i < count; i++)
            if (strcmp(p->name, settings[i].name) == 0) given = settings[i].values, n = settings[i].count;
        if (n < 0 || (n > 0 && !given) || (n == 0 && !(p->flags & OPTIONAL)) || (n > 1 && !(p->flags & VECTOR)) || at + n > 64)
            return libloss__fail(nowhere, LIBLOSS_ERR_PARAMETER, "%s: %s cannot have %d values", o->name, p->name, n);
        o->first[k] = at;
        for (int64_t i = 0; i < n; i++) {
            TRY(libloss__check_parameter(nowhere, o->name, p, given[i]));
            s->values[at++] = given[i];
        }
    }
    for (int32_t k = o->parameters; k <= MAX_PARAMETERS; k++) o->first[k] = at;
    return LIBLOSS_OK;
}

libloss_status libloss_create_custom(const libloss_vtable *vtable, void *self, const libloss_setting *settings, int64_t count,
                                     libloss_object **out)
{
    libloss_vtable mine;
    if (!out) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create_custom: out is NULL");
    TRY(libloss__take_struct(nowhere, "libloss_vtable", &mine, sizeof mine, vtable, sizeof mine));
    if (count < 0 || (count > 0 && !settings)) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create_custom: settings is NULL");
    TRY(check_description(&mine));
    copier text = { NULL, 0 };
    loss_info ignored = { 0 };
    copy_text(&text, mine.info->name);
    copy_description(&text, &mine, mine.info, &ignored);
    stranger *s = calloc(1, sizeof *s + text.length);
    if (!s) return libloss__fail(nowhere, LIBLOSS_ERR_MEMORY, "libloss_create_custom: out of memory");
    text = (copier){ s->text, 0 };
    libloss_object *o = &s->object;
    atomic_init(&o->references, 1);
    o->kind = OBJECT_CUSTOM;
    o->name = copy_text(&text, mine.info->name);
    copy_description(&text, &mine, mine.info, &s->info);
    s->vtable = mine;
    s->loss = (loss){ o->name, SHAPE_POINTWISE, mine.info->values_per, &s->info };
    o->theirs = &s->vtable;
    o->their_loss = &s->loss;
    o->vtable = mine.tile ? &tile_vtable : &s->vtable;
    o->self = mine.tile ? (void *)o : self;
    o->custom_self = self;
    o->inputs = mine.info->inputs;
    o->input = s->info.input;
    o->parameters = mine.info->parameters;
    o->parameter = s->info.param;
    o->value = s->values;
    libloss_status status = take_settings(s, settings, count);
    if (status != LIBLOSS_OK) {
        free(s);
        return status;
    }
    libloss__finish_object(o);
    *out = o;
    return LIBLOSS_OK;
}
