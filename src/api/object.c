/*
 * Objects: one allocation each, immutable once made, counted so that the terms of a sum outlive their makers.
 */
#include "object.h"

#include <stdlib.h>
#include <string.h>

#include "../cpu/control.h"
#include "../engine/builtin.h"
#include "../engine/call.h"
#include "../engine/metric.h"
#include "../engine/number.h"
#include "nearest.h"
#include "spec.h"

static const libloss__sink nowhere = { NULL, 0 };

static int is_word(const char *words, const char *name, int64_t length)
{
    for (const char *w = words; w && *w;) {
        int64_t n = (int64_t)strcspn(w, " ");
        if (n == length && memcmp(w, name, (size_t)n) == 0) return 1;
        w += n + (w[n] == ' ');
    }
    return 0;
}

const libloss__row *libloss__find_row(const char *name, int64_t length)
{
    for (int64_t i = 0; i < libloss__row_count; i++)
        if (is_word(libloss__rows[i].loss->name, name, length)) return &libloss__rows[i];
    for (int64_t i = 0; i < libloss__row_count; i++)
        if (is_word(libloss__rows[i].loss->info->aliases, name, length)) return &libloss__rows[i];
    return NULL;
}

/* ---- making ---- */

static int count_inputs(const loss_info *info)
{
    int n = 0;
    while (n < MAX_INPUTS && info->input[n].name) n++;
    return n;
}

static int count_parameters(const loss_info *info)
{
    int n = 0;
    while (n < MAX_PARAMETERS && info->param[n].name) n++;
    return n;
}

libloss_status libloss__out_of_memory(libloss__sink sink) { return libloss__fail(sink, LIBLOSS_ERR_MEMORY, "out of memory"); }

static int8_t parameter_named(const libloss_object *o, const char *name)
{
    for (int32_t k = 0; k < o->parameters; k++)
        if (strcmp(o->parameter[k].name, name) == 0) return (int8_t)k;
    return -1;
}

void libloss__finish_object(libloss_object *o)
{
    o->ignore_index = parameter_named(o, "ignore_index");
    o->label_smoothing = parameter_named(o, "label_smoothing");
    o->labels = parameter_named(o, "labels");
    o->class_weight = -1;
    for (int32_t k = 0; k < o->inputs; k++)
        if (o->input[k].shape == PER_CLASS) o->class_weight = (int8_t)k;
    o->hash = libloss__hash_spec(o);
}

libloss_status libloss__new_object(libloss__sink sink, const libloss__row *row, const double *values, const int64_t *counts,
                                   libloss_object **out)
{
    const loss_info *info = row->loss->info;
    const int parameters = count_parameters(info);
    int64_t total = 0;
    for (int k = 0; k < parameters; k++) total += counts[k];
    if (total > MAX_NUMBERS)
        return libloss__fail(sink, LIBLOSS_ERR_PARAMETER, "%s: more than %d numbers in its parameters", row->loss->name,
                             (int64_t)MAX_NUMBERS);
    libloss_object *o = calloc(1, sizeof *o + (size_t)total * sizeof(double));
    if (!o) return libloss__out_of_memory(sink);
    atomic_init(&o->references, 1);
    o->kind = row->metric ? OBJECT_METRIC : OBJECT_LOSS;
    o->name = row->loss->name;
    o->vtable = row->metric ? &libloss__metric_vtable : &libloss__builtin_vtable;
    o->self = o;
    o->row = row;
    o->parameters = parameters;
    o->parameter = info->param;
    o->inputs = count_inputs(info);
    o->input = info->input;
    o->value = (double *)(o + 1);
    int64_t at = 0;
    for (int k = 0; k < parameters; k++) {
        o->first[k] = at;
        for (int64_t i = 0; i < counts[k]; i++) o->value[at + i] = values[at + i];
        at += counts[k];
    }
    for (int k = parameters; k <= MAX_PARAMETERS; k++) o->first[k] = at;
    libloss__finish_object(o);
    *out = o;
    return LIBLOSS_OK;
}

void libloss__retain(libloss_object *o) { atomic_fetch_add(&o->references, 1); }

void libloss_destroy(libloss_object *o)
{
    if (!o || atomic_fetch_sub(&o->references, 1) > 1) return;
    for (int64_t k = 0; k < o->terms; k++) libloss_destroy(o->term[k]);
    if (o->kind == OBJECT_CUSTOM && o->theirs && o->theirs->destroy) o->theirs->destroy(o->custom_self);
    free(o);
}

/* ---- names that are not known ---- */

static const char *row_name(void *context, int64_t i)
{
    (void)context;
    return i < libloss__row_count ? libloss__rows[i].loss->name : NULL;
}

static const char *parameter_name(void *context, int64_t i) { return ((const loss_parameter *)context)[i].name; }

/* " (column 7)", or nothing where there is no column. */
static void print_place(char *to, int64_t column)
{
    *to = 0;
    if (column <= 0) return;
    strcpy(to, " (column ");
    strcpy(to + 9 + libloss__print_integer(column, to + 9), ")");
}

static libloss_status unknown(libloss__sink sink, libloss_status status, const char *what, const char *where, const char *name,
                              int64_t length, int64_t column, const char *(*candidate)(void *, int64_t), void *context, int64_t count)
{
    const char *near[3];
    int n = libloss__nearest(name, length, candidate, context, count, near);
    int64_t shown = length < 60 ? length : 60;
    char place[40];
    print_place(place, column);
    return libloss__fail(sink, status, "%s%sunknown %s \"%.*s\"%s%s%s%s%s%s%s%s", where, *where ? ": " : "", what, shown, name, place,
                         n > 0 ? "; did you mean " : "", n > 0 ? near[0] : "", n > 1 ? ", " : "", n > 1 ? near[1] : "", n > 2 ? ", " : "",
                         n > 2 ? near[2] : "", n > 0 ? "?" : "");
}

static libloss_status find_row(libloss__sink sink, const char *name, int64_t length, int64_t column, const libloss__row **out)
{
    *out = libloss__find_row(name, length);
    if (*out) return LIBLOSS_OK;
    char place[40];
    print_place(place, column);
    for (int64_t i = 0; i < libloss__elsewhere_count; i++)
        if (is_word(libloss__elsewhere[i].names, name, length))
            return libloss__fail(sink, LIBLOSS_ERR_NAME, "unknown loss or metric \"%.*s\"%s: a name of %s; here it is %s", length, name,
                                 place, libloss__elsewhere[i].whose, libloss__elsewhere[i].here);
    return unknown(sink, LIBLOSS_ERR_NAME, "loss or metric", "", name, length, column, row_name, NULL, libloss__row_count);
}

/* ---- parameters from settings ---- */

typedef struct {
    const libloss__row *row;
    const double *given[MAX_PARAMETERS];
    int64_t count[MAX_PARAMETERS];
    double fallback[MAX_PARAMETERS], words[MAX_PARAMETERS];
} settings;

static void start_settings(settings *s, const libloss__row *row)
{
    s->row = row;
    const loss_parameter *p = row->loss->info->param;
    for (int k = 0; k < count_parameters(row->loss->info); k++) {
        s->fallback[k] = p[k].fallback;
        s->given[k] = &s->fallback[k];
        s->count[k] = p[k].flags & OPTIONAL ? 0 : 1;
    }
}

static libloss_status find_parameter(libloss__sink sink, const settings *s, const char *name, int64_t length, int64_t column, int *out)
{
    const loss_info *info = s->row->loss->info;
    const int n = count_parameters(info);
    for (*out = 0; *out < n; ++*out)
        if (is_word(info->param[*out].name, name, length)) return LIBLOSS_OK;
    return unknown(sink, LIBLOSS_ERR_PARAMETER, "parameter", s->row->loss->name, name, length, column, parameter_name,
                   (void *)(uintptr_t)info->param, n);
}

/* The number of a word of a list, or -1. */
static int64_t choice_of(const loss_parameter *p, const char *word, int64_t length)
{
    int64_t number = 0;
    for (const char *c = p->choices; c && *c; number++) {
        int64_t n = (int64_t)strcspn(c, " ");
        if (n == length && memcmp(c, word, (size_t)n) == 0) return number;
        c += n + (c[n] == ' ');
    }
    return -1;
}

static libloss_status set_numbers(libloss__sink sink, settings *s, int k, const double *values, int64_t count)
{
    const char *loss = s->row->loss->name;
    const loss_parameter *p = &s->row->loss->info->param[k];
    if (p->choices && count == 1 && values && values[0] != values[0] && choice_of(p, "nan", 3) >= 0) { /* a word that is a number too */
        s->words[k] = (double)choice_of(p, "nan", 3);
        values = &s->words[k];
    }
    if (count < 0 || (count > 0 && !values)) return libloss__fail(sink, LIBLOSS_ERR_NULL, "%s: no values for %s", loss, p->name);
    if (count == 0 && !(p->flags & OPTIONAL)) return libloss__fail(sink, LIBLOSS_ERR_PARAMETER, "%s: %s needs a value", loss, p->name);
    if (count > 1 && !(p->flags & VECTOR))
        return libloss__fail(sink, LIBLOSS_ERR_PARAMETER, "%s: %s is one number, not %d", loss, p->name, count);
    for (int64_t i = 0; i < count; i++) TRY(libloss__check_parameter(sink, loss, p, values[i]));
    s->given[k] = values;
    s->count[k] = count;
    return LIBLOSS_OK;
}

static libloss_status set_word(libloss__sink sink, settings *s, int k, const spec_word *word)
{
    const char *loss = s->row->loss->name;
    const loss_parameter *p = &s->row->loss->info->param[k];
    const int64_t number = choice_of(p, word->text, word->length);
    if (number >= 0) {
        s->words[k] = (double)number;
        return set_numbers(sink, s, k, &s->words[k], 1);
    }
    if ((p->flags & OPTIONAL) && word->length == 4 && memcmp(word->text, "none", 4) == 0) return set_numbers(sink, s, k, NULL, 0);
    int64_t shown = word->length < 60 ? word->length : 60;
    if (p->choices)
        return libloss__fail(sink, LIBLOSS_ERR_PARAMETER, "%s: %s = %.*s (column %d) is none of: %s", loss, p->name, shown, word->text,
                             word->column, p->choices);
    return libloss__fail(sink, LIBLOSS_ERR_PARAMETER, "%s: %s = %.*s (column %d) is not a number", loss, p->name, shown, word->text,
                         word->column);
}

static libloss_status make(libloss__sink sink, const settings *s, libloss_object **out)
{
    double flat[MAX_NUMBERS + 1];
    int64_t total = 0;
    for (int k = 0; k < count_parameters(s->row->loss->info); k++)
        for (int64_t i = 0; i < s->count[k]; i++) flat[total < MAX_NUMBERS ? total++ : total] = s->given[k][i];
    return libloss__new_object(sink, s->row, flat, s->count, out);
}

static libloss_status make_term(const spec *parsed, const spec_term *term, libloss_object **out)
{
    settings s = { 0 };
    const libloss__row *row;
    TRY(find_row(nowhere, term->name.text, term->name.length, term->name.column, &row));
    start_settings(&s, row);
    for (int32_t i = term->first; i < term->first + term->count; i++) {
        const spec_setting *set = &parsed->setting[i];
        int k;
        TRY(find_parameter(nowhere, &s, set->name.text, set->name.length, set->name.column, &k));
        if (set->word.text)
            TRY(set_word(nowhere, &s, k, &set->word));
        else
            TRY(set_numbers(nowhere, &s, k, &parsed->value[set->first], set->count));
    }
    return make(nowhere, &s, out);
}

static libloss_status create(const char *text, libloss_object **out)
{
    spec parsed;
    if (!text) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create: spec is NULL");
    if (!out) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create: out is NULL");
    TRY(libloss__parse_spec(nowhere, text, &parsed));
    libloss_object *term[SPEC_TERMS] = { NULL };
    double factor[SPEC_TERMS] = { 0 };
    int64_t column[SPEC_TERMS] = { 0 };
    libloss_status status = LIBLOSS_OK;
    int32_t made = 0;
    for (; made < parsed.terms; made++) {
        status = make_term(&parsed, &parsed.term[made], &term[made]);
        factor[made] = parsed.term[made].factor;
        column[made] = parsed.term[made].name.column;
        if (status != LIBLOSS_OK) break;
    }
    if (status == LIBLOSS_OK && parsed.terms == 1 && factor[0] == 1) {
        *out = term[0];
        return LIBLOSS_OK;
    }
    if (status == LIBLOSS_OK) status = libloss__combine((const libloss_object *const *)term, factor, column, parsed.terms, out);
    while (made > 0) libloss_destroy(term[--made]);
    return status;
}

libloss_status libloss_create(const char *text, libloss_object **out)
{
    uint64_t word = libloss__enter();
    libloss_status status = create(text, out);
    libloss__leave(word);
    return status;
}

static libloss_status create_with(const char *name, const libloss_setting *setting, int64_t count, libloss_object **out)
{
    if (!name) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create_with: name is NULL");
    if (!out) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create_with: out is NULL");
    if (count < 0 || (count > 0 && !setting)) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create_with: settings is NULL");
    settings s = { 0 };
    const libloss__row *row;
    TRY(find_row(nowhere, name, (int64_t)strlen(name), 0, &row));
    start_settings(&s, row);
    for (int64_t i = 0; i < count; i++) {
        int k;
        if (!setting[i].name) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "libloss_create_with: settings[%d].name is NULL", i);
        TRY(find_parameter(nowhere, &s, setting[i].name, (int64_t)strlen(setting[i].name), 0, &k));
        TRY(set_numbers(nowhere, &s, k, setting[i].values, setting[i].count));
    }
    return make(nowhere, &s, out);
}

libloss_status libloss_create_with(const char *name, const libloss_setting *setting, int64_t count, libloss_object **out)
{
    uint64_t word = libloss__enter();
    libloss_status status = create_with(name, setting, count, out);
    libloss__leave(word);
    return status;
}
