/* A weight of 0 means "not there": the NaN under it shows nowhere. Everything beyond plain arrays goes through libloss_eval. */
#include <libloss.h>
#include <math.h>
#include <stdio.h>

int main(void)
{
    double prediction[3] = { 1, 0, 4 }, target[3] = { 0, 0, 1 }, weight[3] = { 1, 0, 2 }, gradient[3], mean;
    const int64_t shape[1] = { 3 };
    const libloss_tensor like = { .device_type = 1, .ndim = 1, .dtype_code = 2, .dtype_bits = 64, .dtype_lanes = 1, .shape = shape };
    libloss_tensor p = like, t = like, w = like, g = like;
    libloss_object *loss;

    prediction[1] = NAN;
    p.data = prediction, t.data = target, w.data = weight, g.data = gradient;
    libloss_args args = { .struct_size = sizeof args,
                          .input = { &p, &t },
                          .weight = &w,
                          .reduction = LIBLOSS_WEIGHTED_MEAN,
                          .value = &mean,
                          .gradient = { &g } };
    if (libloss_create("half_squared_error", &loss) != LIBLOSS_OK) return 1;
    if (libloss_eval(loss, &args) != LIBLOSS_OK) {
        fprintf(stderr, "%s\n", libloss_message());
        return 1;
    }
    printf("weighted mean %.6f, gradient %.6f %g %g\n", mean, gradient[0], gradient[1], gradient[2]);
    libloss_destroy(loss);
    return 0;
}
/* prints: weighted mean 3.166667, gradient 0.333333 0 2 */
