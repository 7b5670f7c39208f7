/*
 * The bounds of units, and what the survey has to know of them: offsets that are none, lengths and labels out of range, and
 * which units are there at all. Sequences have their inputs in a fixed order: scores, labels, number of steps, number of labels.
 */
#include "units.h"

#define FAIL(status_, ...) return libloss__fail(c->sink, status_, __VA_ARGS__)

enum { STRIP = 256 };
enum { SEQUENCE_SCORES, SEQUENCE_LABELS, SEQUENCE_STEPS, SEQUENCE_LABEL_COUNT };

static int32_t input_of_kind(const libloss__call *c, int kind)
{
    for (int32_t k = 0; k < c->object->inputs; k++)
        if (c->object->input[k].kind == kind && libloss__given(&c->input[k])) return k;
    return -1;
}

static int64_t integer_at(const libloss__view *v, int64_t i)
{
    int64_t x;
    libloss__gather(v, v->single ? 0 : i, 1, &x, DTYPE_I64);
    return x;
}

static int64_t within(int64_t x, int64_t most) { return x < 0 ? 0 : x > most ? most : x; } /* checked; but it may change meanwhile */

static int64_t labels_of(const libloss__call *c, int64_t unit)
{
    const libloss__view *target = &c->input[SEQUENCE_LABELS], *count = &c->input[SEQUENCE_LABEL_COUNT];
    const int64_t all = target->shape[target->ndim - 1];
    return libloss__given(count) ? within(integer_at(count, unit), all) : all;
}

static int is_concatenated(const libloss__call *c)
{
    return libloss__given(&c->input[SEQUENCE_LABEL_COUNT]) && c->input[SEQUENCE_LABELS].ndim == 1;
}

void libloss__bounds_of(const libloss__call *c, int64_t unit, libloss__bounds *b)
{
    const int64_t size = c->length * c->width;
    b->start = unit * size;
    b->length = c->length;
    if (c->unit == UNIT_GROUP) {
        const int32_t k = input_of_kind(c, KIND_OFFSETS);
        if (k < 0) return;
        b->start = within(integer_at(&c->input[k], unit), c->length);
        b->length = within(integer_at(&c->input[k], unit + 1) - b->start, c->length - b->start);
    } else if (c->unit == UNIT_SEQUENCE) {
        const libloss__view *steps = &c->input[SEQUENCE_STEPS], *target = &c->input[SEQUENCE_LABELS];
        if (libloss__given(steps)) b->length = within(integer_at(steps, unit), c->length);
        if (!is_concatenated(c)) {
            b->first_label = unit * target->shape[target->ndim - 1];
        } else if (b->next_unit == unit) {
            b->first_label += b->labels;
        } else {
            b->first_label = 0;
            for (int64_t i = 0; i < unit; i++) b->first_label += labels_of(c, i);
        }
        b->labels = labels_of(c, unit);
        if (is_concatenated(c)) b->labels = within(b->labels, target->count - b->first_label);
        b->next_unit = unit + 1;
    }
}

int libloss__batch_is_present(const libloss__call *c, int64_t unit)
{
    const int64_t n = c->length * c->width;
    if (!libloss__given(&c->weight)) return n > 0;
    double w[STRIP];
    for (int64_t done = 0; done < n; done += STRIP) {
        const int64_t some = n - done < STRIP ? n - done : STRIP;
        libloss__weights_as_double(c, unit * n + done, some, w);
        for (int64_t i = 0; i < some; i++)
            if (w[i] != 0) return 1;
    }
    return 0;
}

static int weighs_nothing(const libloss__call *c, int64_t value)
{
    double w;
    libloss__weights_as_double(c, value, 1, &w);
    return w == 0;
}

static libloss_status check_offsets(const libloss__call *c)
{
    const int32_t k = input_of_kind(c, KIND_OFFSETS);
    if (k < 0) return LIBLOSS_OK;
    const char *loss = c->object->name, *name = c->object->input[k].name;
    const libloss__view *v = &c->input[k];
    int64_t last = integer_at(v, 0);
    if (last != 0) FAIL(LIBLOSS_ERR_OFFSETS, "%s: %s[0] = %d is not 0", loss, name, last);
    for (int64_t i = 1; i < v->count; i++) {
        const int64_t next = integer_at(v, i);
        if (next < last) FAIL(LIBLOSS_ERR_OFFSETS, "%s: %s[%d] = %d is below %s[%d] = %d", loss, name, i, next, name, i - 1, last);
        last = next;
    }
    if (last != c->length) FAIL(LIBLOSS_ERR_OFFSETS, "%s: %s ends at %d, but there are %d elements", loss, name, last, c->length);
    return LIBLOSS_OK;
}

static libloss_status check_length(const libloss__call *c, int32_t k, int64_t unit, int64_t most)
{
    const libloss__view *v = &c->input[k];
    if (!libloss__given(v)) return LIBLOSS_OK;
    const int64_t x = integer_at(v, unit);
    if (x >= 0 && x <= most) return LIBLOSS_OK;
    char place[128];
    libloss__place(v->ndim, v->shape, unit, place);
    FAIL(LIBLOSS_ERR_OFFSETS, "%s: %s%s = %d is not in [0, %d]", c->object->name, c->object->input[k].name, place, x, most);
}

static libloss_status bad_label(const libloss__call *c, int32_t k, int64_t i, int64_t label, const char *why)
{
    char place[128];
    libloss__place(c->input[k].ndim, c->input[k].shape, c->input[k].single ? 0 : i, place);
    FAIL(LIBLOSS_ERR_LABEL, "%s: %s%s = %d is not in [0, %d)%s", c->object->name, c->object->input[k].name, place, label, c->classes, why);
}

static libloss_status check_sequences(const libloss__call *c)
{
    const libloss__view *target = &c->input[SEQUENCE_LABELS];
    const int concatenated = is_concatenated(c);
    int64_t first = 0;
    for (int64_t u = 0; u < c->count; u++) {
        const int absent = weighs_nothing(c, u);
        if (concatenated || !absent)
            TRY(check_length(c, SEQUENCE_LABEL_COUNT, u, concatenated ? target->count - first : target->shape[target->ndim - 1]));
        const int64_t labels = labels_of(c, u), start = concatenated ? first : u * target->shape[target->ndim - 1];
        first += labels;
        if (absent) continue;
        TRY(check_length(c, SEQUENCE_STEPS, u, c->length));
        for (int64_t i = start; i < start + labels; i++) {
            const int64_t label = integer_at(target, i);
            if (label < 0 || label >= c->classes) return bad_label(c, SEQUENCE_LABELS, i, label, "");
        }
    }
    if (concatenated && first != target->count)
        FAIL(LIBLOSS_ERR_OFFSETS, "%s: the lengths add up to %d, but %s has %d labels", c->object->name, first,
             c->object->input[SEQUENCE_LABELS].name, target->count);
    return LIBLOSS_OK;
}

/* Class inputs of matrices: the number of a column that is there, for each row that is. */
static libloss_status check_columns(const libloss__call *c)
{
    const int32_t k = input_of_kind(c, KIND_CLASS);
    for (int64_t i = 0; k >= 0 && i < c->count; i++) {
        if (weighs_nothing(c, i)) continue;
        const int64_t label = integer_at(&c->input[k], i), row = i / c->length * c->length;
        if (label < 0 || label >= c->classes) return bad_label(c, k, i, label, "");
        if (label < c->length && weighs_nothing(c, row + label)) return bad_label(c, k, i, label, " of those that have a weight");
    }
    return LIBLOSS_OK;
}

/* Rows with labels: one that is alone with its label has no value, and does not count. */
static void count_companions(libloss__call *c, int32_t k)
{
    const libloss__view *v = &c->input[k];
    c->present = 0;
    c->weights = (libloss__sum){ .nan = 0 };
    for (int64_t i = 0; i < c->count; i++) {
        const int64_t first = i / c->length * c->length, own = integer_at(v, i);
        int found = 0;
        double w;
        libloss__weights_as_double(c, i, 1, &w);
        for (int64_t start = 0; start < c->length && w != 0 && !found; start += STRIP) {
            const int64_t n = c->length - start < STRIP ? c->length - start : STRIP;
            int64_t label[STRIP];
            double weight[STRIP];
            libloss__gather(v, first + start, n, label, DTYPE_I64);
            libloss__weights_as_double(c, first + start, n, weight);
            for (int64_t j = 0; j < n; j++) found |= label[j] == own && weight[j] != 0 && first + start + j != i;
        }
        if (!found) continue;
        c->present++;
        libloss__sum_add(&c->weights, w);
    }
}

libloss_status libloss__survey_units(libloss__call *c)
{
    const int32_t label = input_of_kind(c, KIND_LABEL);
    if (c->unit == UNIT_MATRIX && label >= 0) count_companions(c, label);
    switch (c->unit) {
    case UNIT_GROUP: return check_offsets(c);
    case UNIT_MATRIX: return check_columns(c);
    case UNIT_SEQUENCE: return check_sequences(c);
    default: return LIBLOSS_OK;
    }
}
