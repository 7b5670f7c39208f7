/* A file in chunks, two workers, one answer: totals are exact, so it is the whole's, to the last bit. */
#include <libloss.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    static float prediction[1000], target[1000];
    uint64_t first[LIBLOSS_TOTAL_SIMPLE / 8], second[LIBLOSS_TOTAL_SIMPLE / 8], saved[LIBLOSS_TOTAL_SIMPLE / 8];
    libloss_total *whole = (libloss_total *)first, *rest = (libloss_total *)second;
    libloss_object *loss;
    double once, streamed;
    for (int i = 0; i < 1000; i++) prediction[i] = (float)(i % 37) / 7, target[i] = (float)(i % 11);
    if (libloss_create("log_cosh", &loss) != LIBLOSS_OK) return 1;
    libloss_call_f32(loss, LIBLOSS_MEAN, 1000, prediction, target, &once, NULL);
    libloss_total_start(whole, sizeof first, loss, NULL);
    libloss_total_start(rest, sizeof second, loss, NULL);
    for (int64_t start = 0; start < 1000; start += 300) {
        const int64_t n = start + 300 < 1000 ? 300 : 1000 - start;
        const libloss_tensor p = {
            .data = prediction + start, .device_type = 1, .ndim = 1, .dtype_code = 2, .dtype_bits = 32, .dtype_lanes = 1, .shape = &n
        };
        libloss_tensor t = p;
        t.data = target + start;
        const libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .total = start < 600 ? whole : rest };
        if (libloss_eval(loss, &args) != LIBLOSS_OK) return puts(libloss_message()), 1;
    }
    const int64_t length = libloss_total_save(rest, saved, sizeof saved); /* to another machine, and back */
    libloss_total_load(rest, sizeof second, saved, length);
    libloss_total_merge(whole, rest);
    libloss_total_value(whole, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, &streamed, 1);
    printf("%s\n", memcmp(&once, &streamed, sizeof once) == 0 ? "the same bits" : "different bits");
    libloss_destroy(loss);
    return 0;
}
/* prints: the same bits */
