/* One number from two plain arrays: the mean Huber loss, and its gradient in the same pass. */
#include <libloss.h>
#include <stdio.h>

int main(void)
{
    const float prediction[4] = { 0.5F, 2, -1, 3 }, target[4] = { 1, 1, 1, 3 };
    float gradient[4];
    double mean;
    libloss_object *huber;

    if (libloss_create("huber(delta=1.5)", &huber) != LIBLOSS_OK ||
        libloss_call_f32(huber, LIBLOSS_MEAN, 4, prediction, target, &mean, gradient) != LIBLOSS_OK) {
        fprintf(stderr, "%s\n", libloss_message());
        return 1;
    }
    printf("mean %g, gradient %g %g %g %g\n", mean, (double)gradient[0], (double)gradient[1], (double)gradient[2], (double)gradient[3]);
    libloss_destroy(huber);
    return 0;
}
/* prints: mean 0.625, gradient -0.125 0.25 -0.375 0 */
