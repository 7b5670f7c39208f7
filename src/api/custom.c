/*
 * Objects from a stranger's vtable. The description is copied whole; self and the functions are theirs, and are called as
 * they are, on the caller's thread (a tile kernel on others too if it says that it may).
 */
#include <stdlib.h>
#include <string.h>

#include "../cpu/control.h"
#include "../engine/builtin.h"
#include "../engine/call.h"
#include "object.h"
#include "structs.h"

static const libloss__sink nowhere = { NULL, 0 };

/* Everything an object of theirs needs beyond libloss_object; text is copied behind it. */
typedef struct {
    libloss_object object;
    libloss_vtable vtable;
    loss loss;
    loss_info info;
    double values[MAX_NUMBERS];
    char text[];
} stranger;

/* What a stranger says of their loss, taken by the growth rule of structs. */
typedef struct {
    libloss_info info;
    libloss_input input[MAX_INPUTS];
    libloss_parameter parameter[MAX_PARAMETERS];
} description;

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

static void copy_description(copier *c, const description *from, loss_info *to)
{
    const libloss_info *info = &from->info;
    to->title = copy_text(c, info->title);
    to->aliases = copy_text(c, "");
    to->formula = copy_text(c, info->formula);
    to->cite = copy_text(c, info->citation);
    to->claims = info->claims;
    memcpy(to->ulp_f32, info->ulp_f32, sizeof to->ulp_f32);
    memcpy(to->ulp_f64, info->ulp_f64, sizeof to->ulp_f64);
    for (int32_t k = 0; k < info->inputs; k++) {
        const libloss_input *in = &from->input[k];
        to->input[k] = (loss_input){ copy_text(c, in->name), copy_text(c, in->description), in->kind, in->shape, in->flags };
    }
    for (int32_t k = 0; k < info->parameters; k++) {
        const libloss_parameter *p = &from->parameter[k];
        to->param[k] = (loss_parameter){ copy_text(c, p->name),
                                         copy_text(c, p->description),
                                         p->choices ? copy_text(c, p->choices) : NULL,
                                         p->fallback,
                                         p->lowest,
                                         p->highest,
                                         p->flags };
    }
}

#define REFUSE(status_, ...) return libloss__fail(nowhere, status_, "libloss_create_custom: " __VA_ARGS__)

static libloss_status take_inputs(const libloss_vtable *v, description *d)
{
    const char *loss = d->info.name;
    for (int32_t k = 0; k < d->info.inputs; k++) {
        libloss_input *in = &d->input[k];
        if (!v->inputs[k]) REFUSE(LIBLOSS_ERR_NULL, "%s: inputs[%d] is NULL", loss, (int64_t)k);
        TRY(libloss__take_struct(nowhere, "libloss_input", in, sizeof *in, v->inputs[k], FIRST_INPUT));
        if (!in->name || !in->name[0]) REFUSE(LIBLOSS_ERR_NULL, "%s: inputs[%d] has no name", loss, (int64_t)k);
        if (in->kind < KIND_REAL || in->kind > KIND_CLASS || in->shape < LIKE_FIRST || in->shape > PER_CLASS)
            REFUSE(LIBLOSS_ERR_UNSUPPORTED, "%s: the kind or shape of %s", loss, in->name);
        for (int32_t i = 0; i < k; i++)
            if (strcmp(d->input[i].name, in->name) == 0) REFUSE(LIBLOSS_ERR_OPTION, "%s: two inputs are called %s", loss, in->name);
    }
    if (d->input[0].flags & OPTIONAL) REFUSE(LIBLOSS_ERR_OPTION, "%s: its first input is optional", loss);
    return LIBLOSS_OK;
}

static libloss_status take_parameters(const libloss_vtable *v, description *d)
{
    const char *loss = d->info.name;
    for (int32_t k = 0; k < d->info.parameters; k++) {
        libloss_parameter *p = &d->parameter[k];
        if (!v->parameters[k]) REFUSE(LIBLOSS_ERR_NULL, "%s: parameters[%d] is NULL", loss, (int64_t)k);
        TRY(libloss__take_struct(nowhere, "libloss_parameter", p, sizeof *p, v->parameters[k], FIRST_PARAMETER));
        if (!p->name || !p->name[0]) REFUSE(LIBLOSS_ERR_NULL, "%s: parameters[%d] has no name", loss, (int64_t)k);
        for (int32_t i = 0; i < k; i++)
            if (strcmp(d->parameter[i].name, p->name) == 0) REFUSE(LIBLOSS_ERR_OPTION, "%s: two parameters are called %s", loss, p->name);
    }
    return LIBLOSS_OK;
}

static libloss_status take_description(const libloss_vtable *v, description *d)
{
    libloss_info *info = &d->info;
    TRY(libloss__take_struct(nowhere, "libloss_info", info, sizeof *info, v->info, FIRST_INFO));
    if (!info->name || !info->name[0]) REFUSE(LIBLOSS_ERR_NULL, "info.name is missing");
    if (!v->tile && (!v->plan || !v->forward)) REFUSE(LIBLOSS_ERR_NULL, "%s has neither tile nor plan and forward", info->name);
    if (v->flags & ~(uint64_t)(LIBLOSS_ANY_THREAD | LIBLOSS_ONLY_F64)) REFUSE(LIBLOSS_ERR_OPTION, "%s: flags has unknown bits", info->name);
    if (info->inputs < 1 || info->inputs > MAX_INPUTS)
        REFUSE(LIBLOSS_ERR_OPTION, "%s has %d inputs; 1 to 8 are possible", info->name, (int64_t)info->inputs);
    if (info->parameters < 0 || info->parameters > MAX_PARAMETERS)
        REFUSE(LIBLOSS_ERR_OPTION, "%s has %d parameters; at most %d are possible", info->name, (int64_t)info->parameters,
               (int64_t)MAX_PARAMETERS);
    if (info->values_per != LIBLOSS_PER_ELEMENT && info->values_per != LIBLOSS_PER_ROW)
        REFUSE(LIBLOSS_ERR_UNSUPPORTED, "%s: values_per %d", info->name, (int64_t)info->values_per);
    if (!v->inputs || (info->parameters > 0 && !v->parameters)) REFUSE(LIBLOSS_ERR_NULL, "%s: inputs or parameters is NULL", info->name);
    TRY(take_inputs(v, d));
    return take_parameters(v, d);
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
        if (n < 0 || (n > 0 && !given) || (n == 0 && !(p->flags & OPTIONAL)) || (n > 1 && !(p->flags & VECTOR)) || at + n > MAX_NUMBERS)
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

static libloss_status create_custom(const libloss_vtable *vtable, void *self, const libloss_setting *settings, int64_t count,
                                    libloss_object **out)
{
    libloss_vtable mine;
    if (!out) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create_custom: out is NULL");
    TRY(libloss__take_struct(nowhere, "libloss_vtable", &mine, sizeof mine, vtable, FIRST_VTABLE));
    if (count < 0 || (count > 0 && !settings)) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create_custom: settings is NULL");
    description d;
    TRY(take_description(&mine, &d));
    copier text = { NULL, 0 };
    loss_info ignored = { 0 };
    copy_text(&text, d.info.name);
    copy_description(&text, &d, &ignored);
    stranger *s = calloc(1, sizeof *s + text.length);
    if (!s) return libloss__fail(nowhere, LIBLOSS_ERR_MEMORY, "libloss_create_custom: out of memory");
    text = (copier){ s->text, 0 };
    libloss_object *o = &s->object;
    atomic_init(&o->references, 1);
    o->kind = OBJECT_CUSTOM;
    o->name = copy_text(&text, d.info.name);
    copy_description(&text, &d, &s->info);
    s->vtable = mine;
    s->vtable.info = NULL; /* theirs may be gone when this returns */
    s->vtable.inputs = NULL;
    s->vtable.parameters = NULL;
    s->loss = (loss){ o->name, SHAPE_POINTWISE, d.info.values_per, UNIT_NONE, &s->info };
    o->theirs = &s->vtable;
    o->their_loss = &s->loss;
    o->vtable = mine.tile ? &libloss__builtin_vtable : &s->vtable; /* the engine's own steps */
    o->self = mine.tile ? (void *)o : self;
    o->custom_self = self;
    o->inputs = d.info.inputs;
    o->input = s->info.input;
    o->parameters = d.info.parameters;
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

libloss_status libloss_create_custom(const libloss_vtable *vtable, void *self, const libloss_setting *settings, int64_t count,
                                     libloss_object **out)
{
    uint64_t word = libloss__enter();
    libloss_status status = create_custom(vtable, self, settings, count, out);
    libloss__leave(word);
    return status;
}
