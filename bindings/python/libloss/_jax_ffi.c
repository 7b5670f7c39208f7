/* The handler through which XLA calls libloss on the CPU: plain C against the header that jaxlib ships. _jax_ffi.py compiles it.
 *
 * An operand is named by its role: 0 to 7 an input by its position, 8 the weight, from 16 on parameters by the place of their first number.
 * A result likewise: 0 the value, from 8 on gradients and from 16 on Hessians by input, from 32 on gradients by parameters.
 *
 * `ranks` are the axes that belong to the call. Whatever stands before them was put there by vmap and is a batch: a call each. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "libloss.h"
#include "xla/ffi/api/c_api.h"

enum { WEIGHT = 8, PARAMETER = 16 };
enum { VALUE = 0, GRADIENT = 8, HESSIAN = 16, PARAMETER_GRADIENT = 32 };
enum { REDUCTION, EMPTY, UNIT_AXES, HESSIAN_KIND, THREADS }; /* places in `options` */
enum { MOST = 64 };

static struct {
    libloss_status (*create)(const char *spec, libloss_object **out);
    libloss_status (*eval)(const libloss_object *o, const libloss_args *args);
    const char *(*message)(void);
} core;

/* Objects by spec, for ever: an address in an attribute would not outlive the process, and compiled programs do, in JAX's cache on disk. */
typedef struct known {
    struct known *next;
    libloss_object *object;
    size_t length;
    char spec[];
} known;
static _Atomic(known *) all;

/* What Python looks up. */
void libloss_jax_start(libloss_status (*create)(const char *, libloss_object **),
                       libloss_status (*eval)(const libloss_object *, const libloss_args *), const char *(*message)(void));
XLA_FFI_Handler libloss_jet;

void libloss_jax_start(libloss_status (*create)(const char *, libloss_object **),
                       libloss_status (*eval)(const libloss_object *, const libloss_args *), const char *(*message)(void))
{
    core.create = create;
    core.eval = eval;
    core.message = message;
}

/* NULL: core.message() says why. Two threads may make the same object at once; both are kept. */
static const libloss_object *object_of(const XLA_FFI_ByteSpan *spec)
{
    for (known *k = atomic_load(&all); k; k = k->next)
        if (k->length == spec->len && memcmp(k->spec, spec->ptr, spec->len) == 0) return k->object;
    known *k = calloc(1, sizeof *k + spec->len + 1);
    if (!k) return NULL;
    k->length = spec->len;
    memcpy(k->spec, spec->ptr, spec->len);
    if (core.create(k->spec, &k->object) != LIBLOSS_OK) {
        free(k);
        return NULL;
    }
    k->next = atomic_load(&all);
    while (!atomic_compare_exchange_weak(&all, &k->next, k)) {}
    return k->object;
}

static XLA_FFI_Error *failure(const XLA_FFI_CallFrame *frame, XLA_FFI_Error_Code code, const char *message)
{
    XLA_FFI_Error_Create_Args args = { .struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE, .message = message, .errc = code };
    return frame->api->XLA_FFI_Error_Create(&args);
}

static void *attribute(const XLA_FFI_CallFrame *frame, const char *name)
{
    for (int64_t i = 0; i < frame->attrs.size; i++)
        if (frame->attrs.names[i]->len == strlen(name) && memcmp(frame->attrs.names[i]->ptr, name, strlen(name)) == 0)
            return frame->attrs.attrs[i];
    return NULL;
}

static const int64_t *integers(const XLA_FFI_CallFrame *frame, const char *name)
{
    return ((const XLA_FFI_Array *)attribute(frame, name))->data;
}

/* The type of a buffer's elements; 0 for what XLA has and libloss has not. */
static int element(XLA_FFI_DataType dtype, libloss_tensor *t)
{
    static const struct {
        uint8_t xla, code, bits;
    } types[] = {
        { XLA_FFI_DataType_PRED, 6, 8 },  { XLA_FFI_DataType_S8, 0, 8 },   { XLA_FFI_DataType_S16, 0, 16 }, { XLA_FFI_DataType_S32, 0, 32 },
        { XLA_FFI_DataType_S64, 0, 64 },  { XLA_FFI_DataType_U8, 1, 8 },   { XLA_FFI_DataType_U16, 1, 16 }, { XLA_FFI_DataType_U32, 1, 32 },
        { XLA_FFI_DataType_U64, 1, 64 },  { XLA_FFI_DataType_F16, 2, 16 }, { XLA_FFI_DataType_F32, 2, 32 }, { XLA_FFI_DataType_F64, 2, 64 },
        { XLA_FFI_DataType_BF16, 4, 16 },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].xla != dtype) continue;
        t->dtype_code = types[i].code;
        t->dtype_bits = types[i].bits;
        t->dtype_lanes = 1;
        return 1;
    }
    return 0;
}

/* An operand or a result: the view of one call's part of it, how far the next one is, and how many there are. */
typedef struct {
    libloss_tensor tensor;
    int64_t role, step, batch;
} part;

static int view(const XLA_FFI_Buffer *b, int64_t role, int64_t rank, part *p)
{
    if (rank < 0) rank = b->rank; /* all axes belong to the call */
    *p = (part){ .role = role, .step = 1, .batch = 1 };
    for (int64_t k = 0; k < b->rank; k++) *(k < b->rank - rank ? &p->batch : &p->step) *= b->dims[k];
    if (!element(b->dtype, &p->tensor)) return 0;
    p->step *= p->tensor.dtype_bits / 8;
    p->tensor.data = b->data;
    p->tensor.device_type = 1;
    p->tensor.ndim = (int32_t)rank;
    p->tensor.shape = b->dims + (b->rank - rank);
    return 1;
}

static int64_t count(const part *p) { return p->tensor.ndim ? p->tensor.shape[0] : 1; }

static void advance(part *p) { p->tensor.data = (char *)p->tensor.data + p->step; }

/* The call's arguments that stay the same for the whole batch: the tensors, of which only the data move on. */
static void bind(libloss_args *args, const part *p, double *value, double *parameter_gradient, int is_result)
{
    if (!is_result) {
        if (p->role < WEIGHT)
            args->input[p->role] = &p->tensor;
        else if (p->role == WEIGHT)
            args->weight = &p->tensor;
    } else if (p->role >= PARAMETER_GRADIENT)
        args->parameter_gradient = parameter_gradient;
    else if (p->role >= HESSIAN)
        args->hessian[p->role - HESSIAN] = &p->tensor;
    else if (p->role >= GRADIENT)
        args->gradient[p->role - GRADIENT] = &p->tensor;
    else if (args->reduction == LIBLOSS_NONE)
        args->values = &p->tensor;
    else
        args->value = value;
}

/* Parameters come as float or double, and are double in C. */
static void load(const part *p, double *parameters)
{
    if (p->role < PARAMETER) return;
    for (int64_t k = 0; k < count(p); k++)
        parameters[p->role - PARAMETER + k] =
            p->tensor.dtype_bits == 64 ? ((const double *)p->tensor.data)[k] : (double)((const float *)p->tensor.data)[k];
}

/* Numbers that C gives as double, each rounded once. */
static void store(const part *p, const libloss_args *args)
{
    const int by_parameters = p->role >= PARAMETER_GRADIENT;
    if (!by_parameters && (p->role != VALUE || !args->value)) return;
    const double *from = by_parameters ? args->parameter_gradient + (p->role - PARAMETER_GRADIENT) : args->value;
    for (int64_t k = 0; k < (by_parameters ? count(p) : 1); k++) {
        if (p->tensor.dtype_bits == 64)
            ((double *)p->tensor.data)[k] = from[k];
        else
            ((float *)p->tensor.data)[k] = (float)from[k];
    }
}

/* NULL, or the error of the first call that failed. */
static XLA_FFI_Error *run(XLA_FFI_CallFrame *frame, const libloss_object *loss, double *parameters, int64_t numbers)
{
    const int64_t given = frame->args.size, wanted = frame->rets.size;
    const int64_t *roles = integers(frame, "roles"), *ranks = integers(frame, "ranks"), *options = integers(frame, "options");
    char message[1024] = "";
    double value = 0;
    libloss_args args = { .struct_size = sizeof args,
                          .reduction = (int32_t)options[REDUCTION],
                          .empty = (int32_t)options[EMPTY],
                          .unit_axes = (int32_t)options[UNIT_AXES],
                          .hessian_kind = (int32_t)options[HESSIAN_KIND],
                          .threads = (int32_t)options[THREADS],
                          .flags = LIBLOSS_DISCARD_ON_ERROR,
                          .parameters = parameters,
                          .message = message,
                          .message_size = sizeof message };
    part parts[MOST];
    for (int64_t i = 0; i < given + wanted; i++) {
        if (!view(i < given ? frame->args.args[i] : frame->rets.rets[i - given], roles[i], ranks[i], &parts[i]))
            return failure(frame, XLA_FFI_Error_Code_INVALID_ARGUMENT, "libloss: a type of number that it does not know");
        bind(&args, &parts[i], &value, parameters ? parameters + numbers : NULL, i >= given);
    }
    for (int64_t b = 0; b < parts[given].batch; b++) {
        for (int64_t i = 0; i < given; i++) load(&parts[i], parameters);
        const libloss_status status = core.eval(loss, &args);
        if (status == LIBLOSS_ERR_MEMORY) return failure(frame, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED, message);
        if (status != LIBLOSS_OK) return failure(frame, XLA_FFI_Error_Code_OUT_OF_RANGE, message);
        for (int64_t i = given; i < given + wanted; i++) store(&parts[i], &args);
        for (int64_t i = 0; i < given + wanted; i++) advance(&parts[i]);
    }
    return NULL;
}

XLA_FFI_Error *libloss_jet(XLA_FFI_CallFrame *frame)
{
    for (XLA_FFI_Extension_Base *e = frame->extension_start; e; e = e->next) {
        if (e->type != XLA_FFI_Extension_Metadata) continue;
        XLA_FFI_Metadata *metadata = ((XLA_FFI_Metadata_Extension *)e)->metadata; /* XLA asks for the version that this was made for */
        metadata->api_version.major_version = XLA_FFI_API_MAJOR;
        metadata->api_version.minor_version = XLA_FFI_API_MINOR;
        return NULL;
    }
    if (frame->args.size + frame->rets.size > MOST) return failure(frame, XLA_FFI_Error_Code_INTERNAL, "libloss: too many operands");
    const libloss_object *loss = object_of(attribute(frame, "spec"));
    if (!loss) return failure(frame, XLA_FFI_Error_Code_INVALID_ARGUMENT, core.message());
    const XLA_FFI_Array *fixed = attribute(frame, "parameters"); /* all of the object's, where some are learned; else none */
    if (!fixed->size) return run(frame, loss, NULL, 0);
    double *parameters = malloc(2 * fixed->size * sizeof *parameters); /* and as many numbers of a gradient */
    if (!parameters) return failure(frame, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED, "libloss: out of memory");
    memcpy(parameters, fixed->data, fixed->size * sizeof *parameters);
    XLA_FFI_Error *error = run(frame, loss, parameters, (int64_t)fixed->size);
    free(parameters);
    return error;
}
