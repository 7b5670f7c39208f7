/*
 * The entries that take libloss_args. Each copies the struct by the growth rule, sets the floating-point control word,
 * and goes through the object's table.
 */
#include <string.h>

#include "../cpu/control.h"
#include "../engine/builtin.h"
#include "../engine/message.h"
#include "structs.h"

/* Sink of a struct that has not been checked yet: none. */
static const libloss__sink nowhere = { NULL, 0 };

static libloss_status begin(const libloss_object *o, const libloss_args *args, libloss_args *mine)
{
    if (!o) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "object is NULL");
    libloss_status status = libloss__take_struct(nowhere, "libloss_args", mine, sizeof *mine, args, FIRST_ARGS);
    if (status == LIBLOSS_OK && mine->message && mine->message_size) mine->message[0] = 0;
    return status;
}

libloss_status libloss_eval(const libloss_object *o, const libloss_args *args)
{
    libloss_args mine;
    libloss_status status = begin(o, args, &mine);
    if (status != LIBLOSS_OK) return status;
    uint64_t word = libloss__enter();
    status = libloss__eval(o, &mine);
    libloss__leave(word);
    return status;
}

typedef libloss_status step(void *self, const libloss_args *args);

static libloss_status run_step(const libloss_object *o, const libloss_args *args, step *run, const char *name)
{
    if (!run)
        return libloss__fail((libloss__sink){ args->message, args->message_size }, LIBLOSS_ERR_UNSUPPORTED, "%s: no %s", o->name, name);
    uint64_t word = libloss__enter();
    libloss_status status = run(o->self, args);
    libloss__leave(word);
    return status;
}

libloss_status libloss_forward(const libloss_object *o, const libloss_args *args)
{
    libloss_args mine;
    libloss_status status = begin(o, args, &mine);
    return status == LIBLOSS_OK ? run_step(o, &mine, o->vtable->forward, "forward") : status;
}

libloss_status libloss_backward(const libloss_object *o, const libloss_args *args)
{
    libloss_args mine;
    libloss_status status = begin(o, args, &mine);
    return status == LIBLOSS_OK ? run_step(o, &mine, o->vtable->backward, "backward") : status;
}

libloss_status libloss_reduce(const libloss_object *o, const libloss_args *args)
{
    libloss_args mine;
    libloss_status status = begin(o, args, &mine);
    if (status != LIBLOSS_OK || o->vtable->reduce) return status == LIBLOSS_OK ? run_step(o, &mine, o->vtable->reduce, "reduce") : status;
    uint64_t word = libloss__enter(); /* a stranger's table without one: the engine's */
    status = libloss__reduce(o, &mine);
    libloss__leave(word);
    return status;
}

libloss_status libloss_prepare(const libloss_object *o, const libloss_args *args, libloss_plan *plan)
{
    libloss_args mine;
    libloss_plan ours = { .struct_size = sizeof ours };
    libloss_status status = begin(o, args, &mine);
    if (status != LIBLOSS_OK) return status;
    uint64_t word = libloss__enter();
    status = o->vtable->plan(o->self, &mine, &ours);
    libloss__leave(word);
    if (status != LIBLOSS_OK) return status;
    return libloss__give_struct((libloss__sink){ mine.message, mine.message_size }, "libloss_plan", plan, &ours, sizeof ours, FIRST_PLAN);
}
