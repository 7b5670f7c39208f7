/*
 * What the cmocka programs share: making objects, describing arrays, buffers between guard pages.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "libloss.h"

static inline libloss_object *make(const char *spec)
{
    libloss_object *o = NULL;
    libloss_status status = libloss_create(spec, &o);
    if (status != LIBLOSS_OK) fail_msg("%s: %s", spec, libloss_message());
    return o;
}

enum { F16 = 2 << 8 | 16, F32 = 2 << 8 | 32, F64 = 2 << 8 | 64, BF16 = 4 << 8 | 16, I32 = 32, I64 = 64, U8 = 1 << 8 | 8 }; /* code, bits */

static inline libloss_tensor tensor(const void *data, int type, int32_t ndim, const int64_t *shape)
{
    return (libloss_tensor){ .data = (void *)(uintptr_t)data,
                             .device_type = 1,
                             .ndim = ndim,
                             .dtype_code = (uint8_t)(type >> 8),
                             .dtype_bits = (uint8_t)type,
                             .dtype_lanes = 1,
                             .shape = shape };
}

/* Metrics come after the losses. */
static inline int64_t count_losses(void)
{
    int64_t n = 0;
    for (int64_t k = 0; k < libloss_count(); k++) {
        libloss_object *o;
        libloss_info info = { .struct_size = sizeof info };
        assert_int_equal(libloss_create(libloss_name(k), &o), LIBLOSS_OK);
        assert_int_equal(libloss_describe(o, &info), LIBLOSS_OK);
        libloss_destroy(o);
        if (!info.is_metric)
            n++;
        else
            assert_true(k >= n);
    }
    return n;
}

/* Guard pages: n bytes that end at an unreadable page, or begin after one */

typedef struct {
    char *map, *bytes;
    size_t length;
} guarded;

static inline guarded guard(size_t bytes, int at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (bytes + page - 1) / page * page + page;
    guarded g = { .length = inside + 2 * page };
    g.map = mmap(NULL, g.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map, page, PROT_NONE), 0);
    assert_int_equal(mprotect(g.map + page + inside, page, PROT_NONE), 0);
    g.bytes = at_end ? g.map + page + inside - bytes : g.map + page;
    return g;
}

static inline void unguard(guarded g) { munmap(g.map, g.length); }

#endif
