/* Rows of logits with one label each: cross-entropy, and what comes of a label that is no class. */
#include <libloss.h>
#include <stdio.h>

int main(void)
{
    const double logits[2][3] = { { 0, 0, 0 }, { 0, 0, 0 } };
    int64_t label[2] = { 0, 2 };
    double mean, gradient[2][3];
    libloss_object *loss;

    if (libloss_create("cross_entropy", &loss) != LIBLOSS_OK) return 1;
    if (libloss_rows_f64_i64(loss, LIBLOSS_MEAN, 2, 3, logits[0], label, &mean, gradient[0]) != LIBLOSS_OK) return 1;
    printf("mean %.4f, gradient of the first row %.4f %.4f %.4f\n", mean, gradient[0][0], gradient[0][1], gradient[0][2]);

    label[1] = 3;
    if (libloss_rows_f64_i64(loss, LIBLOSS_MEAN, 2, 3, logits[0], label, &mean, gradient[0]) == LIBLOSS_ERR_LABEL)
        printf("%s\n", libloss_message());
    libloss_destroy(loss);
    return 0;
}
/* prints: mean 1.0986, gradient of the first row -0.3333 0.1667 0.1667
 * cross_entropy: target[1] = 3 is not in [0, 3) */
