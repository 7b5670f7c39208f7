/*
 * One list of batches for all callers, each on its caller's stack; sleeping workers take tasks from the first. Not OpenMP:
 * libgomp hangs in a child after fork, and thread sanitizers cannot look into it.
 */
#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../cpu/count.h"

enum { MOST_THREADS = 256, STACK_BYTES = 1 << 20 }; /* the drivers need some 50 KB; strangers' kernels more */

typedef struct batch {
    struct batch *next;
    void (*task)(void *job, size_t i);
    void *job;
    size_t begun, count, running; /* running: by workers */
} batch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards everything here but `forks` */
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static batch *open_batches; /* whose tasks have not all begun */
static size_t workers;
static atomic_uint forks;

unsigned int libloss__forks(void) { return atomic_load_explicit(&forks, memory_order_relaxed); }

/* In the child there is one thread, and it holds none of these. */
static void forget(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&work, NULL);
    pthread_cond_init(&done, NULL);
    open_batches = NULL;
    workers = 0;
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, forget); }

static void leave_list(batch *b)
{
    for (batch **p = &open_batches; *p; p = &(*p)->next)
        if (*p == b) {
            *p = b->next;
            return;
        }
}

static void *serve(void *nothing)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!open_batches) pthread_cond_wait(&work, &lock);
        batch *b = open_batches;
        const size_t i = b->begun++;
        b->running++;
        if (b->begun == b->count) leave_list(b);
        pthread_mutex_unlock(&lock);
        b->task(b->job, i);
        pthread_mutex_lock(&lock);
        if (--b->running == 0) pthread_cond_broadcast(&done);
    }
    return nothing;
}

/* Up to `wanted` workers; fewer where the system gives no more. Signals are for the host's own threads. */
static void hire(size_t wanted)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    if (workers >= wanted || pthread_attr_init(&attributes) != 0) return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (pthread_t id; workers < wanted && pthread_create(&id, &attributes, serve, NULL) == 0;) workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

int libloss__run_tasks(void (*task)(void *job, size_t i), void *job, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const int error = errno;
    batch mine = { .task = task, .job = job, .begun = 1, .count = n };
    const unsigned int born = libloss__forks();
    int cancel;
    pthread_once(&once, watch_forks);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* others work on this stack */
    if (n > 1) {
        pthread_mutex_lock(&lock);
        hire(n - 1);
        batch **last = &open_batches;
        while (*last) last = &(*last)->next;
        *last = &mine;
        for (size_t i = 1; i < n && i <= workers; i++) pthread_cond_signal(&work);
        pthread_mutex_unlock(&lock);
    }
    task(job, 0);
    const int here = libloss__forks() == born;
    if (n > 1 && here) {
        pthread_mutex_lock(&lock);
        leave_list(&mine);
        while (mine.running > 0) pthread_cond_wait(&done, &lock);
        pthread_mutex_unlock(&lock);
    }
    pthread_setcancelstate(cancel, NULL);
    errno = error;
    return here;
}

/* "4", or "4,2" as OpenMP has it for nested levels; 0: nothing that could be meant. */
static int64_t from_environment(const char *name)
{
    const char *p = getenv(name);
    int64_t n = 0;
    while (p && (*p == ' ' || *p == '\t')) p++;
    for (; p && *p >= '0' && *p <= '9'; p++) n = n < MOST_THREADS ? 10 * n + (*p - '0') : n;
    return p && (*p == 0 || *p == ',' || *p == ' ') ? n : 0;
}

int64_t libloss__threads(int64_t wished)
{
    static atomic_int_fast64_t known = -1; /* read once; two threads may both read, and read the same */
    int64_t n = wished;
    if (n <= 0) {
        n = atomic_load_explicit(&known, memory_order_relaxed);
        if (n < 0) {
            n = from_environment("LIBLOSS_NUM_THREADS");
            if (n == 0) n = from_environment("OMP_NUM_THREADS");
            atomic_store_explicit(&known, n, memory_order_relaxed);
        }
    }
    if (n <= 0) {
        const int error = errno;
        n = libloss__cpus();
        errno = error;
    }
    return n < MOST_THREADS ? n : MOST_THREADS;
}
