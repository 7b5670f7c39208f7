/*
 * The driver of losses that are one function per unit: a row, a group, a matrix, a batch, a sequence. A unit is gathered as
 * double, what is absent in it is taken out, and what comes back is scaled and rounded once; so a loss's function knows
 * no storage type, stride, mask or reduction. The scratch for one unit is the caller's workspace, or one piece of
 * memory that was there before the first store.
 */
#include "../cpu/cache.h"
#include "rowwise.h"
#include "split.h"
#include "tiles.h"
#include "units.h"

#include <string.h>

enum { STRIP = 256, AT_ONCE = 1024 }; /* values; numbers of an input, of rows that are gathered together */

typedef struct {
    const libloss__call *c;
    const unit_kernels *kernels;
    double param[MAX_PARAMETERS];
    int derivatives;
} unit_job;

/* One task's scratch, in pieces. */
typedef struct {
    double *real[MAX_INPUTS], *grad[MAX_INPUTS], *hess[MAX_INPUTS], *matrix, *by[MAX_LEARNED], *value, *factor, *weight, *work;
    int64_t *index[MAX_INPUTS], *present;
    void *rounded, *weights; /* values and weights as the arithmetic's numbers */
} unit_scratch;

static const unit_kernels *kernels_of(const libloss__call *c)
{
    return c->object->row->kernels[libloss__isa()][c->arithmetic == DTYPE_F64];
}

static int is_index(const libloss__call *c, int32_t k)
{
    const int kind = c->object->input[k].kind;
    return kind == KIND_CLASS ? c->by_index : kind >= KIND_OFFSETS && kind <= KIND_LABEL;
}

/* Numbers from one row of a matrix to the next, in scratch: of rows of whole cache lines by whole pages all would meet in a few places of
 * the caches, and columns push each other out (512 x 512 similarities took 1.6 times as long). */
static int64_t row_stride(const libloss__call *c) { return c->unit == UNIT_MATRIX && c->width % 64 == 0 ? c->width + 8 : c->width; }

/* Numbers of input k in the largest unit. */
static int64_t capacity(const libloss__call *c, int32_t k)
{
    switch (c->object->input[k].shape) {
    case LIKE_FIRST: return c->length * row_stride(c);
    case PER_CLASS: return c->classes;
    case PER_VALUE: return is_index(c, k) ? c->values_per_unit : c->input[k].ndim > c->values_ndim ? c->length : c->values_per_unit;
    default: return c->input[k].ndim > 0 ? c->input[k].shape[c->input[k].ndim - 1] : 1;
    }
}

static void *piece(char *memory, int64_t *at, int64_t bytes)
{
    char *p = memory ? memory + *at : NULL;
    const int64_t block = UNIT_BLOCK * (int64_t)sizeof(double);
    *at += (bytes + block - 1) / block * block;
    return p;
}

static int64_t whole_blocks(int64_t n) { return (n + UNIT_BLOCK - 1) / UNIT_BLOCK * UNIT_BLOCK; }

/* Losses look at whole blocks: behind the last number stands no stranger, which would slow them down if it were subnormal. */
static void fill_block(double *x, int64_t n)
{
    const int64_t end = whole_blocks(n);
    for (int64_t i = n; i < end; i++) x[i] = x[n - 1];
}

/* Units of one size and one value, whose every input has as many numbers in each: they are gathered and scattered many at a time. */
static int are_rows(const libloss__call *c)
{
    const int hessian = libloss__given(&c->hessian[0]) || libloss__given(&c->hessian[1]);
    if ((c->unit != UNIT_ROW && c->unit != UNIT_GROUP) || c->values_per_unit != 1) return 0;
    if (c->args->hessian_kind == LIBLOSS_ROW_MATRIX && hessian) return 0;
    for (int32_t k = 0; k < c->object->inputs; k++)
        if (libloss__given(&c->input[k]) && c->object->input[k].shape == OTHER_SHAPE) return 0;
    return 1;
}

/* Numbers of input k from one row to the next: whole blocks, for a loss may write past its last number. */
static int64_t stride_of(const libloss__call *c, int32_t k) { return is_index(c, k) ? 1 : whole_blocks(capacity(c, k)); }

/* Whether the numbers at the labels will do: see unit_kernels. */
static int by_label(const libloss__call *c) { return kernels_of(c)->labels && c->by_index && !libloss__given(&c->hessian[0]); }

static int64_t rows_at_once(const libloss__call *c)
{
    if (by_label(c)) return STRIP;
    const int64_t row = whole_blocks(c->length * c->width);
    if (!are_rows(c) || row > AT_ONCE) return 1;
    return row * STRIP <= AT_ONCE ? STRIP : row > 0 ? AT_ONCE / row : STRIP;
}

/* Walks the pieces: to add up their sizes (memory NULL), or to place them. */
static int64_t lay_out(const libloss__call *c, char *memory, unit_scratch *s)
{
    const unit_kernels *kernels = kernels_of(c);
    const int64_t values = c->values_per_unit > STRIP ? c->values_per_unit : STRIP;
    const int64_t rows = rows_at_once(c);
    int64_t at = 0, counts[MAX_INPUTS] = { 0 };
    memset(s, 0, sizeof *s);
    for (int32_t k = 0; k < c->object->inputs; k++) {
        if (!libloss__given(&c->input[k])) continue;
        counts[k] = capacity(c, k);
        const int64_t n = rows == 1 ? counts[k] : k == 0 && by_label(c) ? rows : rows * stride_of(c, k);
        if (is_index(c, k))
            s->index[k] = piece(memory, &at, n * 8);
        else
            s->real[k] = piece(memory, &at, n * 8);
        if (libloss__given(&c->gradient[k])) s->grad[k] = piece(memory, &at, n * 8);
        if (libloss__given(&c->hessian[k])) s->hess[k] = piece(memory, &at, n * 8);
    }
    if (c->args->hessian_kind == LIBLOSS_ROW_MATRIX && (libloss__given(&c->hessian[0]) || libloss__given(&c->hessian[1])))
        s->matrix = piece(memory, &at, c->classes * c->classes * 8);
    for (int32_t k = 0; k < c->learned; k++) s->by[k] = piece(memory, &at, c->values_per_unit * 8);
    s->value = piece(memory, &at, values * 8);
    s->factor = piece(memory, &at, values * 8);
    s->rounded = piece(memory, &at, values * 8);
    s->weights = piece(memory, &at, values * 8);
    if (c->unit == UNIT_BATCH) s->weight = piece(memory, &at, c->length * 8);
    if (c->unit == UNIT_BATCH || c->unit == UNIT_MATRIX) s->present = piece(memory, &at, c->length * 8);
    if (kernels->work) s->work = piece(memory, &at, (by_label(c) ? rows : kernels->work(c->length, c->width, counts)) * 8);
    return at;
}

int64_t libloss__workspace_of_units(const libloss__call *c)
{
    unit_scratch s;
    return lay_out(c, NULL, &s);
}

static double number_at(const libloss__call *c, const void *p, int64_t i)
{
    return c->arithmetic == DTYPE_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static void put_number(const libloss__call *c, void *p, int64_t i, double x)
{
    if (c->arithmetic == DTYPE_F32)
        ((float *)p)[i] = (float)x;
    else
        ((double *)p)[i] = x;
}

/* Where the numbers of input k in unit u begin, and how many there are. */
static int64_t span(const libloss__call *c, int32_t k, int64_t u, const libloss__bounds *unit, int64_t *count)
{
    switch (c->object->input[k].shape) {
    case LIKE_FIRST: *count = unit->length * c->width; return unit->start;
    case PER_CLASS: *count = c->classes; return 0;
    case PER_VALUE:
        if (c->object->input[k].kind == KIND_CLASS && !c->by_index) { /* a row of its own */
            *count = unit->length * c->width;
            return unit->start;
        }
        *count = c->values_per_unit;
        return u * c->values_per_unit;
    default: *count = unit->labels; return unit->first_label;
    }
}

static const int64_t *gather_index(const libloss__call *c, int32_t k, int64_t start, int64_t count, int64_t *index)
{
    libloss__gather(&c->input[k], c->input[k].single ? 0 : start, count, index, DTYPE_I64);
    if (c->object->input[k].kind == KIND_CLASS) /* checked already; clamped, for it may change meanwhile */
        for (int64_t i = 0; i < count; i++) index[i] = (uint64_t)index[i] < (uint64_t)c->classes ? index[i] : 0;
    return index;
}

/* ---- what is absent inside a unit ---- */

/* Keeps rows (and, of a matrix, the columns of the same numbers) that are present; the rest moves up. */
static void compact(double *x, int64_t length, int64_t width, const int64_t *present, int64_t n, int square)
{
    double *to = x;
    for (int64_t i = 0; i < n; i++) {
        const double *row = x + present[i] * width;
        if (!square) {
            memmove(to, row, (size_t)width * sizeof *to);
            to += width;
            continue;
        }
        for (int64_t j = 0; j < n; j++) *to++ = row[present[j]];
        for (int64_t j = length; j < width; j++) *to++ = row[j];
    }
}

/* The number that column j has when the columns of absent rows are gone. */
static int64_t column_among(const int64_t *present, int64_t n, int64_t length, int64_t j)
{
    if (j >= length) return j - length + n;
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (present[middle] < j)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n ? low : 0;
}

/* The way back, with zeros where nothing was. */
static void spread(double *x, int64_t length, int64_t width, const int64_t *present, int64_t n, int square)
{
    const int64_t narrow = square ? n + (width - length) : width;
    for (int64_t i = length - 1, at = n - 1; i >= 0; i--) {
        double *to = x + i * width;
        if (at < 0 || present[at] != i) {
            memset(to, 0, (size_t)width * sizeof *to);
            continue;
        }
        const double *from = x + at * narrow;
        if (!square) {
            memmove(to, from, (size_t)width * sizeof *to);
        } else {
            for (int64_t j = width - 1; j >= length; j--) to[j] = from[j - length + n];
            for (int64_t j = length - 1, b = n - 1; j >= 0; j--) {
                const int there = b >= 0 && present[b] == j;
                to[j] = there ? from[b] : 0;
                b -= there;
            }
        }
        at--;
    }
}

/* ---- one unit ---- */

static void clear_unit(const libloss__call *c, int64_t u, const libloss__bounds *unit)
{
    for (int32_t k = 0; k < c->object->inputs; k++) {
        int64_t count, start = span(c, k, u, unit, &count);
        if (c->unit == UNIT_SEQUENCE && c->object->input[k].shape == LIKE_FIRST) count = c->length * c->width; /* the padding too */
        if (libloss__given(&c->gradient[k])) libloss__clear(&c->gradient[k], start, count);
        if (libloss__given(&c->hessian[k])) libloss__clear(&c->hessian[k], start * c->bends, count * c->bends);
    }
}

static void put_output(const libloss__view *v, double *x, int64_t start, int64_t count, double factor)
{
    if (factor != 1) libloss__tiles_now()->multiply(x, factor, count);
    libloss__scatter(v, start, count, x, DTYPE_F64);
}

/* The diagonal and what the loss put beside it; of inputs other than the first nothing stands there. */
static void put_matrix(const libloss__call *c, const unit_scratch *s, int32_t k, int64_t start, int64_t count, double factor)
{
    if (k > 0) memset(s->matrix, 0, (size_t)(count * count) * sizeof *s->matrix);
    for (int64_t j = 0; j < count; j++) s->matrix[j * count + j] = s->hess[k][j];
    put_output(&c->hessian[k], s->matrix, start * count, count * count, factor);
}

/* Numbers that are asked for or written soon come meanwhile. */
static void fetch_soon(const libloss__call *c, const libloss__view *v, int64_t first, int64_t count)
{
    if (libloss__is_direct(v, c->arithmetic) && !v->single && first < v->count && count <= AT_ONCE)
        libloss__fetch(v->data + first * v->bytes, count * v->bytes);
}

/* Unit u, which is there; weights: of its values, or NULL. */
static void run_unit(const unit_job *job, const unit_scratch *s, int64_t u, const libloss__bounds *bounds, const void *weights,
                     double *value, const double *factor)
{
    const libloss__call *c = job->c;
    const int square = c->unit == UNIT_MATRIX;
    loss_unit unit = { .length = bounds->length,
                       .width = c->width,
                       .param = job->param,
                       .work = s->work,
                       .value = value,
                       .factor = factor,
                       .upper = c->args->curvature == LIBLOSS_UPPER };
    int64_t n = bounds->length;
    const int inside = c->unit == UNIT_BATCH && libloss__given(&c->weight);
    if (inside) {
        libloss__weights_as_double(c, bounds->start, n, s->weight);
        unit.weight = s->weight;
    }
    if (s->present) {
        n = 0;
        for (int64_t i = 0; i < bounds->length; i++)
            if (inside ? s->weight[i] != 0 : !weights || number_at(c, weights, i) != 0) s->present[n++] = i;
        unit.length = n;
        if (square) unit.width = n + (c->width - c->length);
        for (int64_t i = 0; i < n && inside; i++) s->weight[i] = s->weight[s->present[i]];
    }
    const int holes = n != bounds->length;
    unit.stride = holes ? unit.width : row_stride(c);
    const int apart = unit.stride != unit.width;
    unit.row = holes ? s->present : NULL;
    unit.rows = bounds->length;
    for (int32_t k = 0; k < c->object->inputs; k++) {
        const libloss__view *v = &c->input[k];
        if (!libloss__given(v)) continue;
        const int shape = c->object->input[k].shape;
        int64_t count, start = span(c, k, u, bounds, &count);
        if (is_index(c, k)) {
            gather_index(c, k, start, count, s->index[k]);
            if (holes && shape != OTHER_SHAPE)
                for (int64_t i = 0; i < n; i++) s->index[k][i] = s->index[k][s->present[i]];
            if (holes && square && c->object->input[k].kind == KIND_CLASS)
                for (int64_t i = 0; i < n; i++) s->index[k][i] = column_among(s->present, n, c->length, s->index[k][i]);
            unit.index[k] = s->index[k];
        } else {
            if (shape == LIKE_FIRST && apart)
                for (int64_t r = 0; r < n; r++) libloss__gather(v, start + r * c->width, c->width, s->real[k] + r * unit.stride, DTYPE_F64);
            else if (shape != PER_CLASS)
                libloss__gather(v, v->single ? 0 : start, count, s->real[k], DTYPE_F64);
            if (shape == LIKE_FIRST) {
                fetch_soon(c, v, start + count, count);
                fetch_soon(c, &c->gradient[k], start, count);
            }
            if (holes && shape == LIKE_FIRST) compact(s->real[k], bounds->length, c->width, s->present, n, square);
            unit.input[k] = s->real[k];
        }
        unit.count[k] = holes && shape != PER_CLASS ? (shape == LIKE_FIRST ? n * unit.width : n) : count;
        if (!is_index(c, k) && shape != PER_CLASS) fill_block(s->real[k], unit.count[k]);
        if (s->grad[k]) memset(unit.grad[k] = s->grad[k], 0, (size_t)capacity(c, k) * sizeof(double));
        if (s->hess[k]) memset(unit.hess[k] = s->hess[k], 0, (size_t)capacity(c, k) * sizeof(double));
    }
    if (s->matrix && s->hess[0]) unit.matrix = memset(s->matrix, 0, (size_t)(c->classes * c->classes) * sizeof *s->matrix);
    for (int32_t k = 0; k < c->learned; k++) unit.by[k] = s->by[k];
    job->kernels->run(&unit);
    for (int32_t k = 0; k < c->learned; k++)
        for (int64_t i = 0; i < (square ? n : 1); i++) libloss__sum_add(&c->by[k], factor[i] * s->by[k][i]);

    for (int32_t k = 0; k < c->object->inputs; k++) {
        if (!s->grad[k] && !s->hess[k]) continue;
        int64_t count, start = span(c, k, u, bounds, &count);
        if (c->unit == UNIT_SEQUENCE) count = c->length * c->width; /* the padding gets its zeros */
        double *out[2] = { s->grad[k], s->hess[k] };
        const libloss__view *view[2] = { &c->gradient[k], &c->hessian[k] };
        for (int h = 0; h < 2; h++) {
            if (!out[h]) continue;
            if (h == 1 && s->matrix) {
                put_matrix(c, s, k, start, count, factor[0]);
                continue;
            }
            if (holes) spread(out[h], bounds->length, c->width, s->present, n, square);
            for (int64_t r = 0; r < n && apart; r++)
                libloss__scatter(view[h], start + r * c->width, c->width, out[h] + r * unit.stride, DTYPE_F64);
            if (!apart) put_output(view[h], out[h], start, count, square ? 1 : factor[0]);
        }
    }
    if (square && holes) /* values stand at their rows again */
        for (int64_t i = bounds->length - 1, at = n - 1; i >= 0; i--) {
            const int there = at >= 0 && s->present[at] == i;
            value[i] = there ? value[at] : 0;
            at -= there;
        }
}

/* ---- many rows ---- */

static double *take_apart(double *x, int64_t rows, int64_t width, int64_t stride)
{
    for (int64_t r = rows - 1; r > 0 && stride != width; r--) memmove(x + r * stride, x + r * width, (size_t)width * sizeof *x);
    return x;
}

static void put_rows(const libloss__view *v, double *x, int64_t first, int64_t rows, int64_t width, int64_t stride, const double *factor)
{
    for (int64_t r = 0; r < rows; r++) {
        if (factor[r] != 1) libloss__tiles_now()->multiply(x + r * stride, factor[r], width);
        if (r > 0 && stride != width) memmove(x + r * width, x + r * stride, (size_t)width * sizeof *x);
    }
    libloss__scatter(v, first * width, rows * width, x, DTYPE_F64);
}

/* Rows first .. of the same strip, whose weights w are (NULL: 1). As run_unit() would do it, but for what is the same in all of them. */
static void run_rows(const unit_job *job, const unit_scratch *s, int64_t first, int64_t rows, const void *w, double *value, double *factor)
{
    const libloss__call *c = job->c;
    loss_unit unit = { .length = c->length,
                       .width = c->width,
                       .rows = c->length,
                       .param = job->param,
                       .work = s->work,
                       .upper = c->args->curvature == LIBLOSS_UPPER };
    int64_t width[MAX_INPUTS] = { 0 }, stride[MAX_INPUTS] = { 0 };
    for (int32_t k = 0; k < c->object->inputs; k++) {
        const libloss__view *v = &c->input[k];
        if (!libloss__given(v)) continue;
        const int64_t n = unit.count[k] = width[k] = capacity(c, k), apart = stride[k] = stride_of(c, k);
        if (is_index(c, k)) {
            unit.index[k] = gather_index(c, k, first, rows, s->index[k]);
        } else if (c->object->input[k].shape == PER_CLASS) {
            unit.input[k] = s->real[k];
            stride[k] = 0;
        } else {
            libloss__gather(v, v->single ? 0 : first * n, rows * n, s->real[k], DTYPE_F64);
            fetch_soon(c, v, (first + rows) * n, rows * n);
            fetch_soon(c, &c->gradient[k], first * n, rows * n);
            unit.input[k] = take_apart(s->real[k], rows, n, apart);
        }
        if (s->grad[k]) unit.grad[k] = memset(s->grad[k], 0, (size_t)(rows * apart) * sizeof(double));
        if (s->hess[k]) unit.hess[k] = memset(s->hess[k], 0, (size_t)(rows * apart) * sizeof(double));
    }
    for (int32_t k = 0; k < c->learned; k++) unit.by[k] = s->by[k];
    for (int64_t r = 0; r < rows; r++) {
        if (w && number_at(c, w, r) == 0) {
            value[r] = factor[r] = 0;
        } else {
            unit.value = value + r;
            unit.factor = factor + r;
            job->kernels->run(&unit);
            for (int32_t k = 0; k < c->learned; k++) libloss__sum_add(&c->by[k], factor[r] * s->by[k][0]);
        }
        for (int32_t k = 0; k < c->object->inputs; k++) {
            if (unit.input[k]) unit.input[k] += stride[k];
            if (unit.index[k]) unit.index[k] += stride[k];
            if (unit.grad[k]) unit.grad[k] += stride[k];
            if (unit.hess[k]) unit.hess[k] += stride[k];
        }
    }
    for (int32_t k = 0; k < c->object->inputs; k++) {
        if (s->grad[k]) put_rows(&c->gradient[k], s->grad[k], first, rows, width[k], stride[k], factor);
        if (s->hess[k]) put_rows(&c->hessian[k], s->hess[k], first, rows, width[k], stride[k], factor);
    }
}

/* The numbers of a view that stand at `at`, and back. */
static void take_numbers(const libloss__call *c, const libloss__view *v, const int64_t *at, int64_t n, double *x)
{
    if (!libloss__is_direct(v, c->arithmetic) || v->single) {
        for (int64_t i = 0; i < n; i++) libloss__gather(v, v->single ? 0 : at[i], 1, x + i, DTYPE_F64);
    } else if (c->arithmetic == DTYPE_F32) {
        for (int64_t i = 0; i < n; i++) x[i] = (double)((const float *)(const void *)v->data)[at[i]];
    } else {
        for (int64_t i = 0; i < n; i++) x[i] = ((const double *)(const void *)v->data)[at[i]];
    }
}

static void put_number_at(const libloss__call *c, const libloss__view *v, int direct, int64_t i, double x)
{
    if (direct)
        put_number(c, v->data, i, x);
    else
        libloss__scatter(v, i, 1, &x, DTYPE_F64);
}

/* The same of rows of which only the number at the label counts. */
static void run_labels(const unit_job *job, const unit_scratch *s, int64_t first, int64_t rows, const void *w, double *value,
                       double *factor)
{
    const libloss__call *c = job->c;
    const libloss__view *grad = &c->gradient[0];
    const int64_t n = c->length * c->width;
    const int stores = libloss__given(grad), direct = stores && libloss__is_direct(grad, c->arithmetic);
    int64_t *at = s->index[1];
    double *weight = s->work;
    const loss_unit unit = { .length = rows,
                             .width = 1,
                             .rows = rows,
                             .input = { s->real[0], NULL, weight },
                             .param = job->param,
                             .value = value,
                             .grad = { s->grad[0] },
                             .upper = c->args->curvature == LIBLOSS_UPPER };
    gather_index(c, 1, first, rows, at);
    for (int64_t r = 0; r < rows; r++) weight[r] = s->real[2] ? s->real[2][at[r]] : 1;
    for (int64_t r = 0; r < rows; r++) at[r] += (first + r) * n;
    take_numbers(c, &c->input[0], at, rows, s->real[0]);
    job->kernels->labels(&unit);
    if (stores) libloss__clear(grad, first * n, rows * n); /* perhaps in the inputs' place */
    for (int64_t r = 0; r < rows && stores; r++)
        if (!w || number_at(c, w, r) != 0) put_number_at(c, grad, direct, at[r], s->grad[0][r] * factor[r]);
}

/* Which of a matrix's factors belong to rows that are there: they stand at the front, like the rows. */
static void compact_factors(const unit_scratch *s, const libloss__call *c, const void *weights)
{
    int64_t n = 0;
    for (int64_t i = 0; i < c->values_per_unit; i++)
        if (number_at(c, weights, i) != 0) s->factor[n++] = s->factor[i];
}

static int any_present(const libloss__call *c, const void *weights, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (number_at(c, weights, i) != 0) return 1;
    return 0;
}

static libloss_status run_range(const libloss__piece *piece, void *shared)
{
    const libloss__call *c = piece->c;
    unit_job mine = *(const unit_job *)shared, *job = &mine;
    unit_scratch s;
    job->c = c;
    lay_out(c, (char *)c->args->workspace + piece->slot * libloss__workspace_of_units(c), &s);
    const int64_t begin = piece->begin, end = piece->end, values = c->values_per_unit, rows = rows_at_once(c);
    const int64_t strip = rows > 1 ? rows : values == 1 ? STRIP : 1;
    libloss__bounds bounds = { 0 };
    int64_t label[STRIP];

    for (int32_t k = 0; k < c->object->inputs; k++)
        if (s.real[k] && c->object->input[k].shape == PER_CLASS) {
            libloss__gather(&c->input[k], 0, c->classes, s.real[k], DTYPE_F64);
            for (int64_t j = 0; j < c->classes && c->arithmetic == DTYPE_F32; j++) s.real[k][j] = (double)(float)s.real[k][j];
            fill_block(s.real[k], c->classes);
        } else if (s.real[k] && rows > 1 && !by_label(c)) { /* behind rows that are put apart later stand numbers of these, or zeros */
            const int64_t some = end - begin < rows ? end - begin : rows, width = capacity(c, k);
            libloss__tiles_now()->fill(s.real[k] + some * width, 0, some * (stride_of(c, k) - width));
        }
    for (int64_t start = begin; start < end; start += strip) {
        const int64_t n = end - start < strip ? end - start : strip;
        const void *w = NULL;
        if (c->unit == UNIT_BATCH) {
            if (libloss__given(&c->weight)) {
                for (int64_t i = 0; i < n; i++) put_number(c, s.weights, i, libloss__batch_is_present(c, start + i) ? 1 : 0);
                w = s.weights;
            }
        } else {
            if (c->absent_labels) libloss__gather(target_of(c), start, n, label, DTYPE_I64);
            w = libloss__row_weights(c, start * values, n * values, label, s.weights);
        }
        if (job->derivatives) libloss__factors(c, start * values, n * values, c->unit == UNIT_BATCH ? NULL : w, s.factor);
        if (rows > 1) {
            (by_label(c) ? run_labels : run_rows)(job, &s, start, n, w, s.value, s.factor);
            for (int64_t i = 0; i < n; i++) put_number(c, s.rounded, i, s.value[i]);
        }
        for (int64_t i = 0; i < n && rows == 1; i++) {
            libloss__bounds_of(c, start + i, &bounds);
            if (w && !any_present(c, (char *)(uintptr_t)w + i * (c->arithmetic == DTYPE_F32 ? 4 : 8), values)) {
                clear_unit(c, start + i, &bounds);
                for (int64_t j = 0; j < values; j++) s.value[i * values + j] = 0;
            } else {
                if (w && values > 1 && job->derivatives) compact_factors(&s, c, w);
                run_unit(job, &s, start + i, &bounds, values > 1 ? w : NULL, s.value + i * values, s.factor + i * values);
            }
            for (int64_t j = i * values; j < (i + 1) * values; j++) put_number(c, s.rounded, j, s.value[j]);
        }
        libloss__account(c, start * values, n * values, s.rounded, w, piece->sum);
    }
    return LIBLOSS_OK;
}

static int wants_derivatives(const libloss__call *c)
{
    for (int32_t k = 0; k < c->object->inputs; k++)
        if (libloss__given(&c->gradient[k]) || libloss__given(&c->hessian[k])) return 1;
    return 0;
}

libloss_status libloss__run_units(libloss__call *c, libloss__sum *sum)
{
    unit_job job = { .kernels = kernels_of(c), .derivatives = wants_derivatives(c) || c->learned };
    for (int32_t k = 0; k < c->object->parameters; k++) job.param[k] = libloss__parameter_of(c, k, 0);
    const int64_t units = c->count / c->values_per_unit, threads = libloss__threads_of(c), each = c->length * c->width * c->bends;
    const libloss__split split = { .run = run_range,
                                   .job = &job,
                                   .count = units,
                                   .width = each > 0 ? each : 1,
                                   .unit = 1,
                                   .threads = threads < c->slots ? threads : c->slots };
    return libloss__run_split(c, &split, sum);
}
