/* A loss of your own is one function of contiguous numbers; strides, weights, reductions and totals are libloss's. */
#include <libloss.h>
#include <stdio.h>

static libloss_status quartic(void *self, libloss_tile *tile)
{
    (void)self;
    const double *p = tile->input[0], *t = tile->input[1];
    double *value = tile->value, *gradient = tile->gradient[0];
    for (int64_t i = 0; i < tile->count; i++) {
        const double r = p[i] - t[i];
        if (value) value[i] = r * r * r * r;
        if (gradient) gradient[i] = 4 * r * r * r;
    }
    return LIBLOSS_OK;
}

int main(void)
{
    const libloss_info info = { .struct_size = sizeof info, .name = "quartic", .title = "Quartic error", .inputs = 2 };
    const libloss_input prediction = { .struct_size = sizeof prediction, .name = "prediction", .flags = LIBLOSS_DIFFERENTIABLE };
    const libloss_input target = { .struct_size = sizeof target, .name = "target" };
    const libloss_input *const inputs[2] = { &prediction, &target };
    const libloss_vtable table = {
        .struct_size = sizeof table, .info = &info, .inputs = inputs, .flags = LIBLOSS_ONLY_F64, .tile = quartic
    };
    const double p[3] = { 1, 2, 3 }, t[3] = { 1, 1, 1 };
    double mean, gradient[3];
    libloss_object *loss;

    if (libloss_create_custom(&table, NULL, NULL, 0, &loss) != LIBLOSS_OK) {
        fprintf(stderr, "%s\n", libloss_message());
        return 1;
    }
    if (libloss_call_f64(loss, LIBLOSS_SUM, 3, p, t, &mean, gradient) != LIBLOSS_OK) return 1;
    printf("sum %g, gradient %g %g %g\n", mean, gradient[0], gradient[1], gradient[2]);
    libloss_destroy(loss);
    return 0;
}
/* prints: sum 17, gradient 0 4 32 */
