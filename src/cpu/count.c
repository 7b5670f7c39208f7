/*
 * The files are read without stdio, which allocates. What cannot be read limits nothing.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "count.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, FILE_BYTES = 4096 };

/* Reads what fits, and ends it with a 0; -1 if there is no such file. */
static int read_text(const char *path, char *text, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t n = read(file, text, size - 1);
    close(file);
    text[n > 0 ? n : 0] = 0;
    return 0;
}

/* Appends n bytes to a path; 0 if they do not fit. */
static int append(char path[PATH_BYTES], const char *text, size_t n)
{
    size_t length = strlen(path);
    if (length + n >= PATH_BYTES) return 0;
    memcpy(path + length, text, n);
    path[length + n] = 0;
    return 1;
}

/* Digits at *p, which moves past them; -1 if there are none ("max", or -1 itself). */
static int64_t take_number(const char **p)
{
    int64_t n = **p >= '0' && **p <= '9' ? 0 : -1;
    for (; **p >= '0' && **p <= '9' && n < INT64_MAX / 16; (*p)++) n = 10 * n + (**p - '0');
    return n;
}

/* A number in a file of the directory; of cpu.max the second one follows the first. */
static int64_t read_number(char directory[PATH_BYTES], const char *name, int64_t *second)
{
    char text[64];
    const char *p = text;
    const size_t length = strlen(directory);
    if (!append(directory, name, strlen(name))) return -1;
    int found = read_text(directory, text, sizeof text);
    directory[length] = 0;
    if (found != 0) return -1;
    int64_t first = take_number(&p);
    if (*p == ' ') p++;
    if (second) *second = take_number(&p);
    return first;
}

static int64_t quota_of(char directory[PATH_BYTES], int version)
{
    int64_t period = -1, quota;
    if (version == 2) {
        quota = read_number(directory, "/cpu.max", &period);
    } else {
        quota = read_number(directory, "/cpu.cfs_quota_us", NULL);
        period = read_number(directory, "/cpu.cfs_period_us", NULL);
    }
    return quota > 0 && period > 0 ? (quota + period - 1) / period : INT64_MAX;
}

/* Whether "cpu" is among the words between the colons: version 1 names its controllers there, version 2 none. */
static int version_of(const char *words, const char *end)
{
    if (words == end) return 2;
    for (const char *p = words; p < end; p++)
        if ((p == words || p[-1] == ',') && strncmp(p, "cpu", 3) == 0 && (p[3] == ',' || p + 3 == end)) return 1;
    return 0;
}

int64_t libloss__quota(const char *membership, const char *root)
{
    char text[FILE_BYTES];
    int64_t least = INT64_MAX;
    if (read_text(membership, text, sizeof text) != 0) return least;
    for (const char *line = text, *next; *line; line = next) { /* 4:cpu,cpuacct:/group */
        const char *end = strchr(line, '\n'), *words = strchr(line, ':');
        if (!end) end = line + strlen(line);
        next = *end ? end + 1 : end;
        const char *group = words ? strchr(++words, ':') : NULL;
        if (!group || group > end) continue;
        const int version = version_of(words, group);
        char path[PATH_BYTES] = "";
        if (version == 0 || !append(path, root, strlen(root)) || (version == 1 && !append(path, "/cpu", 4))) continue;
        const size_t top = strlen(path);
        if (!append(path, group + 1, (size_t)(end - group - 1))) continue;
        for (;;) {
            const int64_t n = quota_of(path, version);
            if (n < least) least = n;
            char *slash = strrchr(path + top, '/');
            if (!slash) break;
            *slash = 0; /* a limit of the parent's is a limit */
        }
    }
    return least;
}

int64_t libloss__cpus(void)
{
    static atomic_int_fast64_t known; /* two threads may both find out; they find the same */
    int64_t quota = atomic_load_explicit(&known, memory_order_relaxed), cpus;
    if (quota == 0) {
        quota = libloss__quota("/proc/self/cgroup", "/sys/fs/cgroup");
        atomic_store_explicit(&known, quota, memory_order_relaxed);
    }
    cpu_set_t set; /* 1024 CPUs; on larger machines the call fails */
    cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
    if (cpus < 1) cpus = 1;
    return cpus < quota ? cpus : quota;
}
