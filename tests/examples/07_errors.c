/* What goes wrong is named, and nothing has been written. */
#include <libloss.h>
#include <stdio.h>

int main(void)
{
    const float logits[6] = { 2, 0, 0, 0, 1, 0 };
    const int32_t label[2] = { 0, 4 };
    double mean = -1;
    libloss_object *loss;
    if (libloss_create("crossentropy", &loss) == LIBLOSS_ERR_NAME) puts(libloss_message());
    if (libloss_create("cross_entropy", &loss) != LIBLOSS_OK) return 1;
    if (libloss_rows_f32_i32(loss, LIBLOSS_MEAN, 2, 3, logits, label, &mean, NULL) == LIBLOSS_ERR_LABEL) puts(libloss_message());
    printf("mean is still %g\n", mean);
    libloss_destroy(loss);
    return 0;
}
/* prints: unknown loss or metric "crossentropy" (column 1); did you mean cross_entropy?
 * cross_entropy: target[1] = 4 is not in [0, 3)
 * mean is still -1 */
