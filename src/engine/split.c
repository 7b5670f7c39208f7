/*
 * Pieces are taken in rising order from one counter, so when a piece fails all lower ones have been taken, and the lowest failing
 * position is the same for any number of threads. A piece is long enough that taking it costs nothing, and short enough that all
 * threads end together.
 */
#include "split.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "../cpu/control.h"
#include "threads.h"

enum {
    ELEMENTS_PER_THREAD = 1 << 17, /* some 50 us; waking a thread takes 5 to 10 */
    PIECE_ELEMENTS = 1 << 15,
    PIECE_ELEMENTS_ALONE = 1 << 17, /* between two looks at the clock: 8 ms for the slowest */
    SCAN = 4, /* elements are looked at in the time of computing with one */
    SCAN_UNIT = 512,
    MESSAGE = 256
};
static const int64_t POLL_NANOSECONDS = 10 * 1000 * 1000;

int64_t libloss__threads_for(const libloss__call *c, int64_t elements)
{
    const int64_t worth = elements / ELEMENTS_PER_THREAD;
    if (worth < 2 || c->args->threads == 1) return 1;
    const int64_t allowed = libloss__threads(c->args->threads);
    return worth < allowed ? worth : allowed;
}

static int64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

libloss_status libloss__poll(libloss__call *c)
{
    if (!c->args->poll) return LIBLOSS_OK;
    const int64_t t = nanoseconds();
    if (c->polled == 0) c->polled = t;
    if (t - c->polled < POLL_NANOSECONDS) return LIBLOSS_OK;
    const int32_t stop = c->args->poll(c->args->poll_context);
    c->polled = nanoseconds(); /* it may have waited for an interpreter's lock */
    return stop ? libloss__fail(c->sink, LIBLOSS_ERR_STOPPED, "%s: stopped by the caller", c->object->name) : LIBLOSS_OK;
}

typedef struct {
    libloss__call *c;
    const libloss__split *split;
    int64_t grain, end; /* positions of a piece; where this round ends */
    unsigned int born; /* libloss__forks() */
    int want_sum, polls; /* task 0 polls, which runs on the calling thread */
    atomic_int_fast64_t next, failed; /* where the next piece begins; the lowest failing one, or the end */
    int64_t polled; /* the call's, afterwards */
    pthread_mutex_t lock; /* guards what follows */
    libloss__sum sum;
    libloss_status status;
    int64_t position; /* of the message */
    char message[MESSAGE];
} crew;

static void note_failure(crew *w, int64_t begin)
{
    int_fast64_t lowest = atomic_load_explicit(&w->failed, memory_order_relaxed);
    while (begin < lowest && !atomic_compare_exchange_weak_explicit(&w->failed, &lowest, begin, memory_order_relaxed, memory_order_relaxed))
        ;
}

/* One thread's share: pieces until none is left. */
static void take_pieces(void *job, size_t i)
{
    crew *w = job;
    const libloss__split *s = w->split;
    const uint64_t word = libloss__enter(); /* the thread may be the host's */
    char message[MESSAGE] = "";
    libloss__sum sum = { .nan = 0 }, by[MAX_LEARNED];
    libloss__call c = *w->c;
    libloss_status status = LIBLOSS_OK;
    libloss__piece piece = { .c = &c, .sum = w->want_sum ? &sum : NULL, .slot = (int64_t)i };
    c.sink = (libloss__sink){ message, sizeof message | PRIVATE_SINK };
    memset(by, 0, (size_t)c.learned * sizeof *by);
    c.by = by;
    while (status == LIBLOSS_OK) {
        piece.begin = atomic_fetch_add_explicit(&w->next, w->grain, memory_order_relaxed);
        if (piece.begin >= w->end || piece.begin >= atomic_load_explicit(&w->failed, memory_order_relaxed)) break;
        piece.end = w->end - piece.begin < w->grain ? w->end : piece.begin + w->grain;
        status = s->run(&piece, s->job);
        if (status != LIBLOSS_OK) note_failure(w, piece.begin);
        if (status == LIBLOSS_OK && i == 0 && w->polls) {
            status = libloss__poll(&c);
            if (status != LIBLOSS_OK) note_failure(w, piece.begin = -1); /* before all others */
        }
        if (libloss__forks() != w->born) break;
    }
    libloss__leave(word);
    if (i == 0) w->polled = c.polled;
    if (libloss__forks() != w->born) return; /* the lock may be another's, who is not here */
    pthread_mutex_lock(&w->lock);
    libloss__sum_merge(&w->sum, &sum);
    for (int32_t k = 0; k < c.learned; k++) libloss__sum_merge(&w->c->by[k], &by[k]);
    if (status != LIBLOSS_OK && piece.begin < w->position) {
        w->status = status;
        w->position = piece.begin;
        for (int k = 0; k < MESSAGE; k++) w->message[k] = message[k];
    }
    pthread_mutex_unlock(&w->lock);
}

static libloss_status run_alone(libloss__call *c, const libloss__split *s, int64_t grain, libloss__sum *sum)
{
    libloss__piece piece = { .c = c, .sum = sum };
    for (piece.begin = 0; piece.begin < s->count; piece.begin = piece.end) {
        piece.end = s->count - piece.begin < grain ? s->count : piece.begin + grain;
        TRY(s->run(&piece, s->job));
        TRY(libloss__poll(c));
    }
    return LIBLOSS_OK;
}

/* The host's threads: they do not poll, so where somebody wants that, they get the work in rounds of some milliseconds. */
static libloss_status run_on_executor(crew *w, int64_t threads)
{
    const libloss_executor *e = w->c->args->executor;
    int64_t round = w->c->args->poll ? threads * (PIECE_ELEMENTS_ALONE / PIECE_ELEMENTS) * w->grain : w->split->count;
    for (int64_t begin = 0; begin < w->split->count && w->status == LIBLOSS_OK; begin = w->end) {
        const int64_t started = nanoseconds();
        w->end = w->split->count - begin < round ? w->split->count : begin + round;
        atomic_store(&w->next, begin);
        e->run(e->context, take_pieces, w, (size_t)threads);
        if (libloss__forks() != w->born) break;
        if (w->status == LIBLOSS_OK) TRY(libloss__poll(w->c));
        if (nanoseconds() - started < POLL_NANOSECONDS / 4 && round < w->split->count / 2) round *= 2;
    }
    return LIBLOSS_OK;
}

libloss_status libloss__run_split(libloss__call *c, const libloss__split *s, libloss__sum *sum)
{
    if (s->count == 0) return LIBLOSS_OK; /* and rows that are not there may have no width */
    const int64_t usual = s->threads > 1 ? PIECE_ELEMENTS : PIECE_ELEMENTS_ALONE;
    int64_t grain = (s->longest ? s->longest : usual) / s->width;
    if (grain > s->unit) grain -= grain % s->unit;
    if (grain < 1) grain = 1;
    if (s->threads <= 1 || s->count <= grain) return run_alone(c, s, grain, sum);

    const int64_t pieces = (s->count - 1) / grain + 1, threads = pieces < s->threads ? pieces : s->threads;
    crew w = { .c = c,
               .split = s,
               .grain = grain,
               .end = s->count,
               .born = libloss__forks(),
               .polls = !c->args->executor,
               .lock = PTHREAD_MUTEX_INITIALIZER,
               .want_sum = sum != NULL,
               .position = INT64_MAX };
    atomic_init(&w.next, 0);
    atomic_init(&w.failed, INT64_MAX);
    libloss_status status = LIBLOSS_OK;
    if (c->args->executor)
        status = run_on_executor(&w, threads);
    else
        libloss__run_tasks(take_pieces, &w, (size_t)threads);
    if (libloss__forks() != w.born)
        return libloss__fail(c->sink, LIBLOSS_ERR_STOPPED, "%s: the process forked within this call; its threads are not here",
                             c->object->name);
    pthread_mutex_destroy(&w.lock);
    if (w.polls) c->polled = w.polled;
    if (sum) libloss__sum_merge(sum, &w.sum);
    if (w.status != LIBLOSS_OK) status = libloss__fail(c->sink, w.status, "%s", w.message);
    return status;
}

libloss_status libloss__scan(libloss__call *c, const libloss__view *v, libloss_status (*run)(const libloss__piece *piece, void *job),
                             void *job)
{
    const int64_t count = v->single ? (v->count > 0) : v->count;
    const libloss__split split = {
        .run = run, .job = job, .count = count, .width = 1, .unit = SCAN_UNIT, .threads = libloss__threads_for(c, count / SCAN)
    };
    return libloss__run_split(c, &split, NULL);
}
