/*
 * Best constants with a closed form. What is added up is added up exactly; where a logarithm of odds or of a frequency near 1 would cancel,
 * the difference is added up too, so that it is right to the last bits for odds of any size.
 */
#include "fit.h"

#include <stdlib.h>
#include <string.h>

#include "../engine/link.h"
#include "../engine/rowwise.h"

enum { STRIP = 512 };

/* Weights in between have no subnormal products with shares, and sums that a double holds. */
#define LEAST 0x1p-500
#define MOST 0x1p980

double libloss__weight_scale(const libloss__call *c, int64_t count, double low, double high)
{
    double most = 0, w[STRIP], scale = 1;
    if (!libloss__given(&c->weight)) return 1;
    for (int64_t start = 0; start < count; start += STRIP) {
        const int64_t n = count - start < STRIP ? count - start : STRIP;
        libloss__weights_as_double(c, start, n, w);
        for (int64_t i = 0; i < n; i++) most = w[i] > most ? w[i] : most;
    }
    while (most > 0 && most * scale < low && scale < 0x1p1000) scale *= 2;
    while (most * scale >= high) scale /= 2;
    return scale;
}

double libloss__parameter_named(const libloss__call *c, const char *name, double otherwise)
{
    for (int32_t k = 0; k < c->object->parameters; k++)
        if (strcmp(c->object->parameter[k].name, name) == 0) return libloss__parameter_of(c, k, otherwise);
    return otherwise;
}

/* Sums of w, w t, w (1 - t) and w (2 t - 1). */
typedef struct {
    libloss__sum all, yes, no, more;
} counts;

static void add_one(counts *s, double w, double t)
{
    const double yes = w * t;
    libloss__sum_add(&s->all, w);
    libloss__sum_add(&s->yes, yes);
    libloss__sum_add(&s->no, w);
    libloss__sum_add(&s->no, -yes);
    libloss__sum_add(&s->more, yes);
    libloss__sum_add(&s->more, yes);
    libloss__sum_add(&s->more, -w);
}

/* The logarithm of the odds; of nothing against nothing every constant is as good, and 0 is the middle. */
static double log_odds(const libloss__call *c, const counts *s)
{
    const double smoothing = libloss__parameter_named(c, "label_smoothing", 0), factor = libloss__parameter_named(c, "pos_weight", 1);
    const double all = libloss__sum_round(&s->all), spread = 0.5 * smoothing * all;
    const double yes = factor * ((1 - smoothing) * libloss__sum_round(&s->yes) + spread);
    const double no = (1 - smoothing) * libloss__sum_round(&s->no) + spread;
    const double more = smoothing == 0 && factor == 1 ? libloss__sum_round(&s->more) : yes - no;
    if (yes == 0 && no == 0) return 0;
    return libloss__link_kernels(DTYPE_F64)->log_quotient(yes, no, more);
}

static void add_up(const libloss__call *c, int64_t count, double scale, counts *s)
{
    double target[STRIP], w[STRIP];
    memset(s, 0, sizeof *s);
    for (int64_t start = 0; start < count; start += STRIP) {
        const int64_t n = count - start < STRIP ? count - start : STRIP;
        libloss__gather(target_of(c), start, n, target, DTYPE_F64);
        libloss__weights_as_double(c, start, n, w);
        for (int64_t i = 0; i < n; i++) {
            double t = target[i];
            if (w[i] == 0) continue;
            if (c->object->input[1].kind == KIND_SIGN && t == t) t = t > 0;
            add_one(s, w[i] * scale, t);
        }
    }
}

double libloss__fit_mean(const libloss__call *c)
{
    const libloss_object *o = c->object;
    const int64_t count = c->input[0].count;
    const int kind = libloss__link_kind(o, c->args->parameters);
    counts s;
    add_up(c, count, libloss__weight_scale(c, count, LEAST, MOST), &s);
    if (s.yes.plus_infinity || s.yes.minus_infinity) /* a product that is too large */
        add_up(c, count, libloss__weight_scale(c, count, 0.5, 1), &s);
    if (kind == LINK_LOGIT || kind == LINK_HALF_LOGIT) return log_odds(c, &s) / libloss__link_factor(o, c->args->parameters);
    const double mean = libloss__sum_mean(&s.yes, libloss__sum_round(&s.all)), clip = libloss__parameter_named(c, "clip", 0);
    double log;
    if (kind != LINK_LOG) return clip > 0 && mean < clip ? clip : clip > 0 && mean > 1 - clip ? 1 - clip : mean;
    libloss__link_kernels(DTYPE_F64)->log(&mean, &log, 1, 1);
    return log;
}

/* ---- rows ---- */

typedef struct {
    const libloss__call *c;
    double scale;
    libloss__sum all, *mass; /* by class */
    counts *odds; /* the same, of losses that ask each class for itself */
} row_counts;

static void add_row(row_counts *r, int64_t row, double w, int64_t label)
{
    const libloss__call *c = r->c;
    double t[STRIP];
    libloss__sum_add(&r->all, w);
    if (by_index(c)) {
        libloss__sum_add(&r->mass[label], w);
        return;
    }
    for (int64_t start = 0; start < c->classes; start += STRIP) {
        const int64_t n = c->classes - start < STRIP ? c->classes - start : STRIP;
        libloss__gather(target_of(c), row * c->classes + start, n, t, DTYPE_F64);
        for (int64_t j = 0; j < n; j++) {
            if (r->odds)
                add_one(&r->odds[start + j], w, t[j]);
            else
                libloss__sum_add(&r->mass[start + j], w * t[j]);
        }
    }
}

static void add_rows(row_counts *r)
{
    const libloss__call *c = r->c;
    int64_t label[STRIP] = { 0 };
    double w[STRIP];
    for (int64_t start = 0; start < c->count; start += STRIP) {
        const int64_t n = c->count - start < STRIP ? c->count - start : STRIP;
        if (by_index(c)) libloss__gather(target_of(c), start, n, label, DTYPE_I64);
        libloss__weights_as_double(c, start, n, w);
        for (int64_t i = 0; i < n; i++) {
            if (w[i] == 0) continue;
            if (by_index(c) && (label[i] < 0 || label[i] >= c->classes || libloss__row_is_absent(c, label[i]))) continue;
            add_row(r, start + i, w[i] * r->scale, label[i]);
        }
    }
}

/* ln(a/sum) of each of some numbers that are not negative. */
static void log_shares(const double *a, int64_t n, double *out)
{
    libloss__sum all = { .nan = 0 };
    libloss__sum_add_doubles(&all, a, n);
    const double sum = libloss__sum_round(&all);
    for (int64_t j = 0; j < n; j++) {
        libloss__sum others = all;
        libloss__sum_add(&others, -a[j]);
        out[j] = libloss__link_kernels(DTYPE_F64)->log_quotient(a[j], sum, -libloss__sum_round(&others));
    }
}

/* Frequencies to the power 1/(1 - q), as logarithms that are 0 for the most frequent; of q = 1 that one alone is left. */
static void raise_shares(double q, int64_t n, const double *mass, double *power)
{
    const link_kernels *kernels = libloss__link_kernels(DTYPE_F64);
    double most = 0;
    for (int64_t j = 0; j < n; j++) most = mass[j] > most ? mass[j] : most;
    for (int64_t j = 0; j < n; j++) {
        const double log = mass[j] == most ? 0 : kernels->log_quotient(mass[j], most, mass[j] - most) / (1 - q);
        kernels->exp(&log, &power[j], 1, 1);
    }
}

static void frequencies(const row_counts *r, double *mass)
{
    const libloss__call *c = r->c;
    const double smoothing = libloss__parameter_of(c, c->object->label_smoothing, 0);
    const double spread = smoothing / (double)c->classes * libloss__sum_round(&r->all);
    const libloss__view *weights = class_weights_of(c);
    for (int64_t j = 0; j < c->classes; j++) {
        double weight = 1;
        if (weights) libloss__gather(weights, j, 1, &weight, DTYPE_F64);
        mass[j] = weight == 0 ? 0 : weight * ((1 - smoothing) * libloss__sum_round(&r->mass[j]) + spread);
    }
}

libloss_status libloss__fit_rows(const libloss__call *c, double *constant)
{
    const libloss_object *o = c->object;
    const int kind = libloss__link_kind(o, c->args->parameters), odds = kind == LINK_LOGIT;
    const int64_t n = c->classes;
    row_counts r = { .c = c, .scale = libloss__weight_scale(c, c->count, LEAST, class_weights_of(c) ? 1 : MOST) };
    char *memory = calloc((size_t)n, odds ? sizeof(counts) : sizeof(libloss__sum) + sizeof(double));
    if (!memory) return libloss__fail(c->sink, LIBLOSS_ERR_MEMORY, "%s: out of memory", o->name);
    if (odds)
        r.odds = (counts *)(void *)memory;
    else
        r.mass = (libloss__sum *)(void *)memory;
    add_rows(&r);
    if (odds) {
        for (int64_t j = 0; j < n; j++) constant[j] = log_odds(c, &r.odds[j]);
    } else {
        double *mass = (double *)(void *)(r.mass + n);
        libloss__sum all = { .nan = 0 };
        frequencies(&r, mass);
        if (o->row->loss->info->constant == BEST_IS_POWER) raise_shares(libloss__parameter_named(c, "q", 0), n, mass, mass);
        libloss__sum_add_doubles(&all, mass, n);
        if (kind == LINK_IDENTITY)
            for (int64_t j = 0; j < n; j++) constant[j] = mass[j] / libloss__sum_round(&all);
        else
            log_shares(mass, n, constant);
    }
    free(memory);
    return LIBLOSS_OK;
}
