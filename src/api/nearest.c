/*
 * Edit distance with swaps of neighbours (Damerau 1964, doi:10.1145/363958.363994), on names cut to a bounded length. A
 * name that contains the other counts as near too: "cross" finds cross_entropy.
 */
#include "nearest.h"

#include <string.h>

enum { MOST = 48 };

static int smallest(int a, int b) { return a < b ? a : b; }

static int distance(const char *a, int m, const char *b, int n)
{
    int row[3][MOST + 1] = { { 0 } }; /* the rows i - 2, i - 1 and i, in turn */
    for (int j = 0; j <= n; j++) row[0][j] = j;
    for (int i = 1; i <= m; i++) {
        int *now = row[i % 3], *above = row[(i + 2) % 3], *two = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= n; j++) {
            int same = a[i - 1] == b[j - 1];
            now[j] = smallest(smallest(above[j], now[j - 1]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = smallest(now[j], two[j - 2] + 1);
        }
    }
    return row[m % 3][n];
}

static int contains(const char *text, int n, const char *part, int m)
{
    for (int i = 0; m >= 3 && i + m <= n; i++)
        if (memcmp(text + i, part, (size_t)m) == 0) return 1;
    return 0;
}

int libloss__nearest(const char *name, int64_t length, const char *(*candidate)(void *context, int64_t i), void *context, int64_t count,
                     const char *nearest[3])
{
    char lower[MOST];
    int m = length < MOST ? (int)length : MOST, found = 0, cost[3] = { 0 };
    for (int i = 0; i < m; i++) lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
    for (int64_t k = 0; k < count; k++) {
        const char *other = candidate(context, k);
        int n = other ? (int)strlen(other) : 0;
        if (n == 0 || n > MOST) continue;
        int c = 2 * distance(lower, m, other, n);
        if (contains(other, n, lower, m) || contains(lower, m, other, n)) c = smallest(c, 3);
        if (c > 2 * (1 + (m < n ? m : n) / 3)) continue;
        int at = found < 3 ? found++ : 3;
        for (; at > 0 && cost[at - 1] > c; at--)
            if (at < 3) nearest[at] = nearest[at - 1], cost[at] = cost[at - 1];
        if (at < 3) nearest[at] = other, cost[at] = c;
    }
    return found;
}
