/*
 * The canonical spec: the text that makes an equal object, printed without the locale. Its hash tells totals apart.
 */
#include <string.h>

#include "../cpu/control.h"
#include "../engine/number.h"
#include "object.h"

typedef struct {
    char *text;
    int64_t size, length;
    uint64_t hash; /* FNV-1a, 64 bits, of all that was put, whether or not it had room */
} writer;

static void put(writer *w, const char *text, int64_t n)
{
    for (int64_t i = 0; i < n; i++, w->length++) {
        if (w->length + 1 < w->size) w->text[w->length] = text[i];
        w->hash = (w->hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    }
}

static void put_text(writer *w, const char *text) { put(w, text, (int64_t)strlen(text)); }

static void put_number(writer *w, double x)
{
    char number[32];
    put(w, number, libloss__print_number(x, number));
}

static void put_value(writer *w, const loss_parameter *p, double x)
{
    if (!p->choices) {
        put_number(w, x);
        return;
    }
    const char *word = p->choices;
    for (int64_t skip = (int64_t)x; skip > 0; skip--) word += strcspn(word, " ") + 1;
    put(w, word, (int64_t)strcspn(word, " "));
}

/* Only what differs from the fallback: specs of equal objects are equal texts. */
static void put_object(writer *w, const libloss_object *o)
{
    int settings = 0;
    put_text(w, o->name);
    for (int32_t k = 0; k < o->parameters; k++) {
        const loss_parameter *p = &o->parameter[k];
        const int64_t n = o->first[k + 1] - o->first[k];
        const double *v = o->value + o->first[k];
        if (p->flags & OPTIONAL ? n == 0 : n == 1 && v[0] == p->fallback) continue;
        put_text(w, settings++ ? ", " : "(");
        put_text(w, p->name);
        put_text(w, "=");
        if (n != 1) put_text(w, "[");
        for (int64_t i = 0; i < n; i++) {
            if (i) put_text(w, ", ");
            put_value(w, p, v[i]);
        }
        if (n != 1) put_text(w, "]");
    }
    if (settings) put_text(w, ")");
}

static void put_spec(writer *w, const libloss_object *o)
{
    if (o->kind != OBJECT_SUM) put_object(w, o);
    for (int64_t k = 0; k < o->terms; k++) {
        double f = o->factor[k];
        if (k) put_text(w, f < 0 ? " - " : " + ");
        put_number(w, k && f < 0 ? -f : f);
        put_text(w, "*");
        put_object(w, o->term[k]);
    }
}

static int64_t print_spec(const libloss_object *o, char *text, int64_t size)
{
    writer w = { .text = text, .size = text ? size : 0 };
    if (!o) return 0;
    put_spec(&w, o);
    if (w.size > 0) text[w.length < w.size ? w.length : w.size - 1] = 0;
    return w.length;
}

int64_t libloss_spec(const libloss_object *o, char *text, int64_t size)
{
    uint64_t word = libloss__enter();
    int64_t length = print_spec(o, text, size);
    libloss__leave(word);
    return length;
}

uint64_t libloss__hash_spec(const libloss_object *o)
{
    writer w = { .hash = UINT64_C(14695981039346656037) };
    put_spec(&w, o);
    return w.hash;
}
