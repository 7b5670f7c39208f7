/* A loss of one's own is one function over contiguous numbers; strides, weights, reductions and totals come from the library. */
#include <libloss.h>
#include <stdio.h>

static libloss_status quartic(void *self, libloss_tile *tile)
{
    (void)self;
    const double *p = tile->input[0], *t = tile->input[1];
    double *value = tile->value, *gradient = tile->gradient[0], *hessian = tile->hessian[0];
    for (int64_t i = 0; i < tile->count; i++) {
        const double r = p[i] - t[i];
        if (value) value[i] = r * r * r * r;
        if (gradient) gradient[i] = 4 * r * r * r;
        if (hessian) hessian[i] = 12 * r * r;
    }
    return LIBLOSS_OK;
}

int main(void)
{
    const libloss_input prediction = { .struct_size = sizeof prediction, .name = "prediction", .flags = LIBLOSS_DIFFERENTIABLE };
    const libloss_input target = { .struct_size = sizeof target, .name = "target" };
    const libloss_input *const inputs[] = { &prediction, &target };
    const libloss_info info = { .struct_size = sizeof info, .name = "quartic", .inputs = 2 };
    const libloss_vtable table = {
        .struct_size = sizeof table, .info = &info, .inputs = inputs, .flags = LIBLOSS_ONLY_F64, .tile = quartic
    };
    const float p[3] = { 1, 2, 4 }, t[3] = { 1, 1, 2 };
    float gradient[3];
    double mean;
    libloss_object *mine, *huber, *both;
    if (libloss_create_custom(&table, NULL, NULL, 0, &mine) != LIBLOSS_OK) return puts(libloss_message()), 1;
    libloss_create("huber", &huber);
    const libloss_object *const terms[] = { mine, huber };
    const double factors[] = { 0.5, 1 };
    libloss_combine(terms, factors, 2, &both);
    libloss_call_f32(mine, LIBLOSS_MEAN, 3, p, t, &mean, gradient);
    printf("mean %.4f, last gradient %.4f\n", mean, (double)gradient[2]);
    libloss_call_f32(both, LIBLOSS_MEAN, 3, p, t, &mean, NULL);
    printf("with huber %.4f\n", mean);
    libloss_destroy(mine);
    libloss_destroy(huber);
    libloss_destroy(both);
    return 0;
}
/* prints: mean 5.6667, last gradient 10.6667
 * with huber 3.5000 */
