/*
 * What a call without structs costs from C, through the shared library: ns per call, the fastest of many repeats. run.py compiles and
 * runs it, or by hand: cc -O2 call.c $(pkg-config --cflags --libs libloss)
 *     call              times every case, one line each: ns, then the case
 *     call N            makes case N a thousand times and no more, for callgrind
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <libloss.h>

enum { MOST = 64 * 10 > 1024 ? 64 * 10 : 1024, CALLS = 1000, REPEATS = 300 };

static const struct {
    const char *loss;
    int n, classes; /* classes: rows of logits and labels */
} cases[] = { { "squared_error", 16, 0 },   { "huber", 16, 0 },         { "binary_cross_entropy_with_logits", 16, 0 },
              { "squared_error", 64, 0 },   { "huber", 64, 0 },         { "binary_cross_entropy_with_logits", 64, 0 },
              { "squared_error", 1024, 0 }, { "huber", 1024, 0 },       { "binary_cross_entropy_with_logits", 1024, 0 },
              { "cross_entropy", 1, 10 },   { "cross_entropy", 64, 10 } };
enum { CASES = sizeof cases / sizeof cases[0] };

static float p[MOST], t[MOST], g[MOST];
static int64_t label[MOST];
static libloss_object *object[CASES];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void call(int k, float *gradient)
{
    double value;
    libloss_status status = cases[k].classes
                                ? libloss_rows_f32_i64(object[k], LIBLOSS_MEAN, cases[k].n, cases[k].classes, p, label, &value, gradient)
                                : libloss_call_f32(object[k], LIBLOSS_MEAN, cases[k].n, p, t, &value, gradient);
    if (status != LIBLOSS_OK) {
        fprintf(stderr, "%s: %s\n", cases[k].loss, libloss_message());
        exit(1);
    }
}

int main(int arguments, char **argument)
{
    static double fastest[CASES][2];
    for (int i = 0; i < MOST; i++) {
        p[i] = (float)(i * 7 % 16) * 0.1F;
        t[i] = (float)(i & 1);
        label[i] = i % 10;
    }
    for (int k = 0; k < CASES; k++)
        if (libloss_create(cases[k].loss, &object[k]) != LIBLOSS_OK) return 1;
    if (arguments > 1) {
        const int k = atoi(argument[1]);
        for (int i = 0; k >= 0 && k < CASES && i < CALLS; i++) call(k, g);
        return 0;
    }
    for (int repeat = 0; repeat < REPEATS; repeat++) /* in turn, so that a noisy moment hits all */
        for (int k = 0; k < CASES; k++)
            for (int gradient = 0; gradient < 2; gradient++) {
                const int calls = cases[k].n * (cases[k].classes ? cases[k].classes : 1) > 100 ? CALLS / 20 : CALLS / 4;
                double start = now();
                for (int i = 0; i < calls; i++) call(k, gradient ? g : NULL);
                double each = (now() - start) / calls;
                if (repeat == 0 || each < fastest[k][gradient]) fastest[k][gradient] = each;
            }
    for (int k = 0; k < CASES; k++)
        for (int gradient = 0; gradient < 2; gradient++) {
            printf("%.1f %s ", fastest[k][gradient], cases[k].loss);
            if (cases[k].classes)
                printf("%d x %d", cases[k].n, cases[k].classes);
            else
                printf("n = %d", cases[k].n);
            printf(", value%s\n", gradient ? " + gradient" : "");
        }
    return 0;
}
