/*
 * A library that is opened at run time, used for the first time on a new thread: what it allocates there. The program's own malloc stands
 * before libc's, for the dynamic linker's thread-local blocks too. Prints one count per step; also: a program's own function of
 * the name of one of the library's does not replace it inside the library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libloss.h"

extern void *__libc_malloc(size_t size), *__libc_calloc(size_t n, size_t size), *__libc_realloc(void *p, size_t size),
    *__libc_memalign(size_t a, size_t n);
extern void __libc_free(void *p);
static __thread int counting, allocations;

static void count(void) { allocations += counting; }
void *malloc(size_t size) { return count(), __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return count(), __libc_calloc(n, size); }
void *realloc(void *p, size_t size) { return count(), __libc_realloc(p, size); }
void *aligned_alloc(size_t alignment, size_t size) { return count(), __libc_memalign(alignment, size); }
void free(void *p) { __libc_free(p); }

/* libloss_combine gives terms back by the library's own function, or this program ends. */
void libloss_destroy(libloss_object *object)
{
    (void)object;
    abort();
}

static void *library;
static libloss_object *huber, *rows;
static void (*destroy)(libloss_object *);

#define FUNCTION(name_) __typeof__(&name_) name_##_ = (__typeof__(&name_))dlsym(library, #name_)

static void report(const char *what, int status)
{
    counting = 0;
    printf("%s: status %d, %d allocations\n", what, status, allocations);
    allocations = 0;
    counting = 1;
}

static void *on_a_fresh_thread(void *unused)
{
    static float p[5000], t[5000], g[5000];
    static int32_t label[500];
    uint64_t total[LIBLOSS_TOTAL_SIMPLE / 8];
    double value;
    FUNCTION(libloss_call_f32);
    FUNCTION(libloss_rows_f32_i32);
    FUNCTION(libloss_eval);
    FUNCTION(libloss_total_start);
    FUNCTION(libloss_total_value);
    FUNCTION(libloss_message);
    report("nothing", 0);
    report("first call", libloss_call_f32_(huber, LIBLOSS_MEAN, 16, p, t, &value, g));
    report("first failing call", libloss_call_f32_(huber, 77, 16, p, t, &value, g));
    report("its message", strstr(libloss_message_(), "reduction 77") ? 0 : 1);
    report("long call", libloss_call_f32_(huber, LIBLOSS_MEAN, 5000, p, t, &value, g));
    report("rows", libloss_rows_f32_i32_(rows, LIBLOSS_MEAN, 500, 10, p, label, &value, g));
    const int64_t n = 5000;
    const libloss_tensor x = { .data = p, .device_type = 1, .ndim = 1, .dtype_code = 2, .dtype_bits = 32, .dtype_lanes = 1, .shape = &n };
    libloss_tensor y = x, w = x, h = x;
    y.data = t, w.data = t, h.data = g;
    libloss_args args = { .struct_size = sizeof args, .input = { &x, &y }, .weight = &w, .value = &value, .hessian = { &h } };
    args.total = (libloss_total *)total;
    report("total", libloss_total_start_((libloss_total *)total, sizeof total, huber, NULL));
    report("weights, Hessian, total", libloss_eval_(huber, &args));
    report("reading", libloss_total_value_((libloss_total *)total, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, &value, 1));
    counting = 0;
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
    FUNCTION(libloss_create);
    destroy = (void (*)(libloss_object *))dlsym(library, "libloss_destroy");
    libloss_object *sum, *none;
    if (libloss_create_("huber", &huber) || libloss_create_("cross_entropy", &rows) || libloss_create_("huber + log_cosh", &sum)) return 2;
    if (libloss_create_("huber + cross_entropy", &none) != LIBLOSS_ERR_SPEC) return 3;
    pthread_create(&thread, NULL, on_a_fresh_thread, NULL);
    pthread_join(thread, NULL);
    destroy(sum), destroy(huber), destroy(rows);
    return 0;
}
