/*
 * Introspection: what the registry, or a stranger, says of a loss.
 */
#include <string.h>

#include "../engine/link.h"
#include "../engine/number.h"
#include "../engine/object.h"
#include "../engine/threads.h"
#include "../engine/total.h"
#include "structs.h"

static const libloss__sink nowhere = { NULL, 0 };

/* The words of loss files and those of libloss.h are the same numbers. */
#define SAME(ours_, theirs_) _Static_assert((int)(ours_) == (int)(theirs_), #ours_)
SAME(KIND_REAL, LIBLOSS_KIND_REAL);
SAME(KIND_PROBABILITY, LIBLOSS_KIND_PROBABILITY);
SAME(KIND_POSITIVE, LIBLOSS_KIND_POSITIVE);
SAME(KIND_SIGN, LIBLOSS_KIND_SIGN);
SAME(KIND_CLASS, LIBLOSS_KIND_CLASS);
SAME(KIND_OFFSETS, LIBLOSS_KIND_OFFSETS);
SAME(KIND_LENGTH, LIBLOSS_KIND_LENGTH);
SAME(KIND_LABEL, LIBLOSS_KIND_LABEL);
SAME(KIND_BINARY, LIBLOSS_KIND_BINARY);
SAME(LIKE_FIRST, LIBLOSS_SHAPE_LIKE_FIRST);
SAME(PER_VALUE, LIBLOSS_SHAPE_PER_VALUE);
SAME(PER_CLASS, LIBLOSS_SHAPE_PER_CLASS);
SAME(OTHER_SHAPE, LIBLOSS_SHAPE_OTHER);
SAME(OPTIONAL, LIBLOSS_OPTIONAL);
SAME(DIFFERENTIABLE_INPUT, LIBLOSS_DIFFERENTIABLE);
SAME(LEARNABLE, LIBLOSS_LEARNABLE);
SAME(VECTOR, LIBLOSS_VECTOR);
SAME(INTEGRAL, LIBLOSS_INTEGRAL);
SAME(OPEN_BELOW, LIBLOSS_ABOVE);
SAME(OPEN_ABOVE, LIBLOSS_BELOW);
SAME(OR_ROWS, LIBLOSS_OR_ROWS);
SAME(OR_ZERO, LIBLOSS_OR_ZERO);
SAME(PER_ELEMENT, LIBLOSS_PER_ELEMENT);
SAME(PER_ROW, LIBLOSS_PER_ROW);
SAME(PER_UNIT, LIBLOSS_PER_UNIT);
SAME(CONVEX, LIBLOSS_CLAIM_CONVEX);
SAME(NONNEGATIVE, LIBLOSS_CLAIM_NONNEGATIVE);
SAME(EVEN, LIBLOSS_CLAIM_EVEN);
SAME(DIFFERENTIABLE, LIBLOSS_CLAIM_DIFFERENTIABLE);
SAME(TWICE_DIFFERENTIABLE, LIBLOSS_CLAIM_TWICE_DIFFERENTIABLE);
SAME(LIPSCHITZ, LIBLOSS_CLAIM_LIPSCHITZ);
SAME(BOUNDED, LIBLOSS_CLAIM_BOUNDED);
SAME(CALIBRATED, LIBLOSS_CLAIM_CALIBRATED);
SAME(PROPER, LIBLOSS_CLAIM_PROPER);
SAME(MAX_INPUTS, 8);
_Static_assert(sizeof(libloss_tensor) == 48 || sizeof(void *) != 8, "the layout of DLTensor");

int64_t libloss_count(void) { return libloss__row_count; }

const char *libloss_name(int64_t i) { return i >= 0 && i < libloss__row_count ? libloss__rows[i].loss->name : NULL; }

static const loss *loss_of(const libloss_object *o) { return o->row ? o->row->loss : o->their_loss; }

libloss_status libloss_describe(const libloss_object *o, libloss_info *info)
{
    if (!o) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_describe: object is NULL");
    libloss_info ours = { .name = o->name,
                          .title = "",
                          .family = "",
                          .aliases = "",
                          .formula = "",
                          .citation = "",
                          .inputs = o->inputs,
                          .parameters = o->parameters,
                          .in_place = o->kind != OBJECT_CUSTOM,
                          .link = libloss__link_name(libloss__link_kind(o, NULL)) };
    const loss *loss = loss_of(o);
    if (loss) {
        const loss_info *l = loss->info;
        ours.title = l->title;
        ours.family = o->row ? o->row->family : "custom";
        ours.aliases = l->aliases;
        ours.formula = l->formula;
        ours.citation = l->cite;
        ours.claims = l->claims;
        ours.values_per = loss->values_per;
        ours.is_metric = o->kind == OBJECT_METRIC;
        if (ours.is_metric) ours.in_place = 0;
        while (ours.auxiliaries < MAX_AUXILIARIES && l->auxiliary[ours.auxiliaries]) ours.auxiliaries++;
        memcpy(ours.ulp_f32, l->ulp_f32, sizeof ours.ulp_f32);
        memcpy(ours.ulp_f64, l->ulp_f64, sizeof ours.ulp_f64);
    } else {
        ours.title = "Weighted sum of losses";
        ours.family = "sum";
        ours.values_per = loss_of(o->term[0])->values_per;
    }
    return libloss__give_struct(nowhere, "libloss_info", info, &ours, sizeof ours, FIRST_INFO);
}

libloss_status libloss_describe_input(const libloss_object *o, int64_t i, libloss_input *input)
{
    if (!o) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_describe_input: object is NULL");
    if (i < 0 || i >= o->inputs) return libloss__fail(nowhere, LIBLOSS_ERR_OPTION, "%s: input %d of %d", o->name, i, (int64_t)o->inputs);
    const loss_input *in = &o->input[i];
    libloss_input ours = { .name = in->name, .description = in->description, .kind = in->kind, .shape = in->shape, .flags = in->flags };
    return libloss__give_struct(nowhere, "libloss_input", input, &ours, sizeof ours, FIRST_INPUT);
}

libloss_status libloss_describe_parameter(const libloss_object *o, int64_t i, libloss_parameter *parameter)
{
    if (!o) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_describe_parameter: object is NULL");
    if (i < 0 || i >= o->parameters)
        return libloss__fail(nowhere, LIBLOSS_ERR_OPTION, "%s: parameter %d of %d", o->name, i, (int64_t)o->parameters);
    const loss_parameter *p = &o->parameter[i];
    libloss_parameter ours = { .name = p->name,
                               .description = p->description,
                               .choices = p->choices,
                               .fallback = p->fallback,
                               .lowest = p->lowest,
                               .highest = p->highest,
                               .flags = p->flags };
    return libloss__give_struct(nowhere, "libloss_parameter", parameter, &ours, sizeof ours, FIRST_PARAMETER);
}

int64_t libloss_parameter_values(const libloss_object *o, int64_t i, double *values, int64_t count)
{
    if (!o || i < 0 || i >= o->parameters) return -1;
    const int64_t first = o->first[i], n = o->first[i + 1] - first;
    for (int64_t k = 0; values && k < count && k < n; k++) values[k] = o->value[first + k];
    return n;
}

const libloss_object *libloss_term(const libloss_object *o, int64_t i, double *factor)
{
    if (!o || i < 0 || i >= o->terms) return NULL;
    if (factor) *factor = o->factor[i];
    return o->term[i];
}

const char *libloss_auxiliary_name(const libloss_object *o, int64_t i)
{
    return o && o->row && i >= 0 && i < MAX_AUXILIARIES ? o->row->loss->info->auxiliary[i] : NULL;
}

const char *libloss_version(void) { return LIBLOSS_VERSION_STRING; }

#if defined __clang__
#define COMPILER "clang " __clang_version__
#elif defined __GNUC__
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

int64_t libloss_config(char *text, int64_t size)
{
    char threads[24];
    threads[libloss__print_integer(libloss__threads(0), threads)] = 0;
    const char *part[] = { "version " LIBLOSS_VERSION_STRING "\ninstruction set ", libloss__isa_name(libloss__isa()), "\nthreads ", threads,
                           "\ncompiler " COMPILER "\n" };
    int64_t length = 0;
    for (size_t k = 0; k < sizeof part / sizeof *part; k++)
        for (const char *c = part[k]; *c; c++, length++)
            if (text && length + 1 < size) text[length] = *c;
    if (text && size > 0) text[length < size ? length : size - 1] = 0;
    return length;
}
