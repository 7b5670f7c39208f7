/*
 * The few lines of C between Python objects and libloss: buffers are taken here, by the objects' ids, which is several
 * times cheaper than filling structs from Python; the GIL is held only for that.
 *
 * cffi releases the GIL around every call, so each function takes it back for what touches Python.
 */
#include <string.h>

/* declared */
typedef struct {
    size_t object; /* id() of an array; the caller keeps it alive */
    int32_t role, index; /* 0 input, 1 weight, 2 upstream, 3 values, 4 gradient, 5 hessian, 6 auxiliary */
    int32_t bfloat16; /* its uint16 are bfloat16 */
} libloss_py_slot;
typedef struct {
    int32_t status; /* of libloss; -1: not a plain array */
    double value;
} libloss_py_result;
static void libloss_py_init(size_t array_type);
static libloss_py_result libloss_py_call(const libloss_object *o, size_t prediction, size_t target, size_t weight, size_t gradient,
                                         int32_t reduction, int32_t threads);
static libloss_py_result libloss_py_eval(const libloss_object *o, libloss_args *args, const libloss_py_slot *slots, int32_t count,
                                         libloss_plan *plan);
/* defined */

enum { SLOTS = 40 };

static PyTypeObject *libloss_py_array;

static void libloss_py_init(size_t array_type) { libloss_py_array = (PyTypeObject *)array_type; }

typedef struct {
    Py_buffer buffer;
    libloss_tensor tensor;
    int64_t strides[64];
} libloss_py_view;

static int libloss_py_dtype(const char *format, libloss_tensor *t)
{
    if (!format) format = "B";
    if (*format == '@' || *format == '=' || *format == '<') format++;
    static const char letters[] = "fdebhilqBHILQ?";
    static const uint8_t codes[] = { 2, 2, 2, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 6 };
    const char *at = strchr(letters, *format);
    if (!at || !*format || format[1]) return -1;
    t->dtype_code = codes[at - letters];
    t->dtype_lanes = 1;
    return 0;
}

/* 0, or -1 for what only Python can explain. */
static int libloss_py_take(size_t object, int writable, libloss_py_view *v)
{
    if (Py_TYPE((PyObject *)object) != libloss_py_array) return -1;
    if (PyObject_GetBuffer((PyObject *)object, &v->buffer, writable ? PyBUF_FULL : PyBUF_FULL_RO) != 0) {
        PyErr_Clear();
        return -1;
    }
    Py_buffer *b = &v->buffer;
    libloss_tensor *t = &v->tensor;
    memset(t, 0, sizeof *t);
    int bad = b->ndim > 64 || libloss_py_dtype(b->format, t) != 0 || b->itemsize > 8;
    for (int k = 0; !bad && k < b->ndim; k++) {
        v->strides[k] = b->strides ? b->strides[k] / b->itemsize : 0;
        bad = !b->strides || b->strides[k] % b->itemsize != 0;
    }
    if (bad) {
        PyBuffer_Release(b);
        return -1;
    }
    t->data = b->buf;
    t->device_type = 1;
    t->ndim = b->ndim;
    t->dtype_bits = (uint8_t)(8 * b->itemsize);
    t->shape = (const int64_t *)b->shape;
    t->strides = v->strides;
    return 0;
}

/* A Python function (see _core.py): the interpreter runs signal handlers in it, and what they raise stops the call. */
static int32_t libloss_py_poll(void *context);

static void libloss_py_put(libloss_args *args, int32_t role, int32_t index, const libloss_tensor *t)
{
    switch (role) {
    case 0: args->input[index] = t; break;
    case 1: args->weight = t; break;
    case 2: args->upstream = t; break;
    case 3: args->values = t; break;
    case 4: args->gradient[index] = t; break;
    case 5: args->hessian[index] = t; break;
    default: args->auxiliary[index] = t; break;
    }
}

/* Evaluates; with a plan only prepares. */
static libloss_py_result libloss_py_eval(const libloss_object *o, libloss_args *args, const libloss_py_slot *slots, int32_t count,
                                         libloss_plan *plan)
{
    libloss_py_result result = { -1, 0 };
    libloss_py_view view[SLOTS];
    int32_t taken = 0;
    if (count > SLOTS) return result;
    PyGILState_STATE gil = PyGILState_Ensure();
    while (taken < count && libloss_py_take(slots[taken].object, slots[taken].role > 2, &view[taken]) == 0) {
        if (slots[taken].bfloat16) view[taken].tensor.dtype_code = 4;
        libloss_py_put(args, slots[taken].role, slots[taken].index, &view[taken].tensor);
        taken++;
    }
    PyGILState_Release(gil);
    if (taken == count) {
        args->value = args->reduction == LIBLOSS_NONE || args->flags >> 63 ? NULL : &result.value;
        args->flags &= ~(UINT64_C(1) << 63);
        args->poll = libloss_py_poll;
        result.status = plan ? libloss_prepare(o, args, plan) : libloss_eval(o, args);
    }
    gil = PyGILState_Ensure();
    while (taken > 0) PyBuffer_Release(&view[--taken].buffer);
    PyGILState_Release(gil);
    return result;
}

/* The common case: two plain arrays, perhaps a weight and a gradient, all options at their defaults but the reduction. */
static libloss_py_result libloss_py_call(const libloss_object *o, size_t prediction, size_t target, size_t weight, size_t gradient,
                                         int32_t reduction, int32_t threads)
{
    libloss_args args;
    libloss_py_slot slots[4] = { { prediction, 0, 0, 0 }, { target, 0, 1, 0 } };
    int32_t count = 2;
    memset(&args, 0, sizeof args);
    args.struct_size = sizeof args;
    args.reduction = reduction;
    args.threads = threads;
    if (weight) slots[count++] = (libloss_py_slot){ weight, 1, 0, 0 };
    if (gradient) slots[count++] = (libloss_py_slot){ gradient, 4, 0, 0 };
    return libloss_py_eval(o, &args, slots, count, NULL);
}
