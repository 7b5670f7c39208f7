/* Everything else goes through libloss_args: here a weight, of which 0 means "not there", and every second column of a matrix. */
#include <libloss.h>
#include <math.h>
#include <stdio.h>

int main(void)
{
    const double table[8] = { 1, 0, 3, 1, NAN, 5, 2, 2 }; /* (4, 2): predictions and targets side by side */
    const float weight[4] = { 1, 2, 0, 1 };
    const int64_t shape[1] = { 4 }, strides[1] = { 2 };
    const libloss_tensor prediction = { .data = (void *)table,
                                        .device_type = 1,
                                        .ndim = 1,
                                        .dtype_code = 2,
                                        .dtype_bits = 64,
                                        .dtype_lanes = 1,
                                        .shape = shape,
                                        .strides = strides };
    libloss_tensor target = prediction, w = prediction;
    double mean, weighted;
    target.byte_offset = sizeof(double);
    w.data = (void *)weight, w.dtype_bits = 32, w.strides = NULL;
    libloss_object *loss;
    if (libloss_create("squared_error", &loss) != LIBLOSS_OK) return 1;
    libloss_args args = { .struct_size = sizeof args, .input = { &prediction, &target }, .weight = &w, .value = &mean };
    if (libloss_eval(loss, &args) != LIBLOSS_OK) return puts(libloss_message()), 1;
    args.reduction = LIBLOSS_WEIGHTED_MEAN, args.value = &weighted;
    if (libloss_eval(loss, &args) != LIBLOSS_OK) return puts(libloss_message()), 1;
    printf("mean of those present %g, weighted mean %g\n", mean, weighted);
    libloss_destroy(loss);
    return 0;
}
/* prints: mean of those present 3, weighted mean 2.25 */
