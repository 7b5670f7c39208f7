/* Data that comes in pieces: a total is exact, so that pieces may be added and merged in any order, to the same bits. */
#include <libloss.h>
#include <stdio.h>

int main(void)
{
    double prediction[4] = { 1e16, 1, -1e16, 3 }, target[4] = { 0 };
    uint64_t memory[2][LIBLOSS_TOTAL_SIMPLE / 8]; /* yours: on the stack, in a file, sent to another machine */
    libloss_object *loss;
    double mean;

    if (libloss_create("quantile(tau=0.5)", &loss) != LIBLOSS_OK) return 1;
    for (int piece = 0; piece < 2; piece++) {
        const int64_t shape[1] = { 2 };
        libloss_tensor p = {
            .data = prediction + 2 * piece, .device_type = 1, .ndim = 1, .dtype_code = 2, .dtype_bits = 64, .dtype_lanes = 1, .shape = shape
        };
        libloss_tensor t = p;
        t.data = target + 2 * piece;
        libloss_total *total = (libloss_total *)memory[piece];
        libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .total = total };
        if (libloss_total_start(total, sizeof memory[piece], loss, NULL) != LIBLOSS_OK || libloss_eval(loss, &args) != LIBLOSS_OK) return 1;
    }
    libloss_total *all = (libloss_total *)memory[1];
    if (libloss_total_merge(all, (libloss_total *)memory[0]) != LIBLOSS_OK) return 1;
    if (libloss_total_value(all, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, &mean, 1) != LIBLOSS_OK) return 1;
    printf("mean %.17g\n", mean);
    libloss_destroy(loss);
    return 0;
}
/* prints: mean 2500000000000000.5 */
