/*
 * The first pass: weights, labels and the inputs whose domain is limited are read before anything is stored. So an error
 * leaves every output untouched, and the gradient of a mean knows its divisor in time. Where there is
 * neither weight, nor label, nor domain, nothing is read. Absent values are never looked at.
 */
#include "call.h"
#include "tiles.h"

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
    for (int64_t i = o->first[o->ignore_index]; i < o->first[o->ignore_index + 1]; i++)
        if ((double)label == c->parameter[i]) return 1;
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

/* A strip of weights as double, after their rounding to the arithmetic. */
static void weights_as_double(const libloss__call *c, int64_t start, int64_t n, double *w)
{
    if (!libloss__given(&c->weight)) {
        for (int64_t i = 0; i < n; i++) w[i] = 1;
    } else if (c->arithmetic == DTYPE_F64) {
        libloss__gather_weight(c, start, n, w);
    } else {
        float f[STRIP];
        libloss__gather_weight(c, start, n, f);
        for (int64_t i = 0; i < n; i++) w[i] = f[i];
    }
}

static libloss_status bad_weight(const libloss__call *c, const char *what, const libloss__view *v, int64_t i, double w)
{
    char place[128];
    libloss__place(v->ndim, v->shape, i, place);
    FAIL(LIBLOSS_ERR_WEIGHT, "%s: %s%s = %g is not a finite number from 0", c->object->name, what, place, w);
}

static int is_weight(double w) { return w >= 0 && w <= 0x1.fffffffffffffp1023; }

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
    case KIND_SIGN: return with_zero ? x != 0 && x != 1 && x == x : x != -1 && x != 1 && x == x;
    default: return 0;
    }
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
    case KIND_POSITIVE:
        FAIL(LIBLOSS_ERR_DOMAIN, "%s: %s%s = %g is %s", o->name, o->input[k].name, place, x, with_zero ? "below 0" : "not above 0");
    default:
        if (k == 0) hint = "; logits have losses of their own";
        FAIL(LIBLOSS_ERR_DOMAIN, "%s: %s%s = %g is not in [0, 1]%s", o->name, o->input[k].name, place, x, hint);
    }
}

/* Declared domains of one input with `width` numbers per value (1, or the classes of a row). */
static libloss_status check_domain(const libloss__call *c, int32_t k, int kind, int64_t width)
{
    const libloss__view *v = &c->input[k];
    const int with_zero = kind == KIND_SIGN ? libloss__parameter_of(c, 0, 0) != 0 : (c->object->input[k].flags & OR_ZERO) != 0;
    const int masked = libloss__given(&c->weight) || c->absent_labels;
    double strip[STRIP], w[STRIP];
    int64_t total = v->single ? (v->count > 0) : v->count;
    if (v->single && masked && c->present == 0) return LIBLOSS_OK;
    if ((kind != KIND_POSITIVE || with_zero) && !v->single) { /* the quick look at whole arrays; what is found is looked up below */
        const double low = kind == KIND_SIGN && !with_zero ? -1 : 0, high = kind == KIND_POSITIVE ? INFINITE : 1;
        const int ends = kind == KIND_SIGN;
        if (libloss__is_direct(v, DTYPE_F32) &&
            !libloss__tiles_now()->outside_f32((float *)(void *)v->data, total, (float)low, (float)high, ends))
            return LIBLOSS_OK;
        if (libloss__is_direct(v, DTYPE_F64) && !libloss__tiles_now()->outside_f64((double *)(void *)v->data, total, low, high, ends))
            return LIBLOSS_OK;
    }
    for (int64_t start = 0; start < total; start += STRIP) {
        int64_t n = total - start < STRIP ? total - start : STRIP;
        libloss__gather(v, start, n, strip, DTYPE_F64);
        int bad = 0;
        for (int64_t i = 0; i < n; i++) bad |= outside(kind, strip[i], with_zero);
        if (!bad) continue;
        for (int64_t i = 0; i < n; i++) {
            if (!outside(kind, strip[i], with_zero)) continue;
            int64_t value = (start + i) / width;
            if (masked && !v->single) {
                weights_as_double(c, value, 1, w);
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

/* Labels and class weights: which rows are there, and what they count. */
static libloss_status survey_rows(libloss__call *c, int32_t k)
{
    const int weigh = c->object->class_weight >= 0 && libloss__given(&c->input[c->object->class_weight]);
    const int need_mass = c->args->reduction == LIBLOSS_WEIGHTED_MEAN || c->args->total;
    TRY(check_class_weights(c));
    int64_t label[STRIP];
    double w[STRIP], term[STRIP];
    for (int64_t start = 0; start < c->count; start += STRIP) {
        int64_t n = c->count - start < STRIP ? c->count - start : STRIP;
        weights_as_double(c, start, n, w);
        if (c->by_index) libloss__gather(&c->input[k], start, n, label, DTYPE_I64);
        for (int64_t i = 0; i < n; i++) {
            term[i] = 0;
            if (w[i] == 0) continue;
            if (c->by_index) {
                if (libloss__is_ignored(c, label[i])) {
                    c->absent_labels = 1;
                    continue;
                }
                if (label[i] < 0 || label[i] >= c->classes) {
                    char place[128];
                    libloss__place(c->values_ndim, c->shape, start + i, place);
                    FAIL(LIBLOSS_ERR_LABEL, "%s: %s%s = %d is not in [0, %d)", c->object->name, c->object->input[k].name, place, label[i],
                         c->classes);
                }
                if (libloss__row_is_absent(c, label[i])) {
                    c->absent_labels = 1;
                    continue;
                }
            }
            c->present++;
            term[i] = weigh || (need_mass && !c->by_index) ? w[i] * mass_weight(c, k, start + i, label[i]) : w[i];
        }
        libloss__sum_add_doubles(&c->weights, term, n);
    }
    return LIBLOSS_OK;
}

static libloss_status survey_weights(libloss__call *c)
{
    double w[STRIP];
    if (!libloss__given(&c->weight)) {
        c->present = c->count;
        libloss__sum_add_count(&c->weights, c->count);
        return LIBLOSS_OK;
    }
    for (int64_t start = 0; start < c->count; start += STRIP) {
        int64_t n = c->count - start < STRIP ? c->count - start : STRIP;
        weights_as_double(c, start, n, w);
        for (int64_t i = 0; i < n; i++) c->present += w[i] != 0;
        libloss__sum_add_doubles(&c->weights, w, n);
    }
    return LIBLOSS_OK;
}

libloss_status libloss__check_weights(const libloss__call *c)
{
    const libloss__view *v = &c->weight;
    if (!libloss__given(v)) return LIBLOSS_OK;
    double w[STRIP];
    int64_t total = v->single ? (v->count > 0) : v->count;
    for (int64_t start = 0; start < total; start += STRIP) {
        int64_t n = total - start < STRIP ? total - start : STRIP;
        libloss__gather(v, start, n, w, DTYPE_F64);
        for (int64_t i = 0; i < n; i++) {
            if (!is_weight(w[i]) || (c->arithmetic == DTYPE_F32 && !is_weight((double)(float)w[i])))
                return bad_weight(c, "weight", v, start + i, w[i]);
        }
    }
    return LIBLOSS_OK;
}

libloss_status libloss__survey(libloss__call *c)
{
    const libloss_object *o = c->object;
    int32_t class_input = -1;
    for (int32_t k = 0; k < o->inputs; k++)
        if (o->input[k].kind == KIND_CLASS) class_input = k;
    TRY(libloss__check_weights(c));
    TRY(class_input >= 0 ? survey_rows(c, class_input) : survey_weights(c));
    for (int32_t k = 0; k < o->inputs && !(c->args->flags & LIBLOSS_TRUST_DOMAIN); k++) {
        if (!libloss__given(&c->input[k])) continue;
        int kind = o->input[k].kind;
        if (kind == KIND_CLASS && !c->by_index) kind = KIND_PROBABILITY;
        if (kind == KIND_PROBABILITY || kind == KIND_POSITIVE || kind == KIND_SIGN)
            TRY(check_domain(c, k, kind, c->input[k].ndim > c->values_ndim ? c->classes : 1));
    }
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
