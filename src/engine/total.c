/*
 * Parts: merging and reading. The public functions on totals are in src/api/total.c.
 */
#include "total.h"

#include "call.h"

int64_t libloss__total_size(const libloss_object *o)
{
    int64_t parts = o->kind == OBJECT_SUM ? o->terms : 1;
    int64_t bytes = (int64_t)sizeof(struct libloss_total) + parts * (int64_t)sizeof(libloss__term_total);
    return bytes < LIBLOSS_TOTAL_SIMPLE ? LIBLOSS_TOTAL_SIMPLE : bytes;
}

void libloss__part_merge(libloss__part *into, const libloss__part *from)
{
    libloss__add_count(&into->present, from->present);
    libloss__add_count(&into->size, from->size);
    libloss__add_count(&into->rows, from->rows);
    libloss__sum_merge(&into->sum, &from->sum);
    libloss__sum_merge(&into->weights, &from->weights);
}

double libloss__part_value(const libloss__part *p, int32_t reduction, double divisor, int32_t empty)
{
    double own = 1;
    switch (reduction) {
    case LIBLOSS_MEAN: own = (double)p->present; break;
    case LIBLOSS_WEIGHTED_MEAN: own = libloss__sum_round(&p->weights); break;
    case LIBLOSS_SIZE_MEAN: own = (double)p->size; break;
    case LIBLOSS_BATCH_MEAN: own = (double)p->rows; break;
    default: break;
    }
    if (divisor != 0) own = divisor;
    if (p->present == 0 && reduction != LIBLOSS_SUM && reduction != LIBLOSS_NONE) own = 0; /* nothing there has no mean */
    return libloss__finish(&p->sum, reduction, own, empty);
}

libloss_status libloss__total_fits(const libloss_total *t, const libloss_object *o, char *message, size_t message_size)
{
    const libloss__sink sink = { message, message_size };
    if (t->magic != TOTAL_MAGIC || t->layout != TOTAL_LAYOUT)
        return libloss__fail(sink, LIBLOSS_ERR_TOTAL, "%s: the total was never started", o->name);
    const int64_t parts = o->kind == OBJECT_METRIC ? 0 : o->kind == OBJECT_SUM ? o->terms : 1;
    if (t->hash != o->hash || t->parts != parts)
        return libloss__fail(sink, LIBLOSS_ERR_TOTAL, "%s: the total belongs to another loss", o->name);
    return LIBLOSS_OK;
}
