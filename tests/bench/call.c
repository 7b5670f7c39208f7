/*
 * What a flat call costs from C: cc -O2 call.c $(pkg-config --cflags --libs libloss)
 */
#include <stdio.h>
#include <time.h>

#include <libloss.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
    static const char *const names[] = { "squared_error", "huber", "binary_cross_entropy_with_logits" };
    float p[16], t[16], g[16];
    for (int i = 0; i < 16; i++) p[i] = (float)i * 0.1F, t[i] = (float)(i & 1);
    for (int k = 0; k < 3; k++) {
        libloss_object *o;
        double value, fastest = 1e9, sum = 0;
        if (libloss_create(names[k], &o) != LIBLOSS_OK) return 1;
        for (int repeat = 0; repeat < 200; repeat++) {
            double start = now();
            for (int i = 0; i < 1000; i++) {
                if (libloss_call_f32(o, LIBLOSS_MEAN, 16, p, t, &value, g) != LIBLOSS_OK) return 2;
                sum += value;
            }
            double each = (now() - start) / 1000;
            if (each < fastest) fastest = each;
        }
        printf("%-34s n = 16, value + gradient: %.1f ns (%g)\n", names[k], fastest, sum);
        libloss_destroy(o);
    }
    return 0;
}
