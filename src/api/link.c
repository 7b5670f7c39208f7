/*
 * The entries of links.
 */
#include "../engine/link.h"
#include "../cpu/control.h"
#include "../engine/message.h"

static libloss_status run(const libloss_object *o, int back, const libloss_tensor *in, const libloss_tensor *out)
{
    const libloss__sink nowhere = { NULL, 0 };
    if (!o) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "object is NULL");
    uint64_t word = libloss__enter();
    const libloss_status status = libloss__run_link(o, back, in, out);
    libloss__leave(word);
    return status;
}

libloss_status libloss_link(const libloss_object *o, const libloss_tensor *mean, const libloss_tensor *prediction)
{
    return run(o, 0, mean, prediction);
}

libloss_status libloss_inverse_link(const libloss_object *o, const libloss_tensor *prediction, const libloss_tensor *mean)
{
    return run(o, 1, prediction, mean);
}
