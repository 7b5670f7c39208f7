/*
 * Parts: merging and reading. The public functions on totals are in src/api/total.c.
 */
#include "total.h"

#include "call.h"
#include "sums.h"

#include <string.h>

int64_t libloss__total_size(const libloss_object *o, int64_t units)
{
    int64_t parts = o->kind == OBJECT_SUM ? o->terms : libloss__is_of_sums(o) ? libloss__sums_parts(o, units) : 1;
    int64_t bytes = (int64_t)sizeof(struct libloss_total) + parts * (int64_t)sizeof(libloss__term_total);
    return bytes < LIBLOSS_TOTAL_SIMPLE ? LIBLOSS_TOTAL_SIMPLE : bytes;
}

uint64_t libloss__owner_hash(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a, 64 bits */
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash;
}

const libloss__row *libloss__owner_of(uint64_t owner)
{
    for (int64_t i = 0; i < libloss__row_count; i++)
        if (libloss__owner_hash(libloss__rows[i].loss->name) == owner) return &libloss__rows[i];
    return NULL;
}

int libloss__owner_can_read(uint64_t owner, const double parameter[MAX_PARAMETERS])
{
    const libloss__row *row = libloss__owner_of(owner);
    if (!row) return 0;
    const loss_parameter *p = row->loss->info->param;
    for (int k = 0; k < MAX_PARAMETERS && p[k].name; k++)
        if (!libloss__parameter_fits(&p[k], parameter[k]) && !((p[k].flags & OPTIONAL) && parameter[k] == p[k].fallback)) return 0;
    return 1;
}

void libloss__fill_parameters(const libloss_object *o, double parameter[MAX_PARAMETERS])
{
    memset(parameter, 0, MAX_PARAMETERS * sizeof(double));
    for (int32_t k = 0; k < o->parameters; k++)
        parameter[k] = o->first[k] < o->first[k + 1] ? o->value[o->first[k]] : o->parameter[k].fallback;
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
    const int fits = libloss__is_of_sums(o)     ? libloss__parts_fit(t->owner, t->parts)
                     : o->kind == OBJECT_METRIC ? t->parts == parts && t->owner == libloss__owner_hash(o->name)
                                                : t->parts == parts;
    if (t->hash != o->hash || !fits) return libloss__fail(sink, LIBLOSS_ERR_TOTAL, "%s: the total belongs to another loss", o->name);
    return LIBLOSS_OK;
}
