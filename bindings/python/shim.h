/*
 * The few lines of C between Python objects and libloss: buffers are taken here, by the objects' ids, which is several
 * times cheaper than filling structs from Python; the GIL is held only for that.
 *
 * cffi releases the GIL around every call, so each function takes it back for what touches Python. The commonest calls of all
 * have doors of their own, quick(), reduced() and tensors(), plain functions of the module: a quarter of the cost of one through cffi.
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
static void libloss_py_init(size_t array_type, size_t module, size_t check, size_t wished); /* id()s */
static libloss_py_result libloss_py_eval(const libloss_object *o, libloss_args *args, const libloss_py_slot *slots, int32_t count,
                                         libloss_plan *plan);
/* defined */

enum { SLOTS = 40 };

static PyTypeObject *libloss_py_array;
static PyObject *libloss_py_check, *libloss_py_wished; /* raise what a status stands for; how many threads are wished */

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

/* ---- quick(address, prediction, target, weight, values, gradient, hessian, reduction, upper, form, new, value) ---- */

enum { QUICK_REDUCTIONS = 6, HOLDS_GIL = 1 << 12, NEEDS_NO_POLL = 1 << 16, MAY_USE_THREADS = 1 << 17 };

static PyObject *libloss_py_reduction[QUICK_REDUCTIONS]; /* by number */

static int32_t libloss_py_reduction_of(PyObject *word)
{
    for (int32_t k = 0; k < QUICK_REDUCTIONS; k++)
        if (word == libloss_py_reduction[k]) return k;
    return -1;
}

/* Calls for n values: with the threads that are wished, where that may matter, and without the GIL where that takes its time. */
static libloss_status libloss_py_run(libloss_status (*call)(const libloss_object *o, const libloss_args *args), const libloss_object *o,
                                     libloss_args *args, int64_t n)
{
    libloss_status status = LIBLOSS_OK;
    if (n >= MAY_USE_THREADS) {
        PyObject *threads = PyObject_CallFunction(libloss_py_wished, "O", Py_None);
        args->threads = threads ? (int32_t)PyLong_AsLong(threads) : -1;
        Py_XDECREF(threads);
    }
    if (args->threads < 0) return status; /* with an exception */
    if (n > NEEDS_NO_POLL) args->poll = libloss_py_poll;
    if (n <= HOLDS_GIL) return call(o, args);
    Py_BEGIN_ALLOW_THREADS status = call(o, args);
    Py_END_ALLOW_THREADS return status;
}

static int64_t libloss_py_count(const libloss_tensor *t)
{
    int64_t n = 1;
    for (int32_t k = 0; k < t->ndim; k++) n *= t->shape[k];
    return n;
}

static PyObject *libloss_py_answer(libloss_status status, double value)
{
    if (PyErr_Occurred()) return NULL;
    return status == LIBLOSS_OK ? PyFloat_FromDouble(value) : PyObject_CallFunction(libloss_py_check, "i", (int)status);
}

/* In memory in their order */
static int libloss_py_in_order(const libloss_tensor *t)
{
    int64_t expected = 1;
    for (int32_t k = t->ndim - 1; k >= 0; k--) {
        if (t->shape[k] != 1 && t->strides && t->strides[k] != expected) return 0;
        expected *= t->shape[k];
    }
    return 1;
}

enum { FLAT = 1, ROWS = 2 }; /* as many axes have arrays whose errors the plain entries tell as the long way would */

/* Whether the entries of libloss.h for plain arrays take these: one float type, one shape but for a row's class index, and in order. The
 * gradient may be NULL. */
static int libloss_py_plain(int form, const libloss_tensor *p, const libloss_tensor *t, const libloss_tensor *gradient)
{
    int fits = p->dtype_code == 2 && (p->dtype_bits == 32 || p->dtype_bits == 64) && p->ndim == t->ndim + (form == ROWS);
    fits = fits && (form == FLAT ? t->dtype_code == 2 && t->dtype_bits == p->dtype_bits
                                 : form == ROWS && t->dtype_code == 0 && (t->dtype_bits == 32 || t->dtype_bits == 64));
    for (int32_t k = 0; fits && k < t->ndim; k++) fits = t->shape[k] == p->shape[k];
    fits = fits && libloss_py_in_order(p) && libloss_py_in_order(t);
    if (!fits || !gradient) return fits;
    for (int32_t k = 0; fits && k < p->ndim; k++) fits = gradient->ndim == p->ndim && gradient->shape[k] == p->shape[k];
    return fits && gradient->dtype_bits == p->dtype_bits && libloss_py_in_order(gradient);
}

/* Calls that entry: n values, each of m classes where they are rows. */
static libloss_status libloss_py_call_plain(int form, const libloss_object *o, int32_t reduction, int64_t n, int64_t m,
                                            const libloss_tensor *p, const void *x, const libloss_tensor *t, const void *y, double *value,
                                            void *gradient)
{
    const int wide = p->dtype_bits == 64, by_64 = t->dtype_bits == 64;
    if (form == FLAT)
        return wide ? libloss_call_f64(o, reduction, n, x, y, value, gradient) : libloss_call_f32(o, reduction, n, x, y, value, gradient);
    if (wide)
        return by_64 ? libloss_rows_f64_i64(o, reduction, n, m, x, y, value, gradient)
                     : libloss_rows_f64_i32(o, reduction, n, m, x, y, value, gradient);
    return by_64 ? libloss_rows_f32_i64(o, reduction, n, m, x, y, value, gradient)
                 : libloss_rows_f32_i32(o, reduction, n, m, x, y, value, gradient);
}

/* Two plain arrays, perhaps a weight, values and derivatives by the first, and a reduction; all other options at their defaults. None: it
 * takes more than that to answer. `upper`: the Hessian is the positive one. `form`: 1, the loss gives a value per element of exactly these
 * two inputs; 2, one per row of classes; 0, neither. `new`: nobody else has seen the outputs. `value`: the answer is the reduced value, else whatever number. */
static PyObject *libloss_py_quick(PyObject *self, PyObject *const *given, Py_ssize_t arguments)
{
    (void)self;
    if (arguments != 12) return PyErr_Format(PyExc_TypeError, "quick takes 12 arguments");
    const int32_t reduction = libloss_py_reduction_of(given[7]);
    if (reduction < 0 || Py_TYPE(given[1]) != libloss_py_array || Py_TYPE(given[2]) != libloss_py_array) Py_RETURN_NONE;
    const libloss_object *o = PyLong_AsVoidPtr(given[0]);
    if (!o) return NULL;
    enum { WEIGHT = 2, OUTPUTS, VALUES = OUTPUTS, GRADIENT, HESSIAN, MOST };
    libloss_py_view view[MOST];
    int at[MOST], taken = 0, plain = 1; /* which view each object has, or -1 */
    for (int k = 0; k < MOST && plain; k++) {
        at[k] = -1;
        if (given[1 + k] == Py_None) continue;
        plain = libloss_py_take((size_t)given[1 + k], k >= OUTPUTS, &view[taken]) == 0;
        if (!plain) break;
        at[k] = taken++;
        plain = k < OUTPUTS || (view[at[k]].tensor.dtype_code == 2 && view[0].tensor.ndim > 0);
    }
    double value = 0;
    libloss_status status = LIBLOSS_OK;
    if (plain) {
        const libloss_tensor *given_one[MOST];
        for (int k = 0; k < MOST; k++) given_one[k] = at[k] < 0 ? NULL : &view[at[k]].tensor;
        const libloss_tensor *p = given_one[0], *gradient = given_one[GRADIENT], *hessian = given_one[HESSIAN];
        const int64_t n = libloss_py_count(p);
        double *answer = given[11] == Py_True && reduction != LIBLOSS_NONE ? &value : NULL;
        const int form = (int)PyLong_AsLong(given[9]);
        if (form && p->ndim == form && !given_one[WEIGHT] && !given_one[VALUES] && !hessian && reduction != LIBLOSS_NONE && n > 0 &&
            n <= HOLDS_GIL && libloss_py_plain(form, p, given_one[1], gradient)) {
            const int64_t m = form == ROWS ? p->shape[p->ndim - 1] : 1;
            status = libloss_py_call_plain(form, o, reduction, n / m, m, p, p->data, given_one[1], given_one[1]->data, answer,
                                           gradient ? gradient->data : NULL);
        } else {
            libloss_args args;
            memset(&args, 0, sizeof args);
            args.struct_size = sizeof args;
            args.reduction = reduction;
            args.value = answer;
            args.input[0] = p;
            args.input[1] = given_one[1];
            args.weight = given_one[WEIGHT];
            args.values = given_one[VALUES];
            args.gradient[0] = gradient;
            args.hessian[0] = hessian;
            if (given[8] == Py_True) args.curvature = LIBLOSS_UPPER;
            if (given[10] == Py_True) args.flags = LIBLOSS_DISCARD_ON_ERROR;
            status = libloss_py_run(libloss_eval, o, &args, n);
        }
    }
    while (taken > 0) PyBuffer_Release(&view[--taken].buffer);
    if (!plain) Py_RETURN_NONE;
    return libloss_py_answer(status, value);
}

/* reduced(address, values, weight, reduction): plain arrays, perhaps a weight, all other options at their defaults. None: it takes more. */
static PyObject *libloss_py_reduced(PyObject *self, PyObject *const *given, Py_ssize_t arguments)
{
    (void)self;
    if (arguments != 4) return PyErr_Format(PyExc_TypeError, "reduced takes 4 arguments");
    const libloss_object *o = PyLong_AsVoidPtr(given[0]);
    if (!o) return NULL;
    const int weighted = given[2] != Py_None;
    libloss_py_view view[2];
    double value = 0;
    libloss_args args;
    memset(&args, 0, sizeof args);
    args.struct_size = sizeof args;
    args.reduction = libloss_py_reduction_of(given[3]);
    args.value = &value;
    int taken = 0, floats = args.reduction >= 0 && args.reduction != LIBLOSS_NONE;
    while (floats && taken < 1 + weighted && libloss_py_take((size_t)given[1 + taken], 0, &view[taken]) == 0)
        floats = view[taken++].tensor.dtype_code == 2;
    const int plain = floats && taken == 1 + weighted;
    libloss_status status = LIBLOSS_OK;
    if (plain) {
        args.input[0] = &view[0].tensor;
        if (weighted) args.weight = &view[1].tensor;
        status = libloss_py_run(libloss_reduce, o, &args, libloss_py_count(args.input[0]));
    }
    while (taken > 0) PyBuffer_Release(&view[--taken].buffer);
    if (!plain) Py_RETURN_NONE;
    return libloss_py_answer(status, value);
}

/* ---- exchange(capsule, type, empty_like, float32, float64); tensors(address, reduction, by_row, derived, prediction, target) ---- */

enum { FEW = 1 << 16 }; /* elements; more may want several threads, or a look at what else goes on */

/* What a library says of its tensors from C: the table of DLPack 1.3, of which one function is wanted. */
typedef struct {
    struct {
        uint32_t major, minor;
        void *older;
    } header;
    int (*allocate)(void);
    int (*take)(void);
    int (*give)(void);
    int (*view)(void *object, libloss_tensor *tensor); /* 0, or -1 with a Python exception; valid while the object is not touched */
    int (*stream)(void);
} libloss_py_dlpack;

static struct {
    int (*view)(void *object, libloss_tensor *tensor); /* NULL: the library has no such table */
    PyTypeObject *type;
    PyObject *empty_like, *number[2], *is_neg; /* number: tensors like the value in float32, in float64 */
} libloss_py_peer;

static PyObject *libloss_py_exchange(PyObject *self, PyObject *const *given, Py_ssize_t arguments)
{
    (void)self;
    if (arguments != 5) return PyErr_Format(PyExc_TypeError, "exchange takes 5 arguments");
    const libloss_py_dlpack *table = PyCapsule_GetPointer(given[0], "dlpack_exchange_api");
    if (!table) return NULL;
    if (table->header.major != 1) Py_RETURN_NONE;
    for (int k = 1; k < 5; k++) Py_INCREF(given[k]); /* for ever */
    libloss_py_peer.type = (PyTypeObject *)given[1];
    libloss_py_peer.empty_like = given[2];
    libloss_py_peer.number[0] = given[3];
    libloss_py_peer.number[1] = given[4];
    libloss_py_peer.is_neg = PyUnicode_InternFromString("is_neg");
    libloss_py_peer.view = table->view;
    Py_RETURN_NONE;
}

/* Numbers in memory in their order, as they are; `signs`: they might be those of a view that negates them. */
static int libloss_py_dense(PyObject *object, libloss_tensor *t, int signs)
{
    if (Py_TYPE(object) != libloss_py_peer.type || libloss_py_peer.view(object, t) != 0 || t->device_type != 1 || t->dtype_lanes != 1 ||
        !libloss_py_in_order(t))
        return 0;
    if (!signs) return 1;
    PyObject *negated = PyObject_CallMethodObjArgs(object, libloss_py_peer.is_neg, NULL);
    Py_XDECREF(negated);
    return negated == Py_False;
}

static void *libloss_py_memory(const libloss_tensor *t) { return (char *)t->data + t->byte_offset; }

/* A new tensor like this one; NULL with its memory untold if the library makes something else of it. */
static PyObject *libloss_py_like(PyObject *object, void **memory)
{
    libloss_tensor t = { .data = NULL };
    PyObject *made = PyObject_CallFunctionObjArgs(libloss_py_peer.empty_like, object, NULL);
    if (made && libloss_py_dense(made, &t, 0)) {
        *memory = libloss_py_memory(&t);
        return made;
    }
    Py_XDECREF(made);
    return NULL;
}

/* The loss of two dense tensors by the entries of libloss.h for plain arrays: a tensor of the reduced value, and one of the gradient if
 * that is wanted. None: it takes more than that to answer. */
static PyObject *libloss_py_tensors(PyObject *self, PyObject *const *given, Py_ssize_t arguments)
{
    (void)self;
    if (arguments != 6) return PyErr_Format(PyExc_TypeError, "tensors takes 6 arguments");
    const libloss_object *o = PyLong_AsVoidPtr(given[0]);
    const int32_t reduction = (int32_t)PyLong_AsLong(given[1]);
    const int rows = given[2] == Py_True, derived = given[3] == Py_True;
    libloss_tensor p = { .data = NULL }, t = { .data = NULL };
    PyObject *value = NULL, *gradient = NULL;
    void *to = NULL, *g = NULL;
    if (PyErr_Occurred()) return NULL;
    const int form = rows ? ROWS : FLAT;
    int fits = libloss_py_peer.view && libloss_py_dense(given[4], &p, 1) && libloss_py_dense(given[5], &t, !rows) &&
               libloss_py_plain(form, &p, &t, NULL);
    int64_t n = 1;
    for (int32_t k = 0; fits && k < t.ndim; k++) {
        fits = t.shape[k] <= FEW;
        n *= t.shape[k];
        fits = fits && n <= FEW;
    }
    const int64_t m = fits && rows ? p.shape[t.ndim] : 1;
    if (fits && n > 0 && m > 0 && m <= FEW / n) {
        const void *x = libloss_py_memory(&p), *y = libloss_py_memory(&t); /* shapes are not valid any longer once outputs are made */
        const int wide = p.dtype_bits == 64;
        value = libloss_py_like(libloss_py_peer.number[wide], &to);
        if (value && derived) gradient = libloss_py_like(given[4], &g);
        if (value && (gradient || !derived)) {
            double number = 0;
            PyThreadState *released = n * m > HOLDS_GIL ? PyEval_SaveThread() : NULL;
            const libloss_status status = libloss_py_call_plain(form, o, reduction, n, m, &p, x, &t, y, &number, g);
            if (released) PyEval_RestoreThread(released);
            const float narrow = (float)number;
            memcpy(to, wide ? (const void *)&number : &narrow, wide ? sizeof number : sizeof narrow);
            PyObject *answer = status != LIBLOSS_OK ? PyObject_CallFunction(libloss_py_check, "i", (int)status)
                               : derived            ? PyTuple_Pack(2, value, gradient)
                                                    : PyTuple_Pack(1, value);
            Py_DECREF(value);
            Py_XDECREF(gradient);
            return answer;
        }
    }
    Py_XDECREF(value);
    PyErr_Clear(); /* the long way says what is wrong */
    Py_RETURN_NONE;
}

static PyMethodDef libloss_py_methods[] = { { "quick", (PyCFunction)(void (*)(void))libloss_py_quick, METH_FASTCALL, NULL },
                                            { "reduced", (PyCFunction)(void (*)(void))libloss_py_reduced, METH_FASTCALL, NULL },
                                            { "exchange", (PyCFunction)(void (*)(void))libloss_py_exchange, METH_FASTCALL, NULL },
                                            { "tensors", (PyCFunction)(void (*)(void))libloss_py_tensors, METH_FASTCALL, NULL },
                                            { NULL, NULL, 0, NULL } };

static void libloss_py_init(size_t array_type, size_t module, size_t check, size_t wished)
{
    static const char *const words[QUICK_REDUCTIONS] = { "mean", "sum", "none", "weighted_mean", "size_mean", "batch_mean" };
    PyGILState_STATE gil = PyGILState_Ensure();
    libloss_py_array = (PyTypeObject *)array_type;
    libloss_py_check = (PyObject *)check;
    libloss_py_wished = (PyObject *)wished;
    for (int k = 0; k < QUICK_REDUCTIONS; k++) libloss_py_reduction[k] = PyUnicode_InternFromString(words[k]);
    PyModule_AddFunctions((PyObject *)module, libloss_py_methods);
    PyGILState_Release(gil);
}
