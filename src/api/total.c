/*
 * The public side of totals: starting, merging, reading, and bytes that are the same on every machine.
 */
#include <string.h>

#include "../cpu/control.h"
#include "../engine/call.h"
#include "../engine/metric.h"
#include "../engine/sums.h"
#include "structs.h"

static const libloss__sink nowhere = { NULL, 0 };

#define FAIL(status_, ...) return libloss__fail(nowhere, status_, __VA_ARGS__)

libloss_status libloss_total_start(libloss_total *t, int64_t size, const libloss_object *o, const libloss_args *shapes)
{
    if (!t) FAIL(LIBLOSS_ERR_NULL, "libloss_total_start: total is NULL");
    if (!o) FAIL(LIBLOSS_ERR_NULL, "libloss_total_start: object is NULL");
    if ((uintptr_t)t % 8 != 0) FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_start: total is not 8-byte aligned");
    const libloss_object *whole = libloss__not_adding_up(o);
    if (whole)
        FAIL(LIBLOSS_ERR_TOTAL, "%s: its value depends on the whole batch, so the values of several calls do not add up", whole->name);
    int64_t units = 1, classes = 0;
    libloss_args mine;
    if (shapes) TRY(libloss__take_struct(nowhere, "libloss_args", &mine, sizeof mine, shapes, FIRST_ARGS));
    if (o->kind == OBJECT_METRIC) TRY(libloss__metric_size(o, shapes ? &mine : NULL, &classes));
    if (libloss__is_of_sums(o) && shapes) {
        libloss__call c;
        TRY(libloss__resolve(&c, o, &mine, 0));
        units = c.count;
    }
    const int64_t need = o->kind == OBJECT_METRIC ? libloss__metric_total_size(o, classes) : libloss__total_size(o, units);
    if (size < need) FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_start: %d bytes; %s needs %d", size, o->name, need);
    memset(t, 0, (size_t)need);
    t->magic = TOTAL_MAGIC;
    t->layout = TOTAL_LAYOUT;
    t->size = (uint64_t)need;
    t->hash = o->hash;
    if (o->kind == OBJECT_METRIC || libloss__is_of_sums(o)) {
        t->owner = libloss__owner_hash(o->name);
        libloss__fill_parameters(o, t->parameter);
    }
    if (o->kind == OBJECT_METRIC) {
        libloss__metric_total_start(t, o, classes);
        return LIBLOSS_OK;
    }
    t->parts = o->kind == OBJECT_SUM ? o->terms : libloss__is_of_sums(o) ? libloss__sums_parts(o, units) : 1;
    for (int64_t k = 0; k < t->parts; k++) t->term[k].factor = o->kind == OBJECT_SUM ? o->factor[k] : 1;
    return LIBLOSS_OK;
}

static libloss_status check(const libloss_total *t, const char *entry)
{
    if (!t) FAIL(LIBLOSS_ERR_NULL, "%s: total is NULL", entry);
    if (t->magic != TOTAL_MAGIC || t->layout != TOTAL_LAYOUT) FAIL(LIBLOSS_ERR_TOTAL, "%s: the total was never started", entry);
    return LIBLOSS_OK;
}

libloss_status libloss_total_merge(libloss_total *into, const libloss_total *from)
{
    libloss_status status = check(into, "libloss_total_merge");
    if (status == LIBLOSS_OK) status = check(from, "libloss_total_merge");
    if (status != LIBLOSS_OK) return status;
    if (into->hash != from->hash || into->parts != from->parts || into->owner != from->owner)
        FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_merge: the totals belong to different losses");
    if (into->classes != from->classes)
        FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_merge: totals of %d and of %d classes or outputs", (int64_t)into->classes,
             (int64_t)from->classes);
    if (into->parts == 0) return libloss__metric_total_merge(into, from);
    for (int64_t k = 0; k < into->parts; k++) {
        libloss__part copy = from->term[k].part; /* a total may be merged with itself */
        libloss__part_merge(&into->term[k].part, &copy);
    }
    return LIBLOSS_OK;
}

/* values[0]: the reduced number (of a metric: all its numbers); then, as far as there is room: the sum of weights, the values
 * present, all values, rows (of the first term). */
static libloss_status read_total(const libloss_total *t, int32_t reduction, int32_t empty, double divisor, double *values, int64_t count)
{
    if (!values && count > 0) FAIL(LIBLOSS_ERR_NULL, "libloss_total_value: values is NULL");
    if (reduction < LIBLOSS_MEAN || reduction > LIBLOSS_BATCH_MEAN || reduction == LIBLOSS_NONE)
        FAIL(LIBLOSS_ERR_OPTION, "libloss_total_value: reduction %d has no number", (int64_t)reduction);
    if (empty != LIBLOSS_EMPTY_NAN && empty != LIBLOSS_EMPTY_ZERO)
        FAIL(LIBLOSS_ERR_OPTION, "libloss_total_value: empty %d is unknown", (int64_t)empty);
    if (divisor != 0 && (!(divisor > 0 && divisor - divisor == 0) || reduction == LIBLOSS_SUM || (t->parts > 1 && !t->owner)))
        FAIL(LIBLOSS_ERR_OPTION, "libloss_total_value: divisor %g has no meaning here", divisor);
    if (t->parts == 0) {
        if (reduction != LIBLOSS_MEAN || divisor != 0)
            FAIL(LIBLOSS_ERR_OPTION, "libloss_total_value: a metric has no reduction and no divisor");
        return libloss__metric_total_value(t, values, count);
    }
    if (t->owner) {
        const libloss__row *row = libloss__owner_of(t->owner);
        if (!row || !libloss__parts_fit(t->owner, t->parts))
            FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_value: a loss this version does not know");
        int64_t present;
        const double value = libloss__sums_total_value(t, row, reduction, empty, divisor, &present);
        const double out[3] = { value, (double)present, (double)present };
        for (int64_t i = 0; i < count && i < 3; i++) values[i] = out[i];
        return LIBLOSS_OK;
    }
    const libloss__part *first = &t->term[0].part;
    double out[5] = { 0, libloss__sum_round(&first->weights), (double)first->present, (double)first->size, (double)first->rows };
    if (t->parts == 1)
        out[0] = libloss__part_value(first, reduction, divisor, empty);
    else
        for (int64_t k = 0; k < t->parts; k++)
            out[0] += t->term[k].factor * libloss__part_value(&t->term[k].part, reduction, divisor, empty);
    for (int64_t i = 0; i < count && i < 5; i++) values[i] = out[i];
    return LIBLOSS_OK;
}

libloss_status libloss_total_value(const libloss_total *t, int32_t reduction, int32_t empty, double divisor, double *values, int64_t count)
{
    libloss_status status = check(t, "libloss_total_value");
    if (status != LIBLOSS_OK) return status;
    uint64_t word = libloss__enter();
    status = read_total(t, reduction, empty, divisor, values, count);
    libloss__leave(word);
    return status;
}

/* ---- bytes: all words that are in use, little-endian ---- */

static int64_t words_of(int64_t parts, uint64_t owner, const double *parameter, int64_t classes, int64_t cells)
{
    if (parts == 0) return libloss__metric_total_length(owner, parameter, classes, cells) / 8;
    return (int64_t)(sizeof(struct libloss_total) / 8) + parts * (int64_t)(sizeof(libloss__term_total) / 8);
}

static void put_word(unsigned char *to, uint64_t word)
{
    for (int k = 0; k < 8; k++) to[k] = (unsigned char)(word >> 8 * k);
}

static uint64_t get_word(const unsigned char *from)
{
    uint64_t word = 0;
    for (int k = 0; k < 8; k++) word |= (uint64_t)from[k] << 8 * k;
    return word;
}

int64_t libloss_total_save(const libloss_total *t, void *bytes, int64_t size)
{
    if (check(t, "libloss_total_save") != LIBLOSS_OK) return 0;
    const int64_t words = words_of(t->parts, t->owner, t->parameter, (int64_t)t->classes, (int64_t)t->cells);
    for (int64_t i = 0; bytes && size >= 8 * words && i < words; i++) {
        uint64_t word;
        memcpy(&word, (const char *)t + 8 * i, 8);
        put_word((unsigned char *)bytes + 8 * i, word);
    }
    return 8 * words;
}

libloss_status libloss_total_load(libloss_total *t, int64_t size, const void *bytes, int64_t length)
{
    const unsigned char *from = bytes;
    if (!t || !bytes) FAIL(LIBLOSS_ERR_NULL, "libloss_total_load: %s is NULL", t ? "bytes" : "total");
    if (length < (int64_t)sizeof(struct libloss_total)) FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_load: %d bytes are no total", length);
    if (get_word(from) != TOTAL_MAGIC) FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_load: these bytes are no total");
    if (get_word(from + 8) != TOTAL_LAYOUT)
        FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_load: layout %d is not known to this version", (int64_t)get_word(from + 8));
    const int64_t need = (int64_t)get_word(from + 16), parts = (int64_t)get_word(from + 32);
    const int64_t classes = (int64_t)get_word(from + 48), cells = (int64_t)get_word(from + 56);
    const uint64_t owner = get_word(from + 40);
    double parameter[MAX_PARAMETERS];
    for (int k = 0; k < MAX_PARAMETERS; k++) {
        uint64_t word = get_word(from + offsetof(struct libloss_total, parameter) + 8 * (size_t)k);
        memcpy(&parameter[k], &word, sizeof word);
    }
    int fits = parts == 0 || (parts >= 1 && parts <= 1 << 24 && classes == 0 && cells == 0);
    if (owner != 0) fits = fits && libloss__owner_can_read(owner, parameter) && libloss__parts_fit(owner, parts);
    if (!fits || length != 8 * words_of(parts, owner, parameter, classes, cells) || need < length || need > length + LIBLOSS_TOTAL_SIMPLE)
        FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_load: these bytes are damaged");
    if ((uintptr_t)t % 8 != 0) FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_load: total is not 8-byte aligned");
    if (size < need) FAIL(LIBLOSS_ERR_TOTAL, "libloss_total_load: %d bytes of memory; %d are needed", size, need);
    memset(t, 0, (size_t)need);
    for (int64_t i = 0; i < length / 8; i++) {
        uint64_t word = get_word(from + 8 * i);
        memcpy((char *)t + 8 * i, &word, 8);
    }
    return LIBLOSS_OK;
}
