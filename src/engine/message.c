/*
 * A formatter of its own: printf knows the locale (a decimal comma) and may allocate. The thread's buffer is touched
 * by failing calls only, and in the initial-exec model: else a dlopened library's first touch on each
 * thread is a malloc, and glibc aborts when that fails.
 */
#include "message.h"

#include <stdarg.h>
#include <string.h>

#include "number.h"

enum { MESSAGE_BYTES = 256 };

static __thread char last[MESSAGE_BYTES] __attribute__((tls_model("initial-exec")));

const char *libloss_message(void) { return last; }

typedef struct {
    char text[MESSAGE_BYTES];
    size_t length;
} writer;

static void put(writer *w, const char *text, size_t n)
{
    size_t room = MESSAGE_BYTES - 1 - w->length;
    if (n > room) n = room;
    memcpy(w->text + w->length, text, n);
    w->length += n;
}

static void put_shape(writer *w, int64_t ndim, const int64_t *shape)
{
    char number[24];
    put(w, "(", 1);
    for (int64_t k = 0; k < ndim; k++) {
        if (k) put(w, " ", 1);
        put(w, number, (size_t)libloss__print_integer(shape[k], number));
        if (k + 1 < ndim || ndim == 1) put(w, ",", 1);
    }
    put(w, ")", 1);
}

/* Copies as much as fits, and not the beginning of a character without its end. */
static void copy_cut(char *to, size_t size, const writer *from)
{
    if (!to || size == 0) return;
    size_t n = from->length < size - 1 ? from->length : size - 1;
    if (n < from->length)
        while (n > 0 && ((unsigned char)from->text[n] & 0xc0) == 0x80) n--;
    memcpy(to, from->text, n);
    to[n] = 0;
}

libloss_status libloss__fail(libloss__sink sink, libloss_status status, const char *format, ...)
{
    writer w = { .length = 0 };
    va_list list;
    va_start(list, format);
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            put(&w, f, 1);
            continue;
        }
        char number[32];
        switch (*++f) {
        case 's': {
            const char *s = va_arg(list, const char *);
            if (s) put(&w, s, strlen(s));
            break;
        }
        case '.': { /* %.*s */
            int64_t n = va_arg(list, int64_t);
            const char *s = va_arg(list, const char *);
            put(&w, s, (size_t)n);
            f += 2;
            break;
        }
        case 'd': put(&w, number, (size_t)libloss__print_integer(va_arg(list, int64_t), number)); break;
        case 'g': put(&w, number, (size_t)libloss__print_number(va_arg(list, double), number)); break;
        case 'S': {
            int64_t ndim = va_arg(list, int64_t);
            put_shape(&w, ndim, va_arg(list, const int64_t *));
            break;
        }
        default: put(&w, f, 1); break;
        }
    }
    va_end(list);
    w.text[w.length] = 0;
    if (sink.size < PRIVATE_SINK) copy_cut(last, sizeof last, &w);
    copy_cut(sink.text, sink.size & ~PRIVATE_SINK, &w);
    return status;
}
