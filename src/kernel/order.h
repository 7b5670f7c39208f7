/*
 * Sorting, for losses and metrics that look at ranks: a radix sort from the lowest byte up. Stable; what is equal may then be sorted by
 * something else.
 */
#ifndef LIBLOSS_KERNEL_ORDER_H
#define LIBLOSS_KERNEL_ORDER_H

#include <stdint.h>
#include <string.h>

#define ORDERING static inline __attribute__((unused))

typedef struct {
    uint64_t key;
    int64_t item;
} ranked;

enum { KEY_BYTES = 8, FEW_RANKED = 48 };

/* Integers in the order of the numbers: of negative ones all bits are turned, of others the sign. Of the two zeros one; no NaN. */
ORDERING uint64_t rank_key(double x)
{
    uint64_t bits;
    x += 0.0; /* of the two zeros this makes one */
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* Few numbers are not worth the counting. */
ORDERING void insert_ranked(ranked *a, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const ranked one = a[i];
        int64_t j = i;
        for (; j > 0 && a[j - 1].key > one.key; j--) a[j] = a[j - 1];
        a[j] = one;
    }
}

/* Sorts by ascending key; equal keys keep their order. `b` is room for n more, and one of the two is where the answer lies. Linear time, no
 * recursion. */
ORDERING ranked *sort_ranked(ranked *a, ranked *b, int64_t n)
{
    int64_t count[KEY_BYTES][256];
    if (n <= FEW_RANKED) {
        insert_ranked(a, n);
        return a;
    }
    memset(count, 0, sizeof count);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < KEY_BYTES; k++) count[k][a[i].key >> 8 * k & 255]++;
    for (int k = 0; k < KEY_BYTES; k++) {
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

/* Puts those of equal keys, which are sorted already, in the order of tie[item], or of tie[item/2] if `halved`; what is equal in that too
 * stays as it is. */
ORDERING void sort_ties(ranked *a, ranked *room, int64_t n, const double *tie, int halved)
{
    for (int64_t at = 0, next; at < n; at = next) {
        const uint64_t key = a[at].key;
        for (next = at + 1; next < n && a[next].key == key; next++) {}
        if (next - at == 1) continue;
        for (int64_t i = at; i < next; i++) a[i].key = rank_key(tie[a[i].item >> halved]);
        const ranked *sorted = sort_ranked(a + at, room, next - at);
        if (sorted != a + at) memcpy(a + at, sorted, (size_t)(next - at) * sizeof *a);
        for (int64_t i = at; i < next; i++) a[i].key = key;
    }
}

/* Items 0 .. n - 1 by ascending x[item], equal ones by ascending tie[item], and then by number; tie NULL: by number alone. The answer lies
 * in the work, of ORDER_WORK doubles for each. */
enum { ORDER_WORK = 4 };
ORDERING const ranked *order_of(const double *x, const double *tie, int64_t n, double *work)
{
    ranked *a = (ranked *)(void *)work, *room = a + n;
    for (int64_t i = 0; i < n; i++) a[i] = (ranked){ rank_key(x[i]), i };
    ranked *sorted = sort_ranked(a, room, n);
    if (tie) sort_ties(sorted, sorted == a ? room : a, n, tie, 0);
    return sorted;
}

#endif
