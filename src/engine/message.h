/*
 * Failing with a text: into the caller's own buffer, if there is one, and into the thread's, for libloss_message().
 */
#ifndef LIBLOSS_ENGINE_MESSAGE_H
#define LIBLOSS_ENGINE_MESSAGE_H

#include "libloss.h"

typedef struct {
    char *text;
    size_t size; /* PRIVATE_SINK added: the thread's own message is left alone */
} libloss__sink;

#define PRIVATE_SINK (SIZE_MAX / 2 + 1)

/* Returns the status. Directives: %s text (NULL prints nothing), %.*s (int64_t length, text), %d int64_t, %g double, shortest,
 * %S a shape (int64_t ndim, const int64_t *), %%. Never overruns, always ends the text, never cuts a UTF-8 character. */
libloss_status libloss__fail(libloss__sink sink, libloss_status status, const char *format, ...);

/* Hands a failure on. */
#define TRY(call_)                                 \
    do {                                           \
        libloss_status status_ = (call_);          \
        if (status_ != LIBLOSS_OK) return status_; \
    } while (0)

#endif
