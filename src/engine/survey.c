/*
 * The first pass: weights, labels and the inputs whose domain is limited are read before anything is stored. So an error
 * leaves every output untouched, and the gradient of a mean knows its divisor in time. Where there is
 * neither weight, nor label, nor domain, nothing is read. Absent values are never looked at.
 */
#include <stdatomic.h>

#include "split.h"
#include "tiles.h"
#include "units.h"

#include <string.h>

#define FAIL(status_, ...) return libloss__fail(c->sink, status_, __VA_ARGS__)

enum { STRIP = 512 };

double libloss__parameter_of(const libloss__call *c, int k, double otherwise)
{
    const libloss_object *o = c->object;
    return k < 0 || o->first[k] == o->first[k + 1] ? otherwise : c->parameter[o->first[k]];
}

int libloss__is_ignored(const libloss__call *c, int64_t label)
{
    const libloss_object *o = c->object;
    if (o->ignore_index < 0) return 0;
    const double *ignored = c->args->parameters ? c->args->parameters : o->value; /* not rounded to the arithmetic */
    for (int64_t i = o->first[o->ignore_index]; i < o->first[o->ignore_index + 1]; i++)
        if ((double)label == ignored[i]) return 1;
    return 0;
}

static double class_weight(const libloss__call *c, int64_t k)
{
    double w = 1;
    if (c->object->class_weight >= 0 && libloss__given(&c->input[c->object->class_weight])) {
        float f;
        if (c->arithmetic == DTYPE_F32) {
            libloss__gather(&c->input[c->object->class_weight], k, 1, &f, DTYPE_F32);
            w = f;
        } else {
            libloss__gather(&c->input[c->object->class_weight], k, 1, &w, DTYPE_F64);
        }
    }
    return w;
}

int libloss__row_is_absent(const libloss__call *c, int64_t label)
{
    if (libloss__is_ignored(c, label)) return 1;
    return libloss__parameter_of(c, c->object->label_smoothing, 0) == 0 && class_weight(c, label) == 0;
}

void libloss__gather_weight(const libloss__call *c, int64_t start, int64_t n, void *dst)
{
    const libloss__view *v = &c->weight;
    if (v->single || c->weight_repeat == 1) {
        libloss__gather(v, start, n, dst, c->arithmetic);
        return;
    }
    const int64_t size = c->arithmetic == DTYPE_F32 ? 4 : 8;
    char *out = dst;
    for (int64_t i = start; i < start + n; i++, out += size) libloss__gather(v, i / c->weight_repeat, 1, out, c->arithmetic);
}

void libloss__weights_as_double(const libloss__call *c, int64_t start, int64_t n, double *w)
{
    if (!libloss__given(&c->weight)) {
        for (int64_t i = 0; i < n; i++) w[i] = 1;
        return;
    }
    libloss__gather_weight(c, start, n, w);
    if (c->arithmetic == DTYPE_F64) return;
    for (int64_t i = n - 1; i >= 0; i--) { /* from the back: each double lies on floats of later values */
        float f;
        memcpy(&f, (const char *)w + i * (int64_t)sizeof f, sizeof f);
        w[i] = f;
    }
}

static libloss_status bad_weight(const libloss__call *c, const char *what, const libloss__view *v, int64_t i, double w)
{
    char place[128];
    libloss__place(v->ndim, v->shape, i, place);
    FAIL(LIBLOSS_ERR_WEIGHT, "%s: %s%s = %g is not a finite number from 0", c->object->name, what, place, w);
}

static int is_weight(double w) { return w >= 0 && w <= 0x1.fffffffffffffp1023; }

/* The quick look at weights in the arithmetic's type. Those that are not 0 are added to `present`. */
static int all_weights(const libloss__call *c, const void *w, int64_t n, int64_t *present)
{
    const libloss__tiles *tiles = libloss__tiles_now();
    return !(c->arithmetic == DTYPE_F32 ? tiles->not_weights_f32(w, n, present) : tiles->not_weights_f64(w, n, present));
}

/* Of weights begin .. begin + n - 1 the first that is none. */
static libloss_status find_bad_weight(const libloss__call *c, int64_t begin, int64_t n)
{
    double w[STRIP];
    for (int64_t done = 0; done < n; done += STRIP) {
        const int64_t some = n - done < STRIP ? n - done : STRIP;
        libloss__gather(&c->weight, begin + done, some, w, DTYPE_F64);
        for (int64_t i = 0; i < some; i++)
            if (!is_weight(w[i]) || (c->arithmetic == DTYPE_F32 && !is_weight((double)(float)w[i])))
                return bad_weight(c, "weight", &c->weight, begin + done + i, w[i]);
    }
    return LIBLOSS_OK;
}

/* Not one for several values */
static int has_own_weights(const libloss__call *c) { return !c->weight.single && c->weight_repeat == 1; }

static libloss_status check_class_weights(const libloss__call *c)
{
    if (c->object->class_weight < 0) return LIBLOSS_OK;
    const libloss__view *v = &c->input[c->object->class_weight];
    if (!libloss__given(v)) return LIBLOSS_OK;
    for (int64_t k = 0; k < c->classes; k++) {
        double w = class_weight(c, k);
        if (!is_weight(w)) return bad_weight(c, "class_weight", v, k, w);
    }
    return LIBLOSS_OK;
}

/* `with_zero`: labels are 0 and 1, or a positive number may be 0. */
static int outside(int kind, double x, int with_zero)
{
    switch (kind) {
    case KIND_PROBABILITY: return x < 0 || x > 1; /* NaN passes: NaN in, NaN out */
    case KIND_POSITIVE: return with_zero ? x < 0 : x <= 0;
    case KIND_BINARY: return x != 0 && x != 1 && x == x;
    case KIND_SIGN: return with_zero ? x != 0 && x != 1 && x == x : x != -1 && x != 1 && x == x;
    default: return 0;
    }
}

int libloss__all_inside(int kind, int with_zero, const void *x, int64_t n, int32_t type)
{
    const int single = type == DTYPE_F32, ends = kind == KIND_SIGN || kind == KIND_BINARY;
    const double least = single ? 0x1p-149 : 0x1p-1074, high = kind == KIND_POSITIVE ? INFINITE : 1;
    const double low = with_zero ? 0 : kind == KIND_SIGN ? -1 : kind == KIND_POSITIVE ? least : 0;
    const libloss__tiles *tiles = libloss__tiles_now();
    return single ? !tiles->outside_f32(x, n, (float)low, (float)high, ends) : !tiles->outside_f64(x, n, low, high, ends);
}

static libloss_status bad_number(const libloss__call *c, int32_t k, int64_t i, double x, int with_zero)
{
    const libloss_object *o = c->object;
    const libloss__view *v = &c->input[k];
    char place[128];
    libloss__place(v->ndim, v->shape, v->ndim ? i : 0, place);
    const char *hint = "";
    switch (o->input[k].kind) {
    case KIND_SIGN:
        if (!with_zero && x == 0) hint = "; labels=zero_one maps 0 and 1";
        FAIL(LIBLOSS_ERR_DOMAIN, "%s: %s%s = %g is not %s%s", o->name, o->input[k].name, place, x, with_zero ? "0 or 1" : "-1 or +1", hint);
    case KIND_BINARY: FAIL(LIBLOSS_ERR_DOMAIN, "%s: %s%s = %g is not 0 or 1", o->name, o->input[k].name, place, x);
    case KIND_POSITIVE:
        FAIL(LIBLOSS_ERR_DOMAIN, "%s: %s%s = %g is %s", o->name, o->input[k].name, place, x, with_zero ? "below 0" : "not above 0");
    default:
        if (k == 0 && o->kind != OBJECT_METRIC && strcmp(o->input[0].name, "prediction") == 0) hint = "; logits have losses of their own";
        FAIL(LIBLOSS_ERR_DOMAIN, "%s: %s%s = %g is not in [0, 1]%s", o->name, o->input[k].name, place, x, hint);
    }
}

libloss_status libloss__check_number(const libloss__call *c, int32_t input, int64_t i, double x)
{
    const loss_input *in = &c->object->input[input];
    const int with_zero = (in->flags & OR_ZERO) != 0;
    return outside(in->kind, x, with_zero) ? bad_number(c, input, i, x, with_zero) : LIBLOSS_OK;
}

typedef struct {
    int32_t input;
    int kind;
    int64_t width; /* numbers per value: 1, or the classes of a row */
} domain_job;

/* Whether the domain of an input has to be looked at, and how. */
static int is_limited(const libloss__call *c, int32_t k, domain_job *job)
{
    const libloss__view *v = &c->input[k];
    if (!libloss__given(v) || (c->args->flags & LIBLOSS_TRUST_DOMAIN)) return 0;
    int kind = c->object->input[k].kind;
    if (kind == KIND_CLASS && !c->by_index) kind = KIND_PROBABILITY;
    *job = (domain_job){ k, kind, c->unit != UNIT_BATCH && v->ndim > c->values_ndim ? c->length * c->width : 1 };
    return kind == KIND_PROBABILITY || kind == KIND_POSITIVE || kind == KIND_SIGN || kind == KIND_BINARY;
}

static libloss_status check_domain(const libloss__call *c, const domain_job *job, int64_t begin, int64_t end)
{
    const int32_t k = job->input;
    const int kind = job->kind;
    const libloss__view *v = &c->input[k];
    const int with_zero =
        kind == KIND_SIGN ? libloss__parameter_of(c, c->object->labels, 0) != 0 : (c->object->input[k].flags & OR_ZERO) != 0;
    const int masked = libloss__given(&c->weight) || c->absent_labels;
    double strip[STRIP], w[STRIP];
    if (v->single && masked && c->present == 0) return LIBLOSS_OK;
    const int32_t type = v->dtype == DTYPE_F32 || v->dtype == DTYPE_F16 || v->dtype == DTYPE_BF16 ? DTYPE_F32 : DTYPE_F64; /* exact */
    if (!v->single && libloss__is_direct(v, type) && /* the quick look at whole arrays; what is found is looked up below */
        libloss__all_inside(kind, with_zero, v->data + begin * v->bytes, end - begin, type))
        return LIBLOSS_OK;
    for (int64_t start = begin; start < end; start += STRIP) {
        int64_t n = end - start < STRIP ? end - start : STRIP;
        libloss__gather(v, start, n, strip, type);
        if (libloss__all_inside(kind, with_zero, strip, n, type)) continue;
        libloss__gather(v, start, n, strip, DTYPE_F64);
        for (int64_t i = 0; i < n; i++) {
            if (!outside(kind, strip[i], with_zero)) continue;
            int64_t value = (start + i) / job->width;
            if (masked && !v->single) {
                libloss__weights_as_double(c, value, 1, w);
                if (w[0] == 0) continue;
                if (c->absent_labels) {
                    int64_t label;
                    for (int32_t j = 0; j < c->object->inputs; j++)
                        if (c->object->input[j].kind == KIND_CLASS) libloss__gather(&c->input[j], value, 1, &label, DTYPE_I64);
                    if (libloss__row_is_absent(c, label)) continue;
                }
            }
            return bad_number(c, k, start + i, strip[i], with_zero);
        }
    }
    return LIBLOSS_OK;
}

static libloss_status check_piece(const libloss__piece *piece, void *job) { return check_domain(piece->c, job, piece->begin, piece->end); }

libloss_status libloss__check_domains(libloss__call *c)
{
    domain_job job;
    for (int32_t k = 0; k < c->object->inputs; k++)
        if (is_limited(c, k, &job) && !(c->domains_on_the_way && !c->input[k].single))
            TRY(libloss__scan(c, &c->input[k], check_piece, &job));
    return LIBLOSS_OK;
}

libloss_status libloss__check_domains_of(const libloss__call *c, int64_t begin, int64_t end)
{
    domain_job job;
    for (int32_t k = 0; k < c->object->inputs; k++)
        if (!c->input[k].single && is_limited(c, k, &job)) TRY(check_domain(c, &job, begin, end));
    return LIBLOSS_OK;
}

int libloss__may_look_on_the_way(const libloss__call *c)
{
    if (!c->object->row || c->object->row->loss->shape != SHAPE_POINTWISE) return 0;
    int outputs = libloss__given(&c->values), in_place = 0;
    for (int32_t k = 0; k < c->object->inputs; k++) {
        outputs |= libloss__given(&c->gradient[k]) | libloss__given(&c->hessian[k]);
        for (int32_t i = 0; i < c->object->inputs; i++)
            in_place |= libloss__given(&c->input[i]) && (c->input[i].data == c->values.data || c->input[i].data == c->gradient[k].data ||
                                                         c->input[i].data == c->hessian[k].data);
    }
    return !outputs || (!in_place && (c->args->flags & LIBLOSS_DISCARD_ON_ERROR));
}

/* How much a row counts in weighted_mean before its own weight: the class weight of its label, or of its mass. */
static double mass_weight(const libloss__call *c, int32_t k, int64_t row, int64_t label)
{
    if (c->by_index) return class_weight(c, label);
    double mass = 0, t[STRIP];
    for (int64_t start = 0; start < c->classes; start += STRIP) {
        int64_t n = c->classes - start < STRIP ? c->classes - start : STRIP;
        libloss__gather(&c->input[k], row * c->classes + start, n, t, DTYPE_F64);
        for (int64_t i = 0; i < n; i++) mass += t[i] == 0 ? 0 : class_weight(c, start + i) * t[i];
    }
    return mass;
}

typedef struct {
    int32_t class_input; /* or -1 */
    atomic_int_fast64_t present;
    atomic_int absent_labels;
} presence_job;

static int all_labels(const int64_t *label, int64_t n, int64_t classes)
{
    int bad = 0;
    for (int64_t i = 0; i < n; i++) bad |= (uint64_t)label[i] >= (uint64_t)classes;
    return !bad;
}

/* Labels and class weights: which rows are there, and what they count. */
static libloss_status survey_rows(const libloss__piece *piece, void *shared)
{
    const libloss__call *c = piece->c;
    presence_job *job = shared;
    const int32_t k = job->class_input;
    const int weigh = c->object->class_weight >= 0 && libloss__given(&c->input[c->object->class_weight]);
    const int nothing_but_labels =
        c->by_index && !weigh && !libloss__given(&c->weight) &&
        (c->object->ignore_index < 0 || c->object->first[c->object->ignore_index] == c->object->first[c->object->ignore_index + 1]);
    int64_t label[STRIP], present = 0;
    double w[STRIP], term[STRIP];
    int absent = 0;
    for (int64_t start = piece->begin; start < piece->end; start += STRIP) {
        int64_t n = piece->end - start < STRIP ? piece->end - start : STRIP;
        if (c->by_index) libloss__gather(&c->input[k], start, n, label, DTYPE_I64);
        if (nothing_but_labels && all_labels(label, n, c->classes)) {
            present += n;
            libloss__sum_add_count(piece->sum, n);
            continue;
        }
        libloss__weights_as_double(c, start, n, w);
        for (int64_t i = 0; i < n; i++) {
            term[i] = 0;
            if (w[i] == 0) continue;
            if (c->by_index) {
                if (libloss__is_ignored(c, label[i])) {
                    absent = 1;
                    continue;
                }
                if (label[i] < 0 || label[i] >= c->classes) {
                    char place[128];
                    libloss__place(c->values_ndim, c->values_shape, start + i, place);
                    FAIL(LIBLOSS_ERR_LABEL, "%s: %s%s = %d is not in [0, %d)", c->object->name, c->object->input[k].name, place, label[i],
                         c->classes);
                }
                if (libloss__row_is_absent(c, label[i])) {
                    absent = 1;
                    continue;
                }
            }
            present++;
            term[i] = weigh || (c->want_weights && !c->by_index) ? w[i] * mass_weight(c, k, start + i, label[i]) : w[i];
        }
        libloss__sum_add_doubles(piece->sum, term, n);
    }
    atomic_fetch_add(&job->present, present);
    if (absent) atomic_store(&job->absent_labels, 1);
    return LIBLOSS_OK;
}

/* Weights of n values: the exact sum where somebody asks for it. */
static void add_weights(const libloss__call *c, const void *w, int64_t n, libloss__sum *sum)
{
    tile_sum tile;
    if (c->arithmetic == DTYPE_F32) {
        libloss__tiles_now()->sum_f32(w, n, &tile);
        libloss__sum_add_tile(sum, &tile);
    } else {
        libloss__sum_add_doubles(sum, w, n);
    }
}

/* Weights of values, each with one of its own where these have not been checked yet. */
static libloss_status survey_weights(const libloss__piece *piece, void *shared)
{
    const libloss__call *c = piece->c;
    presence_job *job = shared;
    int64_t present = 0;
    double room[STRIP];
    const int direct = has_own_weights(c) && libloss__is_direct(&c->weight, c->arithmetic);
    for (int64_t start = piece->begin; start < piece->end; start += STRIP) {
        const int64_t n = piece->end - start < STRIP ? piece->end - start : STRIP;
        const void *w = direct ? c->weight.data + start * c->weight.bytes : (const void *)room;
        if (!direct) libloss__gather_weight(c, start, n, room);
        if (!all_weights(c, w, n, &present)) TRY(find_bad_weight(c, start, n));
        if (c->want_weights) add_weights(c, w, n, piece->sum);
    }
    atomic_fetch_add(&job->present, present);
    return LIBLOSS_OK;
}

/* What is there: the number of values, and the sum of their weights. */
static libloss_status survey_presence(libloss__call *c, int32_t class_input)
{
    if (c->unit == UNIT_BATCH) {
        for (int64_t u = 0; u < c->count; u++) c->present += libloss__batch_is_present(c, u);
        libloss__sum_add_count(&c->weights, c->present);
        return LIBLOSS_OK;
    }
    if (class_input < 0 && !libloss__given(&c->weight)) {
        c->present = c->count;
        libloss__sum_add_count(&c->weights, c->count);
        return LIBLOSS_OK;
    }
    TRY(check_class_weights(c));
    presence_job job = { .class_input = class_input };
    const int whole_rows = class_input >= 0 && !c->by_index && c->want_weights;
    atomic_init(&job.present, 0);
    atomic_init(&job.absent_labels, 0);
    const libloss__split split = { .run = class_input < 0 ? survey_weights : survey_rows,
                                   .job = &job,
                                   .count = c->count,
                                   .width = whole_rows ? c->classes : 1,
                                   .unit = STRIP,
                                   .threads = libloss__threads_for(c, whole_rows ? c->count * c->classes : c->count) };
    TRY(libloss__run_split(c, &split, &c->weights));
    c->present = atomic_load(&job.present);
    c->absent_labels = (int8_t)atomic_load(&job.absent_labels);
    return LIBLOSS_OK;
}

static libloss_status check_weights(const libloss__piece *piece, void *nothing)
{
    (void)nothing;
    const libloss__call *c = piece->c;
    const libloss__view *v = &c->weight;
    const int64_t n = piece->end - piece->begin;
    int64_t present = 0;
    if (!v->single && libloss__is_direct(v, c->arithmetic) && all_weights(c, v->data + piece->begin * v->bytes, n, &present))
        return LIBLOSS_OK;
    return find_bad_weight(c, piece->begin, n);
}

libloss_status libloss__check_weights(libloss__call *c)
{
    return libloss__given(&c->weight) ? libloss__scan(c, &c->weight, check_weights, NULL) : LIBLOSS_OK;
}

libloss_status libloss__survey(libloss__call *c)
{
    const libloss_object *o = c->object;
    int32_t class_input = -1;
    for (int32_t k = 0; k < o->inputs; k++)
        if (o->input[k].kind == KIND_CLASS) class_input = k;
    if (c->args->reduction == LIBLOSS_WEIGHTED_MEAN) c->want_weights = 1;
    const int by_rows = class_input >= 0 && (c->unit == UNIT_NONE || c->unit == UNIT_ROW);
    /* survey_weights looks on its way, at weights as the arithmetic has them: of doubles a float may be 0 where they are below it. */
    const int exact = c->arithmetic == DTYPE_F64 || c->weight.dtype != DTYPE_F64;
    const int on_the_way = libloss__given(&c->weight) && has_own_weights(c) && exact && !by_rows && c->unit != UNIT_BATCH;
    if (!on_the_way) TRY(libloss__check_weights(c));
    TRY(survey_presence(c, by_rows ? class_input : -1));
    TRY(libloss__survey_units(c));
    TRY(libloss__check_domains(c));
    switch (c->args->reduction) {
    case LIBLOSS_MEAN: c->divisor = (double)c->present; break;
    case LIBLOSS_WEIGHTED_MEAN: c->divisor = libloss__sum_round(&c->weights); break;
    case LIBLOSS_SIZE_MEAN: c->divisor = (double)c->count; break;
    case LIBLOSS_BATCH_MEAN: c->divisor = (double)c->rows; break;
    default: c->divisor = 1;
    }
    if (c->args->divisor != 0) c->divisor = c->args->divisor;
    return LIBLOSS_OK;
}
