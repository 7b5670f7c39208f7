/*
 * The driver of links. A link is evaluated like a loss of one input, so that shapes, types, domains and overlaps are checked in the
 * same words; what comes out is stored like a gradient.
 */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "split.h"

enum { STRIP = 512 };

#if defined LIBLOSS_PLAIN
#define DECLARE_LINKS(isa_) extern const link_kernels KERNEL_TABLE_OF(links, isa_, 64);
#define LINKS_ROW(isa_) { NULL, &KERNEL_TABLE_OF(links, isa_, 64) },
#else
#define DECLARE_LINKS(isa_) extern const link_kernels KERNEL_TABLE_OF(links, isa_, 32), KERNEL_TABLE_OF(links, isa_, 64);
#define LINKS_ROW(isa_) { &KERNEL_TABLE_OF(links, isa_, 32), &KERNEL_TABLE_OF(links, isa_, 64) },
#endif
LIBLOSS_ISA_LIST(DECLARE_LINKS)

const link_kernels *libloss__link_kernels(int32_t dtype)
{
    static const link_kernels *const kernels[][2] = { LIBLOSS_ISA_LIST(LINKS_ROW) };
    return kernels[libloss__isa()][dtype == DTYPE_F64];
}

/* The number of the parameter of this name. */
static double parameter_named(const libloss_object *o, const double *parameters, const char *name, double otherwise)
{
    for (int32_t k = 0; name && k < o->parameters; k++)
        if (strcmp(o->parameter[k].name, name) == 0) return (parameters ? parameters : o->value)[o->first[k]];
    return otherwise;
}

static const loss_link *link_of(const libloss_object *o)
{
    static const loss_link none = { .kind = LINK_NONE };
    return o->kind == OBJECT_LOSS ? &o->row->loss->info->link : &none;
}

int libloss__link_kind(const libloss_object *o, const double *parameters)
{
    const loss_link *link = link_of(o);
    return parameter_named(o, parameters, link->only_with, 1) == 0 ? LINK_IDENTITY : link->kind;
}

const char *libloss__link_name(int kind)
{
    static const char *const names[] = { "", "identity", "log", "logit", "half_logit", "softmax" };
    return names[kind];
}

double libloss__link_factor(const libloss_object *o, const double *parameters)
{
    return libloss__link_kind(o, parameters) == LINK_HALF_LOGIT ? 2 : parameter_named(o, parameters, link_of(o)->factor, 1);
}

typedef struct {
    libloss__view out;
    link_kernel *kernel; /* NULL: as it is */
    const link_kernels *kernels;
    double factor;
    int softmax;
} link_job;

/* Rows, in a piece of the workspace each. */
static libloss_status run_rows(const libloss__piece *piece, void *shared)
{
    const libloss__call *c = piece->c;
    const link_job *job = shared;
    double *const out = (double *)c->args->workspace + 2 * piece->slot * c->classes, *const in = out + c->classes;
    for (int64_t row = piece->begin; row < piece->end; row++) {
        libloss__gather(&c->input[0], row * c->classes, c->classes, in, c->arithmetic);
        job->kernels->softmax(in, out, c->classes);
        libloss__scatter(&job->out, row * c->classes, c->classes, out, DTYPE_F64);
    }
    return LIBLOSS_OK;
}

static libloss_status run_elements(const libloss__piece *piece, void *shared)
{
    const libloss__call *c = piece->c;
    const link_job *job = shared;
    double in[STRIP], out[STRIP];
    for (int64_t start = piece->begin; start < piece->end; start += STRIP) {
        const int64_t n = piece->end - start < STRIP ? piece->end - start : STRIP;
        libloss__gather(&c->input[0], start, n, job->kernel ? in : out, job->kernel ? c->arithmetic : DTYPE_F64);
        if (job->kernel) job->kernel(in, out, n, job->factor);
        libloss__scatter(&job->out, start, n, out, DTYPE_F64);
    }
    return LIBLOSS_OK;
}

libloss_status libloss__run_link(const libloss_object *owner, int back, const libloss_tensor *in, const libloss_tensor *out)
{
    static const loss_input prediction = INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, ""),
                            probability = INPUT(mean, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, ""),
                            amount = INPUT(mean, KIND_POSITIVE, DIFFERENTIABLE_INPUT | OR_ZERO, ""),
                            mean = INPUT(mean, KIND_REAL, DIFFERENTIABLE_INPUT, "");
    const int kind = libloss__link_kind(owner, NULL);
    const libloss__sink sink = { NULL, 0 };
    if (kind == LINK_NONE)
        return libloss__fail(sink, LIBLOSS_ERR_UNSUPPORTED, "%s: its prediction stands for no mean, so that there is no link", owner->name);
    const int rows = kind == LINK_SOFTMAX, logit = kind == LINK_LOGIT || kind == LINK_HALF_LOGIT;
    const loss_info info = { .input = { back ? prediction : rows || logit ? probability : kind == LINK_LOG ? amount : mean } };
    const loss links = { owner->name, SHAPE_POINTWISE, rows ? PER_ROW : PER_ELEMENT, UNIT_NONE, &info };
    const libloss__row row = { "", &links, { { NULL } }, NULL };
    const libloss_object o = { .kind = OBJECT_LOSS,
                               .name = owner->name,
                               .row = &row,
                               .inputs = 1,
                               .input = info.input,
                               .ignore_index = -1,
                               .label_smoothing = -1,
                               .labels = -1,
                               .class_weight = -1 };
    libloss_args args = { .struct_size = sizeof args, .input = { in }, .reduction = LIBLOSS_NONE };
    libloss__call c;
    link_job job = { .softmax = rows && back };
    TRY(libloss__resolve(&c, &o, &args, 0));
    if (!out) return libloss__fail(sink, LIBLOSS_ERR_NULL, "%s: the output is NULL", owner->name);
    TRY(libloss__resolve_output(&c, out, back ? "mean" : "prediction", &job.out));
    TRY(libloss__survey(&c));
    if (c.input[0].count == 0) return LIBLOSS_OK;
    job.kernels = libloss__link_kernels(c.arithmetic);
    job.factor = libloss__link_factor(owner, NULL);
    if (c.arithmetic == DTYPE_F32) job.factor = (double)(float)job.factor;
    if (logit) job.kernel = back ? job.kernels->logistic : job.kernels->logit;
    if (rows || kind == LINK_LOG) job.kernel = back ? job.kernels->exp : job.kernels->log;
    libloss__split split = { .run = run_elements,
                             .job = &job,
                             .count = c.input[0].count,
                             .width = 1,
                             .unit = STRIP,
                             .threads = libloss__threads_for(&c, c.input[0].count) };
    if (!job.softmax) return libloss__run_split(&c, &split, NULL);
    split.run = run_rows;
    split.count = c.count;
    split.width = c.classes;
    split.unit = 1;
    args.workspace = malloc((size_t)(split.threads * 2 * c.classes) * sizeof(double));
    if (!args.workspace) return libloss__fail(sink, LIBLOSS_ERR_MEMORY, "%s: out of memory", owner->name);
    const libloss_status status = libloss__run_split(&c, &split, NULL);
    free(args.workspace);
    return status;
}
