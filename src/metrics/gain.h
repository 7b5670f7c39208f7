/*
 * Discounted gains: what a document is worth, over the logarithm of its place.
 */
#ifndef LIBLOSS_METRICS_GAIN_H
#define LIBLOSS_METRICS_GAIN_H

#include "ranked_list.h"
#include "../kernel/gain.h"

enum { GAIN = LIST_OWN };
enum { GAIN_EXPONENTIAL, GAIN_LINEAR };
#define GAIN_PARAMETERS RANKED_PARAMETERS, CHOICE(gain, 0, "exponential linear", "2^relevance - 1, or the relevance itself")

/* The sum over the places that count, documents in the order of these scores. */
double libloss__discounted_gain(const metric_cases *c, const double *score, int ties);

#endif
