/* One number: the mean of a loss over plain arrays, and its gradient. */
#include <libloss.h>
#include <stdio.h>

int main(void)
{
    const float prediction[3] = { 0.5F, 2, -1 }, target[3] = { 1, 1, 1 };
    float gradient[3];
    double mean;
    libloss_object *huber;
    if (libloss_create("huber(delta=1.5)", &huber) != LIBLOSS_OK) return puts(libloss_message()), 1;
    libloss_call_f32(huber, LIBLOSS_MEAN, 3, prediction, target, &mean, gradient);
    printf("mean %.4f, gradient %.4f %.4f %.4f\n", mean, (double)gradient[0], (double)gradient[1], (double)gradient[2]);
    libloss_destroy(huber);
    return 0;
}
/* prints: mean 0.8333, gradient -0.1667 0.3333 -0.5000 */
