/*
 * One call, resolved: every tensor of libloss_args checked and viewed, the shape of the values, the arithmetic; then,
 * by the survey, what is present and what to divide by. After these two steps nothing can fail but callbacks.
 */
#ifndef LIBLOSS_ENGINE_CALL_H
#define LIBLOSS_ENGINE_CALL_H

#include "message.h"
#include "object.h"
#include "sum.h"
#include "tensor.h"

enum { MAX_DIMENSIONS = 64, TILE = 1024, ARENA_BYTES = 24 * 1024 };

typedef struct {
    const libloss_object *object;
    const libloss_args *args;
    libloss__sink sink;

    int32_t arithmetic; /* DTYPE_F32 or DTYPE_F64 */
    int32_t ndim, values_ndim;
    const int64_t *shape, *values_shape; /* of the first input; of the values: its leading axes, but for groups */
    int64_t count, classes, rows; /* values; extent of the last axis where it belongs to a value; extent of the values' first axis */
    int unit; /* UNIT_ROW ... of losses of units */
    int64_t length, width, values_per_unit; /* of a unit: extents of its axes (the longest), and how many values it gives */
    int64_t bends; /* numbers of a Hessian for each number of its input: 1, or of matrices the classes */
    int64_t groups[1]; /* the shape of the values of groups */
    int8_t by_index; /* the class input holds indices, not rows */

    libloss__view input[MAX_INPUTS], gradient[MAX_INPUTS], hessian[MAX_INPUTS], auxiliary[MAX_AUXILIARIES];
    libloss__view weight, upstream, values;
    int64_t weight_repeat; /* values that share one weight */
    double *parameter; /* rounded to the arithmetic, flat like the object's; lives in `rounded` */
    double rounded[64];
    int32_t learned; /* learnable numbers whose derivatives are wanted */
    libloss__sum *by; /* their exact sums; each thread has its own */
    int64_t slots; /* pieces of workspace: so many threads can work */
    int64_t polled; /* when, in nanoseconds; 0: never */

    /* the survey's */
    int64_t present;
    libloss__sum weights; /* of the present values, if somebody asks; class weights count */
    int8_t absent_labels; /* some row is not there for a reason other than its weight */
    int8_t domains_on_the_way; /* the driver looks at domains itself, tile by tile; set before the survey */
    int8_t want_weights; /* somebody asks for their sum; set before the survey, which knows of weighted means itself */
    double divisor; /* 1 for sum and none; 0 where nothing is present */
} libloss__call;

/* Checks everything that can be known without reading data. `outputs` 0: only what libloss_prepare needs. */
libloss_status libloss__resolve(libloss__call *c, const libloss_object *o, const libloss_args *args, int outputs);

/* An output of its own, in the first input's shape: no element on another, nor on that input, unless it lies exactly there. */
libloss_status libloss__resolve_output(libloss__call *c, const libloss_tensor *t, const char *what, libloss__view *v);

/* The pieces of the two steps that metrics share. */
libloss_status libloss__view_tensor(libloss__call *c, const libloss_tensor *t, const char *what, libloss__view *v);
libloss_status libloss__resolve_weight(libloss__call *c);
libloss_status libloss__check_weights(libloss__call *c);
libloss_status libloss__check_number(const libloss__call *c, int32_t input, int64_t i, double x); /* element i is in the input's domain */
/* Whether that holds for n floats or doubles, which lie one behind the other. `with_zero`: signs are written 0 and 1, or a positive number may be 0. */
int libloss__all_inside(int kind, int with_zero, const void *x, int64_t n, int32_t type);
int libloss__meet(const libloss__view *a, const libloss__view *b); /* may share memory */

/* In its range, and an integer where it must be; else LIBLOSS_ERR_PARAMETER with name and value. */
int libloss__parameter_fits(const loss_parameter *p, double x);
libloss_status libloss__check_parameter(libloss__sink sink, const char *loss, const loss_parameter *p, double x);
/* What a call gives instead of the object's own, and whether any can be learned if their gradient is wanted. */
libloss_status libloss__check_parameters(libloss__sink sink, const libloss_object *o, const libloss_args *args);

/* Reads weights, labels and declared domains: the first bad one, the number present, the divisor. */
libloss_status libloss__survey(libloss__call *c);

/* Declared domains. On the way they may be looked at where no output is lost by an error; which one is the first, a look at all of them tells. */
int libloss__may_look_on_the_way(const libloss__call *c);
libloss_status libloss__check_domains(libloss__call *c);
libloss_status libloss__check_domains_of(const libloss__call *c, int64_t begin, int64_t end); /* of these values of a pointwise loss */

/* The drivers. `sum` gets the exact sum of w*v; NULL: nobody asked. */
libloss_status libloss__run(libloss__call *c, libloss__sum *sum);
libloss_status libloss__run_pointwise(libloss__call *c, libloss__sum *sum);
libloss_status libloss__run_softmax(libloss__call *c, libloss__sum *sum);
libloss_status libloss__run_sums(libloss__call *c, libloss__sum *sum); /* adds to the caller's total by itself */
libloss_status libloss__run_units(libloss__call *c, libloss__sum *sum);
libloss_status libloss__run_tiles(libloss__call *c, libloss__sum *sum); /* a stranger's kernel */
int64_t libloss__workspace(const libloss__call *c); /* bytes for each thread; 0 for everything pointwise and for dense rows */
int64_t libloss__threads_of(const libloss__call *c); /* as many as pay, where each needs workspace */
int64_t libloss__workspace_of_tiles(const libloss__call *c);
int64_t libloss__workspace_of_softmax(const libloss__call *c);
int64_t libloss__workspace_of_units(const libloss__call *c);

/* ---- shared by the drivers ---- */

/* How many numbers the longest vector parameter of a pointwise loss has: level j belongs to column j of the last axis. */
int64_t libloss__columns(const libloss__call *c);

/* The weights of values start .. as numbers of the arithmetic. */
void libloss__gather_weight(const libloss__call *c, int64_t start, int64_t n, void *dst);

/* The same as double, after their rounding to the arithmetic; 1 where there are none. */
void libloss__weights_as_double(const libloss__call *c, int64_t start, int64_t n, double *w);
/* fl(upstream / divisor) where it is one number for all values; 0 where nothing is present. */
double libloss__flat_factor(const libloss__call *c);

/* fl(fl(upstream / divisor) * w) for each value; zeros where nothing is present. weight NULL: none. */
void libloss__factors(const libloss__call *c, int64_t start, int64_t n, const void *weight, double *factor);

/* Adds the terms fl(w * v) of values start .. to the sum, and stores them rounded if `values` is wanted. */
void libloss__account(const libloss__call *c, int64_t start, int64_t n, const void *value, const void *weight, libloss__sum *sum);

/* Zeros in all gradients and Hessians of pointwise values start .. whose weight is 0. */
void libloss__clear_absent(const libloss__call *c, int64_t start, int64_t n, const void *weight);

/* Tells whether row i counts apart from its weight: its label is not ignored and its class has a weight. */
int libloss__row_is_absent(const libloss__call *c, int64_t label);
int libloss__is_ignored(const libloss__call *c, int64_t label);

double libloss__parameter_of(const libloss__call *c, int k, double otherwise); /* the first number of parameter k */

/* Learnable numbers, in the order of parameters: one place for each number of a learnable parameter, and one if it has none. */
int32_t libloss__learnable(const libloss_object *o);
/* Adds the terms of values start .. to sum k, which are its derivatives times their factors; `weight` tells who is not there. */
void libloss__learn(const libloss__call *c, int32_t k, double *term, int64_t n, const void *weight);
/* The sums, rounded, in the layout of libloss_args.parameter_gradient. */
void libloss__store_learned(const libloss__call *c);

/* The mean of a sum by the convention of the call; NaN or 0 where the divisor is 0. */
double libloss__finish(const libloss__sum *sum, int32_t reduction, double divisor, int32_t empty);

static inline int libloss__given(const libloss__view *v) { return v->dtype != DTYPE_NONE; }

#endif
