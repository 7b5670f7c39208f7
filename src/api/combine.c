/*
 * Weighted sums: one object that keeps its terms alive and knows where each term finds its inputs.
 */
#include <stdlib.h>
#include <string.h>

#include "../cpu/control.h"
#include "../engine/builtin.h"
#include "object.h"
#include "spec.h"

static const libloss__sink nowhere = { NULL, 0 };

static libloss_status differs(const char *input, const char *term, int64_t column)
{
    if (column == 0)
        return libloss__fail(nowhere, LIBLOSS_ERR_SPEC, "%s of %s is not what %s is for the terms before it", input, term, input);
    return libloss__fail(nowhere, LIBLOSS_ERR_SPEC, "spec: column %d: %s of %s is not what %s is for the terms before it", column, input,
                         term, input);
}

/* The inputs of all terms by name, in order of appearance. Of equal names some may be classes and some numbers: that is no sum.
 * A number that is a probability for one term is one for the sum. */
static libloss_status unite_inputs(libloss_object *sum, loss_input *input, const int64_t *columns)
{
    for (int64_t k = 0; k < sum->terms; k++) {
        const libloss_object *term = sum->term[k];
        for (int32_t i = 0; i < term->inputs; i++) {
            int32_t j = 0;
            while (j < sum->inputs && strcmp(input[j].name, term->input[i].name) != 0) j++;
            if (j == MAX_INPUTS) return libloss__fail(nowhere, LIBLOSS_ERR_SPEC, "a sum of losses with more than 8 inputs");
            if (j == sum->inputs) {
                input[sum->inputs++] = term->input[i];
            } else {
                if ((input[j].kind == KIND_CLASS) != (term->input[i].kind == KIND_CLASS) || input[j].shape != term->input[i].shape)
                    return differs(input[j].name, term->name, columns ? columns[k] : 0);
                if (input[j].kind == KIND_REAL) input[j].kind = term->input[i].kind;
                if (!(term->input[i].flags & OPTIONAL)) input[j].flags &= ~OPTIONAL;
                input[j].flags |= term->input[i].flags & DIFFERENTIABLE_INPUT;
            }
            sum->place[k * MAX_INPUTS + i] = (int8_t)j;
        }
    }
    return LIBLOSS_OK;
}

libloss_status libloss__combine(const libloss_object *const *terms, const double *factors, const int64_t *columns, int64_t count,
                                libloss_object **out)
{
    if (!terms || !factors || !out)
        return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_combine: %s is NULL", !terms ? "terms" : !factors ? "factors" : "out");
    int64_t total = 0;
    if (count < 1 || count > SPEC_TERMS)
        return libloss__fail(nowhere, LIBLOSS_ERR_OPTION, "libloss_combine: %d terms; 1 to %d are possible", count, (int64_t)SPEC_TERMS);
    for (int64_t k = 0; k < count; k++) {
        if (!terms[k]) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_combine: terms[%d] is NULL", k);
        if (factors[k] - factors[k] != 0)
            return libloss__fail(nowhere, LIBLOSS_ERR_OPTION, "libloss_combine: factors[%d] = %g is not finite", k, factors[k]);
        if (terms[k]->kind == OBJECT_METRIC)
            return libloss__fail(nowhere, LIBLOSS_ERR_UNSUPPORTED, "%s is a metric; sums are of losses", terms[k]->name);
        if (terms[k]->kind == OBJECT_CUSTOM && !terms[k]->theirs->tile)
            return libloss__fail(nowhere, LIBLOSS_ERR_UNSUPPORTED, "%s has no tile kernel; a sum runs its terms by the tile",
                                 terms[k]->name);
        total += terms[k]->kind == OBJECT_SUM ? terms[k]->terms : 1;
    }
    if (total > SPEC_TERMS)
        return libloss__fail(nowhere, LIBLOSS_ERR_OPTION, "libloss_combine: %d terms; 1 to %d are possible", total, (int64_t)SPEC_TERMS);
    size_t bytes =
        sizeof(libloss_object) + MAX_INPUTS * sizeof(loss_input) + (size_t)total * (sizeof(void *) + sizeof(double) + MAX_INPUTS);
    libloss_object *o = calloc(1, bytes);
    if (!o) return libloss__out_of_memory(nowhere);
    atomic_init(&o->references, 1);
    o->kind = OBJECT_SUM;
    o->name = "sum";
    o->vtable = &libloss__sum_vtable;
    o->self = o;
    loss_input *input = (loss_input *)(o + 1);
    o->input = input;
    o->term = (libloss_object **)(input + MAX_INPUTS);
    o->factor = (double *)(o->term + total);
    o->place = (int8_t *)(o->factor + total);
    int finite = 1;
    for (int64_t k = 0; k < count; k++) { /* sums of sums are flattened */
        const int is_sum = terms[k]->kind == OBJECT_SUM;
        for (int64_t i = 0; i < (is_sum ? terms[k]->terms : 1); i++) {
            libloss_object *term = is_sum ? terms[k]->term[i] : (libloss_object *)(uintptr_t)terms[k];
            libloss__retain(term);
            o->term[o->terms] = term;
            o->factor[o->terms] = is_sum ? factors[k] * terms[k]->factor[i] : factors[k];
            finite &= o->factor[o->terms] - o->factor[o->terms] == 0;
            o->terms++;
        }
    }
    libloss_status status = finite ? unite_inputs(o, input, columns)
                                   : libloss__fail(nowhere, LIBLOSS_ERR_OPTION, "libloss_combine: a product of factors overflows");
    if (status != LIBLOSS_OK) {
        libloss_destroy(o);
        return status;
    }
    libloss__finish_object(o);
    *out = o;
    return LIBLOSS_OK;
}

libloss_status libloss_combine(const libloss_object *const *terms, const double *factors, int64_t count, libloss_object **out)
{
    uint64_t word = libloss__enter();
    libloss_status status = libloss__combine(terms, factors, NULL, count, out);
    libloss__leave(word);
    return status;
}
