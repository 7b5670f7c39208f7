/*
 * A radix sort from the lowest byte up: stable, so sorting by the tie first and by the number after it sorts by both.
 */
#include "order.h"

#include <string.h>

enum { BYTES = 8, FEW = 48 };

/* Of negative numbers all bits are turned, of others the sign. */
uint64_t libloss__rank_key(double x)
{
    uint64_t bits;
    x += 0.0; /* of the two zeros this makes one */
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* Few numbers are not worth the counting. */
static void insert(ranked *a, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const ranked one = a[i];
        int64_t j = i;
        for (; j > 0 && a[j - 1].key > one.key; j--) a[j] = a[j - 1];
        a[j] = one;
    }
}

ranked *libloss__sort(ranked *a, ranked *b, int64_t n)
{
    int64_t count[BYTES][256];
    if (n <= FEW) {
        insert(a, n);
        return a;
    }
    memset(count, 0, sizeof count);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < BYTES; k++) count[k][a[i].key >> 8 * k & 255]++;
    for (int k = 0; k < BYTES; k++) {
        int64_t place = 0;
        if (count[k][a[0].key >> 8 * k & 255] == n) continue; /* all alike in this byte */
        for (int j = 0; j < 256; j++) {
            const int64_t next = place + count[k][j];
            count[k][j] = place;
            place = next;
        }
        for (int64_t i = 0; i < n; i++) b[count[k][a[i].key >> 8 * k & 255]++] = a[i];
        ranked *t = a;
        a = b;
        b = t;
    }
    return a;
}

const ranked *libloss__order(const double *x, const double *tie, int64_t n, double *work)
{
    ranked *a = (ranked *)(void *)work, *room = a + n;
    for (int64_t i = 0; i < n; i++) a[i] = (ranked){ libloss__rank_key((tie ? tie : x)[i]), i };
    if (tie) {
        ranked *sorted = libloss__sort(a, room, n);
        if (sorted != a) room = a;
        a = sorted;
        for (int64_t i = 0; i < n; i++) a[i].key = libloss__rank_key(x[a[i].item]);
    }
    return libloss__sort(a, room, n);
}
