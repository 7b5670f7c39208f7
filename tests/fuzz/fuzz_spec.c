/*
 * Specs from anywhere: refused with a message or accepted, and what is accepted prints a spec that makes an equal object. What is
 * refused leaves no object behind, and a column that is named lies in the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libloss.h"

static char *print(const libloss_object *o)
{
    const int64_t length = libloss_spec(o, NULL, 0);
    char *text = malloc((size_t)length + 1);
    if (!text || libloss_spec(o, text, length + 1) != length || (int64_t)strlen(text) != length) abort();
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    libloss_object *const none = (libloss_object *)(uintptr_t)8, *o = none, *p;
    if (libloss_create(text, &o) == LIBLOSS_OK) {
        char *canonical = print(o);
        if (libloss_create(canonical, &p) != LIBLOSS_OK) abort();
        char *again = print(p);
        if (strcmp(canonical, again) != 0) abort();
        free(canonical);
        free(again);
        libloss_destroy(p);
        libloss_destroy(o);
    } else {
        const char *message = libloss_message(), *column = strstr(message, "column ");
        if (!message[0] || o != none) abort();
        if (column && strncmp(message, "spec: ", 6) == 0 && strtoul(column + 7, NULL, 10) > strlen(text) + 1) abort();
    }
    free(text);
    return 0;
}
