/*
 * What a metric file says of itself. A metric counts cases into cells and reads its numbers from them; the engine does the
 * counting (exactly, in any order), the file does the reading. Plain data and plain C, compiled once.
 */
#ifndef LIBLOSS_KERNEL_METRIC_H
#define LIBLOSS_KERNEL_METRIC_H

#include "loss.h"

/* What is counted: cases by target and prediction, cell [target * classes + prediction]; or all cases, and those that hit. */
enum { COUNTS_CONFUSION, COUNTS_HITS };

/* What comes out: one number; one, or one per class under average = none; per class tp, fp, tn, fn; a cell per pair. */
enum { GIVES_NUMBER, GIVES_AVERAGE, GIVES_CLASS_COUNTS, GIVES_MATRIX };

/* The weighted counts, each an exact sum rounded once. Hits: count[0] all cases, count[1] those that hit. */
typedef struct {
    const double *count;
    int64_t classes;
    const double *param; /* one number per parameter */
} metric_state;

static inline double square_root(double x) { return __builtin_sqrt(x); } /* an instruction: metrics need no libm */

/* All cases whose target is class k, and all whose prediction is. */
static inline double sum_of_row(const metric_state *state, int64_t k)
{
    double sum = 0;
    for (int64_t j = 0; j < state->classes; j++) sum += state->count[k * state->classes + j];
    return sum;
}

static inline double sum_of_column(const metric_state *state, int64_t k)
{
    double sum = 0;
    for (int64_t i = 0; i < state->classes; i++) sum += state->count[i * state->classes + k];
    return sum;
}

struct metric {
    loss self;
    int counts, gives;
    void (*read)(const metric_state *state, double *values);
};
typedef struct metric metric;

/* The inputs of every metric. */
#define METRIC_INPUTS                                                                                                   \
    { .name = "prediction",                                                                                             \
      .description = "class indices; with threshold scores, of which those above it are class 1; or rows "              \
                     "of scores, one axis more than the target, of which the largest counts (the first of equal ones)", \
      .kind = KIND_REAL,                                                                                                \
      .shape = LIKE_FIRST },                                                                                            \
    {                                                                                                                   \
        .name = "target", .description = "class indices", .kind = KIND_CLASS, .shape = PER_VALUE                        \
    }

#define OPTIONAL_NUMBER(name_, text_)                                                                                               \
    {                                                                                                                               \
        .name = #name_, .description = text_, .lowest = -INFINITE, .highest = INFINITE, .flags = OPEN_BELOW | OPEN_ABOVE | OPTIONAL \
    }
#define OPTIONAL_COUNT(name_, low_, high_, text_)                                                            \
    {                                                                                                        \
        .name = #name_, .description = text_, .lowest = low_, .highest = high_, .flags = INTEGRAL | OPTIONAL \
    }

#define THRESHOLD OPTIONAL_NUMBER(threshold, "a score above it is class 1, any other class 0 (probabilities: 0.5, logits: 0)")
#define CLASSES OPTIONAL_COUNT(classes, 2, 32768, "number of classes; none: of rows of scores their length, else 2")

#define METRIC(name_) static const loss_info name_##_info
#define READS(name_, counts_, gives_, read_) \
    const metric LOSS_ROW(name_) = { { #name_, -1, PER_ELEMENT, UNIT_NONE, &name_##_info }, counts_, gives_, read_ };

#endif
