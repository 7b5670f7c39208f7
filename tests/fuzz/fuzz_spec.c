/*
 * Specs from anywhere: refused with a message or accepted, and what is accepted prints a spec that makes an equal object.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libloss.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), canonical[8192], again[8192];
    memcpy(text, data, size);
    text[size] = 0;
    libloss_object *o, *p;
    libloss_status status = libloss_create(text, &o);
    if (status == LIBLOSS_OK) {
        libloss_spec(o, canonical, sizeof canonical);
        if (libloss_create(canonical, &p) != LIBLOSS_OK) abort();
        libloss_spec(p, again, sizeof again);
        if (strcmp(canonical, again) != 0) abort();
        libloss_destroy(p);
        libloss_destroy(o);
    } else if (!libloss_message()[0]) {
        abort();
    }
    free(text);
    return 0;
}
