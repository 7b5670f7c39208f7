/*
 * Rows that are not there get weight 0 here, whatever the reason, and zeros in every output.
 */
#include "rowwise.h"
#include "split.h"

static void set_weight(const libloss__call *c, void *weights, int64_t i, double w)
{
    if (c->arithmetic == DTYPE_F32)
        ((float *)weights)[i] = (float)w;
    else
        ((double *)weights)[i] = w;
}

const void *libloss__row_weights(const libloss__call *c, int64_t start, int64_t n, const int64_t *label, void *weights)
{
    if (!libloss__given(&c->weight) && !c->absent_labels) return NULL;
    if (libloss__given(&c->weight))
        libloss__gather_weight(c, start, n, weights);
    else
        for (int64_t i = 0; i < n; i++) set_weight(c, weights, i, 1);
    if (c->absent_labels)
        for (int64_t i = 0; i < n; i++)
            if (label[i] < 0 || label[i] >= c->classes || libloss__row_is_absent(c, label[i])) set_weight(c, weights, i, 0);
    return weights;
}

int64_t libloss__row_threads(const libloss__call *c)
{
    const int64_t threads = libloss__threads_for(c, c->count * c->classes * c->bends);
    return threads < c->slots ? threads : c->slots;
}

int libloss__wants_derivatives(const libloss__call *c)
{
    for (int k = 0; k < 2; k++)
        if (libloss__given(&c->gradient[k]) || libloss__given(&c->hessian[k])) return 1;
    return 0;
}

void libloss__clear_row(const libloss__call *c, int64_t row)
{
    for (int k = 0; k < 2; k++) {
        if (libloss__given(&c->gradient[k])) libloss__clear(&c->gradient[k], row * c->classes, c->classes);
        if (libloss__given(&c->hessian[k])) libloss__clear(&c->hessian[k], row * c->classes * c->bends, c->classes * c->bends);
    }
}
