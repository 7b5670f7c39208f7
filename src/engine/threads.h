/*
 * The library's own threads. They are started when first needed, sleep between calls, and are never waited for unless they have
 * begun: a caller does all of its work by itself if nobody comes. A child after fork has none and starts its own.
 */
#ifndef LIBLOSS_ENGINE_THREADS_H
#define LIBLOSS_ENGINE_THREADS_H

#include <stddef.h>
#include <stdint.h>

/* How many threads a call may use: what it wishes, else LIBLOSS_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs it may use. */
int64_t libloss__threads(int64_t wished);

/* task(job, 0) on this thread, and task(job, i) for some of i = 1 .. n - 1 on others at the same time: for those that
 * a thread came for before the first was over. Answers 0 if the process forked in the middle (in a callback), and this is the
 * child: what others had begun will never end. */
int libloss__run_tasks(void (*task)(void *job, size_t i), void *job, size_t n);

/* How often this process has been a child: differs after a fork. */
unsigned int libloss__forks(void);

#endif
