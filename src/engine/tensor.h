/*
 * A checked view of a caller's tensor, and the two ways through it: gather (anything to contiguous numbers) and
 * scatter (contiguous numbers to anything, rounded once). Elements are numbered in C order of the shape.
 */
#ifndef LIBLOSS_ENGINE_TENSOR_H
#define LIBLOSS_ENGINE_TENSOR_H

#include "libloss.h"

enum {
    DTYPE_NONE,
    DTYPE_F32,
    DTYPE_F64,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_I8,
    DTYPE_I16,
    DTYPE_I32,
    DTYPE_I64,
    DTYPE_U8,
    DTYPE_U16,
    DTYPE_U32,
    DTYPE_U64,
    DTYPE_BOOL
};

/* `dtype` is DTYPE_NONE where there is no tensor. Shape and strides stay the caller's. */
typedef struct {
    char *data;
    const int64_t *shape, *strides; /* strides in elements; NULL: C order */
    int64_t count;
    int32_t ndim, dtype;
    int32_t bytes; /* of one element */
    int8_t dense; /* C-contiguous */
    int8_t aligned; /* element pointers may be dereferenced as they are */
    int8_t single; /* one number stands for all: 0-d, or every stride 0 */
} libloss__view;

int32_t libloss__dtype(const libloss_tensor *t); /* DTYPE_NONE if it is not one of ours */
const char *libloss__dtype_name(int32_t dtype);
int libloss__is_float(int32_t dtype);

/* Fills a view from a tensor whose shape has been checked. */
void libloss__view_of(libloss__view *v, const libloss_tensor *t, int32_t dtype, int64_t count);

/* Where the numbers lie as the kernels want them: dense, aligned, of this dtype. */
int libloss__is_direct(const libloss__view *v, int32_t dtype);

/* Elements start .. start + n - 1 to dst: as float (DTYPE_F32), double (DTYPE_F64) or int64_t (DTYPE_I64). */
void libloss__gather(const libloss__view *v, int64_t start, int64_t n, void *dst, int32_t as);

/* The same where they lie, if they are that already; else in the room. */
const void *libloss__numbers_at(const libloss__view *v, int64_t start, int64_t n, void *room, int32_t as);

/* n doubles, or floats (`from`), to elements start ..: each rounded once to the view's dtype. */
void libloss__scatter(const libloss__view *v, int64_t start, int64_t n, const void *src, int32_t from);

/* Zeros at elements start .. start + n - 1. */
void libloss__clear(const libloss__view *v, int64_t start, int64_t n);

/* The place of element i, as text "[3, 17]"; "" for a 0-d tensor. */
void libloss__place(int32_t ndim, const int64_t *shape, int64_t i, char text[128]);

/* The lowest and one past the highest byte that the view touches; equal if it is empty. */
void libloss__extent(const libloss__view *v, uintptr_t *low, uintptr_t *high);

#endif
