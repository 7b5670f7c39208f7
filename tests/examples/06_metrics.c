/* What counts: metrics are objects too, but have no gradient, and say so. */
#include <libloss.h>
#include <stdio.h>

int main(void)
{
    const int64_t n = 5, target[5] = { 1, 0, 1, 1, 0 };
    const float score[5] = { 0.9F, 0.6F, 0.4F, 0.8F, 0.1F };
    float gradient[5];
    const libloss_tensor t = {
        .data = (void *)target, .device_type = 1, .ndim = 1, .dtype_code = 0, .dtype_bits = 64, .dtype_lanes = 1, .shape = &n
    };
    libloss_tensor p = t, g;
    p.data = (void *)score, p.dtype_code = 2, p.dtype_bits = 32;
    g = p, g.data = gradient;
    double recall;
    libloss_object *metric;
    if (libloss_create("recall(threshold=0.5)", &metric) != LIBLOSS_OK) return puts(libloss_message()), 1;
    libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .value = &recall };
    if (libloss_eval(metric, &args) != LIBLOSS_OK) return puts(libloss_message()), 1;
    printf("recall %.4f\n", recall);
    args.gradient[0] = &g;
    printf("status %d\n", (int)libloss_eval(metric, &args));
    libloss_destroy(metric);
    return 0;
}
/* prints: recall 0.6667
 * status 50 */
