/*
 * One pass over the data of a call, cut into pieces: taken in turn by this thread, by the library's own threads, or by those that the
 * host lends. Each thread adds up by itself; since sums are exact, nobody can tell from the result who did what.
 */
#ifndef LIBLOSS_ENGINE_SPLIT_H
#define LIBLOSS_ENGINE_SPLIT_H

#include "call.h"

typedef struct {
    const libloss__call *c; /* the call; where several threads are at work a copy with a message of its own */
    libloss__sum *sum; /* this thread's, or NULL if nobody asked */
    int64_t slot; /* from 0 below `threads`: pieces that run at the same time differ in it */
    int64_t begin, end;
} libloss__piece;

typedef struct {
    libloss_status (*run)(const libloss__piece *piece, void *job);
    void *job;
    int64_t count, width; /* positions; elements of work at each */
    int64_t unit; /* pieces are multiples of it, except the last and where that would be too long */
    int64_t longest; /* elements of a piece; 0: as many as are good for fast kernels */
    int64_t threads; /* at most */
} libloss__split;

/* How many threads this call may use for so many elements of work; few elements are not worth the waking. */
int64_t libloss__threads_for(const libloss__call *c, int64_t elements);

/* Runs the pieces and adds to the sum. The failing piece of the lowest position gives status and message. */
libloss_status libloss__run_split(libloss__call *c, const libloss__split *split, libloss__sum *sum);

/* Looks at every number of a view; where one stands for all, at that. */
libloss_status libloss__scan(libloss__call *c, const libloss__view *v, libloss_status (*run)(const libloss__piece *piece, void *job),
                             void *job);

/* The caller's poll, some 100 times a second: LIBLOSS_ERR_STOPPED if it says so. Only on the calling thread. */
libloss_status libloss__poll(libloss__call *c);

#endif
