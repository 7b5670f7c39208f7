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
enum { MOST = 32 };

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

static double number(const libloss_tensor *t, int64_t i)
{
    return t->dtype_bits == 64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

static void store(const libloss_tensor *t, int64_t i, double x)
{
    if (t->dtype_bits == 64)
        ((double *)t->data)[i] = x;
    else
        ((float *)t->data)[i] = (float)x;
}

static int64_t count(const libloss_tensor *t) { return t->ndim ? t->shape[0] : 1; }

XLA_FFI_Error *libloss_jet(XLA_FFI_CallFrame *frame)
{
    for (XLA_FFI_Extension_Base *e = frame->extension_start; e; e = e->next) {
        if (e->type != XLA_FFI_Extension_Metadata) continue;
        XLA_FFI_Metadata *metadata =
            ((XLA_FFI_Metadata_Extension *)e)->metadata; /* XLA only asks for which of its versions this was made */
        metadata->api_version.major_version = XLA_FFI_API_MAJOR;
        metadata->api_version.minor_version = XLA_FFI_API_MINOR;
        return NULL;
    }
    const libloss_object *loss = object_of(attribute(frame, "spec"));
    if (!loss) return failure(frame, XLA_FFI_Error_Code_INVALID_ARGUMENT, core.message());

    part operand[MOST], result[MOST];
    const int64_t *roles = integers(frame, "roles"), *ranks = integers(frame, "ranks");
    if (frame->args.size > MOST || frame->rets.size > MOST)
        return failure(frame, XLA_FFI_Error_Code_INTERNAL, "libloss: too many operands");
    for (int64_t i = 0; i < frame->args.size + frame->rets.size; i++) {
        const int out = i >= frame->args.size;
        const int64_t k = out ? i - frame->args.size : i;
        if (!view(out ? frame->rets.rets[k] : frame->args.args[k], roles[i], ranks[i], out ? &result[k] : &operand[k]))
            return failure(frame, XLA_FFI_Error_Code_INVALID_ARGUMENT, "libloss: a type of number that it does not know");
    }
    const XLA_FFI_Array *fixed = attribute(frame, "parameters");
    double *parameters = NULL;
    if (fixed->size) {
        parameters = malloc(2 * fixed->size * sizeof *parameters);
        if (!parameters) return failure(frame, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED, "libloss: out of memory");
        memcpy(parameters, fixed->data, fixed->size * sizeof *parameters);
    }
    const int64_t *options = integers(frame, "options");
    char message[1024] = "";
    double value = 0;
    libloss_args args = { .struct_size = sizeof args,
                          .reduction = (int32_t)options[0],
                          .empty = (int32_t)options[1],
                          .unit_axes = (int32_t)options[2],
                          .hessian_kind = (int32_t)options[3],
                          .threads = (int32_t)options[4],
                          .parameters = parameters,
                          .message = message,
                          .message_size = sizeof message };
    for (int64_t i = 0; i < frame->args.size; i++) {
        if (operand[i].role < WEIGHT)
            args.input[operand[i].role] = &operand[i].tensor;
        else if (operand[i].role == WEIGHT)
            args.weight = &operand[i].tensor;
    }
    for (int64_t i = 0; i < frame->rets.size; i++) {
        const int64_t role = result[i].role;
        if (role >= PARAMETER_GRADIENT)
            args.parameter_gradient = parameters + fixed->size;
        else if (role >= HESSIAN)
            args.hessian[role - HESSIAN] = &result[i].tensor;
        else if (role >= GRADIENT)
            args.gradient[role - GRADIENT] = &result[i].tensor;
        else if (args.reduction == LIBLOSS_NONE)
            args.values = &result[i].tensor;
        else
            args.value = &value;
    }
    libloss_status status = LIBLOSS_OK;
    for (int64_t b = 0; b < result[0].batch && status == LIBLOSS_OK; b++) {
        for (int64_t i = 0; i < frame->args.size; i++)
            if (operand[i].role >= PARAMETER)
                for (int64_t k = 0; k < count(&operand[i].tensor); k++)
                    parameters[operand[i].role - PARAMETER + k] = number(&operand[i].tensor, k);
        status = core.eval(loss, &args);
        for (int64_t i = 0; i < frame->rets.size && status == LIBLOSS_OK; i++) {
            const int64_t role = result[i].role;
            if (role == VALUE && args.value)
                store(&result[i].tensor, 0, value);
            else if (role >= PARAMETER_GRADIENT)
                for (int64_t k = 0; k < count(&result[i].tensor); k++)
                    store(&result[i].tensor, k, args.parameter_gradient[role - PARAMETER_GRADIENT + k]);
        }
        for (int64_t i = 0; i < frame->args.size; i++) operand[i].tensor.data = (char *)operand[i].tensor.data + operand[i].step;
        for (int64_t i = 0; i < frame->rets.size; i++) result[i].tensor.data = (char *)result[i].tensor.data + result[i].step;
    }
    free(parameters);
    if (status == LIBLOSS_OK) return NULL;
    return failure(frame, status == LIBLOSS_ERR_MEMORY ? XLA_FFI_Error_Code_RESOURCE_EXHAUSTED : XLA_FFI_Error_Code_OUT_OF_RANGE, message);
}
