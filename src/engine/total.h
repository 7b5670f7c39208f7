/*
 * Running totals: the exact sums and counts from which every reduction can be answered later. A block of the caller's memory
 * without pointers, so memcpy copies it; equal sums are equal bytes. One part per term of a composition.
 */
#ifndef LIBLOSS_ENGINE_TOTAL_H
#define LIBLOSS_ENGINE_TOTAL_H

#include "object.h"
#include "sum.h"

/* What one loss adds up. Every member is 64 bits wide: in memory and in saved bytes it is a row of words. */
typedef struct {
    int64_t present, size, rows; /* values there, all values, rows */
    libloss__sum sum, weights; /* of w * v; of w (class weights count) */
} libloss__part;

typedef struct {
    double factor;
    libloss__part part;
} libloss__term_total;

struct libloss_total {
    uint64_t magic, layout, size, hash; /* size: bytes of the caller's block */
    int64_t parts; /* 0: a metric's; of a loss of sums one for each sum of each unit */
    uint64_t owner; /* hash of the name where reading takes the metric's or loss's own functions, else 0 */
    uint64_t classes, cells; /* of a metric */
    double parameter[MAX_PARAMETERS]; /* with which the owner reads */
    libloss__term_total term[];
};

/* Counts: a number of weights and their exact sum in units of 2^-64, a two's-complement integer of 128 bits. */
typedef struct {
    uint64_t low;
    int64_t high;
} libloss__cell;

/* What a metric counts; it lies where the terms of losses do. */
typedef struct {
    int64_t present, size, rows;
    libloss__cell cell[];
} libloss__counts;

static inline libloss__counts *libloss__counts_of(const libloss_total *t) { return (libloss__counts *)(uintptr_t)t->term; }

enum { TOTAL_LAYOUT = 1 };
#define TOTAL_MAGIC UINT64_C(0x316c61746f744c4c) /* "LLtotal1" in little-endian bytes */

int64_t libloss__total_size(const libloss_object *o, int64_t units);
uint64_t libloss__owner_hash(const char *name);
const libloss__row *libloss__owner_of(uint64_t owner);
/* Whether a total from elsewhere is of an owner that this version knows, with parameters that it allows. */
int libloss__owner_can_read(uint64_t owner, const double parameter[MAX_PARAMETERS]);

/* One number per parameter: the fallback where there is none. */
void libloss__fill_parameters(const libloss_object *o, double parameter[MAX_PARAMETERS]);
void libloss__part_merge(libloss__part *into, const libloss__part *from);
double libloss__part_value(const libloss__part *p, int32_t reduction, double divisor, int32_t empty);

/* LIBLOSS_ERR_TOTAL unless t was started for a loss equal to o. */
libloss_status libloss__total_fits(const libloss_total *t, const libloss_object *o, char *message, size_t message_size);

#endif
