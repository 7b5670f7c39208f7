/*
 * What a metric file says of itself. Three ways to a number: cases are counted into cells; or numbers that each case gives are added
 * up; or a function sees all cases at once, where they have to be sorted. Cells and sums are exact, in any order, and merge. The engine
 * does that, and weighs; the file says what a case gives, and reads the result. Plain data and plain C, compiled once.
 */
#ifndef LIBLOSS_KERNEL_METRIC_H
#define LIBLOSS_KERNEL_METRIC_H

#include "loss.h"

/* What is counted: cases by target and prediction, cell [target * classes + prediction]; of multilabel data by label and outcome, cell
 * [OUTCOMES * label + outcome]; or all cases, and those that hit. What adds numbers up, and what sees everything at once. */
enum { COUNTS_CONFUSION, COUNTS_LABELS, COUNTS_HITS, ADDS, SEES_ALL };

/* How a case can come out for a class against the rest, in the order of every row of four counts. */
enum { TRUE_POSITIVE, FALSE_POSITIVE, TRUE_NEGATIVE, FALSE_NEGATIVE, OUTCOMES };

/* What comes out: one number; one, or under average = none one per class or output; per class tp, fp, tn, fn; a cell per pair. */
enum { GIVES_NUMBER, GIVES_AVERAGE, GIVES_CLASS_COUNTS, GIVES_MATRIX };

/* The weighted counts, each an exact sum rounded once. Hits: count[0] all cases, count[1] those that hit. Of multilabel data each label
 * is a class. */
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

/* ---- numbers of cases, and all cases ---- */

/* What a case is: an element of prediction and target; the same, but the last of several axes tells outputs apart; a class and its
 * scores (of class 1, or a row of all classes); a row of labels, 0 or 1 on both sides; a list, which is a row or a run between offsets. */
enum { CASE_ELEMENT, CASE_OUTPUT, CASE_SCORES, CASE_LABELS, CASE_LIST };

enum { MOST_NUMBERS = 2, LONGEST_RUN = 256 }; /* of a case; cases of a run */

/* What a function sees: doubles, dense, checked, nothing absent among them. A run of cases, the documents of one list, or all. */
typedef struct {
    int64_t count, width; /* targets, or rows of labels; scores of each: 1, or the classes or labels */
    const double *prediction, *target; /* (count, width); (count), classes as whole numbers; of rows of labels (count, width) */
    const double *weight; /* of all cases: (count), NULL if there are none. Runs and lists are weighed by the engine */
    const double *param; /* one number per parameter */
    double known; /* what `know` made of the third input */
    double *work; /* as many as were asked for */
} metric_cases;

/* Sums of the cases of one group (an output, a bin): each exact, rounded once. First the plain ones, then the spreads. */
typedef struct {
    double present, weight;
    double sum[MOST_NUMBERS];
} metric_group;

typedef struct {
    const metric_group *group;
    int64_t groups;
    const double *param;
} metric_sums;

/* Fills the numbers of each case, number[k][case]. Groups stand at 0, and outputs are told apart elsewhere; a case is of group -1 where it
 * does not count. A list is one case. */
typedef void metric_give(const metric_cases *c, double *const *number, int64_t *group);

/* A metric that adds numbers up. Of the first `plain` numbers x comes sum(w*x), of the next `spreads` sum(w*(x - mean)^2), without
 * cancellation. */
typedef struct {
    int kind_of_case, plain, spreads;
    metric_give *give; /* NULL: the kernels have it */
    void (*read)(const metric_sums *s, double *values);
    int64_t (*groups)(const double *param); /* NULL: one, or the outputs */
    double (*know)(const double *x, int64_t n, const double *param); /* of the third input, whose shape is its own */
    int64_t (*work)(int64_t length); /* doubles for the longest list */
} metric_adding;

/* A metric that sees all cases, or all of one output. `close` makes one number of those of all outputs. */
typedef struct {
    int kind_of_case;
    void (*see)(const metric_cases *c, double *values);
    int64_t (*work)(int64_t count, int64_t width);
    void (*close)(const double *of_output, int64_t outputs, const double *param, double *values);
} metric_seeing;

typedef struct metric metric;
struct metric {
    loss self;
    int kind, gives;
    void (*read)(const metric_state *state, double *values); /* of counts */
    const metric_adding *adding;
    const metric_seeing *seeing;
    const metric *labels, *samples; /* what it is of multilabel data, and that with average = samples; NULL: the same */
};

/* Inputs: those of metrics that count, those of numbers, and the target of all that have classes. */
#define CLASS_TARGET                                                                             \
    {                                                                                            \
        .name = "target", .description = "class indices", .kind = KIND_CLASS, .shape = PER_VALUE \
    }
#define METRIC_INPUTS                                                                                                   \
    { .name = "prediction",                                                                                             \
      .description = "class indices; with threshold scores, of which those above it are class 1; or rows "              \
                     "of scores, one axis more than the target, of which the largest counts (the first of equal ones)", \
      .kind = KIND_REAL,                                                                                                \
      .shape = LIKE_FIRST },                                                                                            \
        CLASS_TARGET
#define MULTILABEL_INPUTS                                                                                                         \
    { .name = "prediction",                                                                                                       \
      .description =                                                                                                              \
          "class indices; with threshold scores, of which those above it are class 1; or rows of scores, one axis more than the " \
          "target, of which the largest counts (the first of equal ones); with multilabel 0 and 1, or with threshold scores, of " \
          "shape (rows, labels)",                                                                                                 \
      .kind = KIND_REAL,                                                                                                          \
      .shape = LIKE_FIRST },                                                                                                      \
    {                                                                                                                             \
        .name = "target", .description = "class indices; with multilabel 0 and 1, of shape (rows, labels)", .kind = KIND_CLASS,   \
        .shape = PER_VALUE                                                                                                        \
    }
#define NUMBER_INPUTS INPUT(prediction, KIND_REAL, 0, "any real number"), INPUT(target, KIND_REAL, 0, "any real number")

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
#define CLASSES_OR_LABELS OPTIONAL_COUNT(classes, 2, 32768, "number of classes; none: of rows of scores or of labels their length, else 2")
#define MULTILABEL                                                                                                                         \
    FLAG(multilabel, 0,                                                                                                                    \
         "a case is a row of the last axis, which says of every class whether the row is of it; otherwise every target is a case, of one " \
         "class")

#define METRIC(name_) static const loss_info name_##_info __attribute__((unused))
#define METRIC_FIELDS(name_, kind_, gives_, ...)                                                                   \
    {                                                                                                              \
        .self = { #name_, -1, PER_ELEMENT, UNIT_NONE, &name_##_info }, .kind = kind_, .gives = gives_, __VA_ARGS__ \
    }
#if !defined LIBLOSS_ISA || defined LIBLOSS_DESCRIBE
#define METRIC_IS(name_, kind_, gives_, ...) const metric LOSS_ROW(name_) = METRIC_FIELDS(name_, kind_, gives_, __VA_ARGS__);
#else
#define METRIC_IS(name_, kind_, gives_, ...)
#endif

/* What a metric with much mathematics hands over for each instruction set: its file is compiled for all of them, f64 only. */
typedef struct {
    metric_give *give;
} metric_kernels;

#define GIVES_BY_KERNEL(name_, give_)                \
    extern const metric_kernels KERNEL_TABLE(name_); \
    const metric_kernels KERNEL_TABLE(name_) = { give_ };

/* The last line of a file: reads counts, and counts by label; adds up what a case gives; sees all cases. */
#define READS(name_, counts_, gives_, read_) METRIC_IS(name_, counts_, gives_, .read = read_)
#define READS_LABELS(name_, gives_, read_, samples_)                                                    \
    static const metric name_##_of_labels = METRIC_FIELDS(name_, COUNTS_LABELS, gives_, .read = read_); \
    METRIC_IS(name_, COUNTS_CONFUSION, gives_, .read = read_, .labels = &name_##_of_labels, .samples = samples_)
#define ADDS_UP(name_, gives_, ...)                                                      \
    static const metric_adding name_##_adding __attribute__((unused)) = { __VA_ARGS__ }; \
    METRIC_IS(name_, ADDS, gives_, .adding = &name_##_adding)
#define SEES(name_, gives_, ...)                                 \
    static const metric_seeing name_##_seeing = { __VA_ARGS__ }; \
    METRIC_IS(name_, SEES_ALL, gives_, .seeing = &name_##_seeing)

#endif
