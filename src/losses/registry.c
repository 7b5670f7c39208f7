/*
 * losses.def and metrics.def, expanded: declarations first, then the rows.
 */
#include "registry.h"

/* The tables are declared as bytes here: the shape tells each driver what to read them as. */
#if defined LIBLOSS_PLAIN
#define DECLARE_KERNELS(name_, isa_) extern const char KERNEL_TABLE_OF(name_, isa_, 64)[];
#define KERNEL_ROW(name_, isa_) { NULL, KERNEL_TABLE_OF(name_, isa_, 64) },
#else
#define DECLARE_KERNELS(name_, isa_)                      \
    extern const char KERNEL_TABLE_OF(name_, isa_, 32)[]; \
    extern const char KERNEL_TABLE_OF(name_, isa_, 64)[];
#define KERNEL_ROW(name_, isa_) { KERNEL_TABLE_OF(name_, isa_, 32), KERNEL_TABLE_OF(name_, isa_, 64) },
#endif

#if defined LIBLOSS_PLAIN
#define FOR_EACH_ISA(do_, name_) do_(name_, baseline)
#elif defined LIBLOSS_ONLY
#define FOR_EACH_ISA(do_, name_) do_(name_, LIBLOSS_ONLY)
#elif defined __x86_64__
#define FOR_EACH_ISA(do_, name_) do_(name_, baseline) do_(name_, avx2) do_(name_, avx512)
#elif defined __aarch64__
#define FOR_EACH_ISA(do_, name_) do_(name_, neon)
#else
#define FOR_EACH_ISA(do_, name_) do_(name_, baseline)
#endif

#undef LOSS
#define LOSS(family_, name_)           \
    extern const loss LOSS_ROW(name_); \
    FOR_EACH_ISA(DECLARE_KERNELS, name_)
#include "losses.def"

/* Metrics are for f64 alone. */
#define DECLARE_METRIC_KERNELS(name_, isa_) extern const char KERNEL_TABLE_OF(name_, isa_, 64)[];
#define METRIC_KERNEL_ROW(name_, isa_) { NULL, KERNEL_TABLE_OF(name_, isa_, 64) },

#define METRIC_ROW(name_) extern const metric LOSS_ROW(name_);
#define METRIC_KERNELS(name_) METRIC_ROW(name_) FOR_EACH_ISA(DECLARE_METRIC_KERNELS, name_)
#include "../metrics/metrics.def"
#undef METRIC_ROW
#undef METRIC_KERNELS

#undef LOSS
#define LOSS(family_, name_) { #family_, &LOSS_ROW(name_), { FOR_EACH_ISA(KERNEL_ROW, name_) }, NULL },
#define METRIC_ROW(name_) { "metric", &LOSS_ROW(name_).self, { { NULL } }, &LOSS_ROW(name_) },
#define METRIC_KERNELS(name_) { "metric", &LOSS_ROW(name_).self, { FOR_EACH_ISA(METRIC_KERNEL_ROW, name_) }, &LOSS_ROW(name_) },
const libloss__row libloss__rows[] = {
#include "losses.def"
#include "../metrics/metrics.def"
};
const int64_t libloss__row_count = (int64_t)(sizeof libloss__rows / sizeof libloss__rows[0]);

#define ELSEWHERE(names_, whose_, here_) { names_, whose_, here_ },
const libloss__foreign libloss__elsewhere[] = {
#include "elsewhere.def"
};
const int64_t libloss__elsewhere_count = (int64_t)(sizeof libloss__elsewhere / sizeof *libloss__elsewhere);
