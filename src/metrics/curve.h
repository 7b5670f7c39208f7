/*
 * The walk down the scores: a threshold falls from the highest to the lowest, and at each score what passes it becomes positive.
 */
#ifndef LIBLOSS_METRICS_CURVE_H
#define LIBLOSS_METRICS_CURVE_H

#include "functions.h"
#include "../kernel/order.h"

/* One class against others. An item of the order is twice the number of a case, and 1 more if it is of the class. */
typedef struct {
    const double *weight; /* of all cases, or NULL */
    const ranked *order; /* lies in the work of the cases */
    int64_t count, left; /* of the order, and how many of it are still to come */
    pair positives, negatives; /* weights of all */
} curve;

enum { CURVE_WORK = ORDER_WORK }; /* doubles for each case */

/* Class k against the rest; `against` from 0 on: against that class alone. Of single scores k is 1. */
curve libloss__curve(const metric_cases *c, int64_t k, int64_t against);

/* What the next score adds: the weights of the class and of the others that have it. 0: there is none. */
int libloss__next_step(curve *c, pair *positive, pair *negative);

int libloss__any_nan(const metric_cases *c);

/* The ways to make one number of several classes, whose own are in values: `weight` is that of each; NaN is left out. */
enum { AVERAGE_MACRO, AVERAGE_WEIGHTED, AVERAGE_NONE };
void libloss__average_classes(int average, double *values, const double *weight, int64_t classes);

#define SCORE_INPUTS                                                                                                           \
    INPUT(prediction, KIND_REAL, 0,                                                                                            \
          "scores: of class 1, shaped like the target; or of every class, one axis more than the target; higher is likelier"), \
        CLASS_TARGET

#endif
